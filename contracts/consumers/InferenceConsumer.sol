// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { IInferenceCallback, InferenceAnswer } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { TensorSet } from "../libraries/TensorSet.sol";
import { Terms, TermsFields } from "../libraries/Terms.sol";
import { ConsumerPolicy } from "./ConsumerPolicy.sol";

/// @title Base of contracts that ask a model and act on its answer
/// @notice Inherit, call `_ask`, act in `_onAnswer`, undo in `_onNoAnswer`. The base takes answers from the hub only, for
/// requests that it made itself and only once each, and reads the output strictly.
///
/// WHAT A CONSUMER MUST KNOW
/// - Features come from the contract's own, time-averaged state, never from calldata or spot prices: whoever chooses the
///   input chooses the answer.
/// - The operator decides when, between request and deadline, the answer lands, and whether it lands at all. It can not
///   change it. A callback that trades uses limits stored when it asked, or only records and acts later.
/// - Input and output are public, for ever; the answer can be seen before the callback acts on it.
/// - A policy without a profile leaves the choice among honest answers of different hardware to whoever brings the result.
///   A policy without an image trusts whatever image the registry's governor approves. One of the two is demanded.
/// - An answer says what the model says. Whether the model is right about the world nobody here checks.
/// - A request may end without an answer: refused, refunded, or its callback failed until the retries ended. Then anyone
///   calls `abandon`, and `_onNoAnswer` must give back whatever the request held.
abstract contract InferenceConsumer is IInferenceCallback {
    /// @notice The policy names neither profile nor image, or leaves no gas or no time.
    error ConsumerPolicyIncomplete();
    /// @notice Only the hub may deliver answers.
    error ConsumerCallerNotHub(address caller);
    /// @notice This contract did not ask that, or was answered already.
    error ConsumerNotPending(bytes32 requestId);
    /// @notice The request may still be answered. `status` as in `IInferenceHub.statusOf`.
    error ConsumerStillOpen(bytes32 requestId, uint8 status);

    uint8 private constant CALLBACK_FAILED = 3;
    uint8 private constant REFUSED = 4;
    uint8 private constant REFUNDED = 5;

    /// @notice The only caller whose answers count.
    IInferenceHub public immutable hub;

    bytes32 private immutable _profile;
    bytes32 private immutable _imageId;
    uint8 private immutable _minTrust;
    uint32 private immutable _callbackGas;
    uint32 private immutable _deadlineSeconds;
    uint32 private immutable _retrySeconds;

    /// @dev Salts every request, so that the same question asked twice has two ids.
    uint256 private _asked;
    mapping(bytes32 requestId => uint256 retryUntilSeconds) private _pending;

    /// @param hub_ The hub to ask.
    /// @param policy Whose answers to take; see `ConsumerPolicy`.
    constructor(IInferenceHub hub_, ConsumerPolicy memory policy) {
        bool anybody = policy.profile == 0 && policy.imageId == 0;
        if (anybody || policy.callbackGas == 0 || policy.deadlineSeconds == 0) revert ConsumerPolicyIncomplete();
        hub = hub_;
        _profile = policy.profile;
        _imageId = policy.imageId;
        _minTrust = policy.minTrust;
        _callbackGas = policy.callbackGas;
        _deadlineSeconds = policy.deadlineSeconds;
        _retrySeconds = policy.retrySeconds;
    }

    /// @inheritdoc IInferenceCallback
    function onInference(InferenceAnswer calldata answer, bytes calldata output) external {
        if (msg.sender != address(hub)) revert ConsumerCallerNotHub(msg.sender);
        _take(answer.requestId);
        _onAnswer(answer, TensorSet.decode(output));
    }

    /// @notice Ends a request that will never be answered, by anyone: it was refused or refunded at the hub, or its
    /// callback failed and can not be run again. An open request past its deadline is refunded at the hub first.
    function abandon(bytes32 requestId) external {
        uint256 retryUntil = _pending[requestId];
        (uint8 status, , ) = hub.statusOf(requestId);
        bool ended = status == REFUSED || status == REFUNDED;
        if (!ended && !(status == CALLBACK_FAILED && block.timestamp > retryUntil)) {
            revert ConsumerStillOpen(requestId, status);
        }
        _take(requestId);
        _onNoAnswer(requestId);
    }

    /// @notice Whether an answer to this request would be taken.
    function isPending(bytes32 requestId) public view returns (bool) {
        return _pending[requestId] != 0;
    }

    /// @dev Asks, under the policy. What the answer will need must be stored under the returned id in the same
    /// transaction; the hub calls nobody in between.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param input An encoded tensor set (`TensorEncoder.set`).
    /// @param rewardWei What the operator gets, from this contract's balance. Below the market nobody answers.
    /// @param refundTo Whose credit at the hub the reward becomes if nobody answers; 0 = this contract's, which then must
    /// call `hub.withdraw` and be able to receive.
    function _ask(
        bytes32 modelHash,
        bytes memory input,
        uint256 rewardWei,
        address refundTo
    ) internal returns (bytes32 requestId) {
        uint40 deadline = uint40(block.timestamp + _deadlineSeconds);
        uint40 retryUntil = deadline + _retrySeconds;
        TermsFields memory fields;
        fields.deadline = deadline;
        fields.retryUntil = retryUntil;
        fields.callbackGas = _callbackGas;
        fields.minTrust = _minTrust;
        fields.profile = _profile;
        fields.imageId = _imageId;
        fields.refundTo = refundTo;
        bytes32 salt = bytes32(++_asked);
        requestId = hub.request{ value: rewardWei }(modelHash, input, Terms.encode(fields), salt);
        _pending[requestId] = retryUntil;
    }

    /// @dev Acts on the answer, inside the policy's callback gas. A revert is recorded by the hub and can be repeated
    /// until the retries end; the operator is paid all the same. `TensorSet.single` and `TensorReader` read `outputs`.
    function _onAnswer(InferenceAnswer calldata answer, NamedTensor[] memory outputs) internal virtual;

    /// @dev Gives back what the request held. Must not revert, or it is held for ever.
    function _onNoAnswer(bytes32 requestId) internal virtual;

    /// @dev Before anything else happens, so that nothing that happens can use the id again.
    function _take(bytes32 requestId) private {
        if (_pending[requestId] == 0) revert ConsumerNotPending(requestId);
        delete _pending[requestId];
    }
}
