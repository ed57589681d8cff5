// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { ISyncInferenceErrors } from "../interfaces/ISyncInferenceErrors.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { TensorSet } from "../libraries/TensorSet.sol";

/// @title Base of contracts that ask a model and have its answer in the same transaction
/// @notice Inherit and call `_infer`. Where no result is present it reverts with `InferenceRequired`, from which an engine
/// reads what to run; it brings the result and sends the transaction again. Use costs no fee, so nobody can spend this
/// contract's money by calling it.
///
/// WHAT A CONSUMER MUST KNOW
/// - Who sends the transaction decides whether it is sent at all and, where it chooses the input, which input. So features
///   come from the contract's own, time-averaged state, never from calldata and never from a price that the same
///   transaction can move: whoever chooses the input chooses the answer.
/// - Who sends it also decides whether a result is brought. `_tryInfer` is for information; a fallback, where one is needed,
///   is the *worst* case for the sender, or the sender will choose it.
/// - A result lives up to 24 h, and within that time the sender may bring an older one. One input has one answer inside a
///   profile, so what is old is the moment it was computed, not what it says.
/// - Input and output are public, and can be seen before the transaction is included.
/// - Terms without a profile leave the choice among honest answers of different hardware to whoever brings the result. Terms
///   without an image trust whatever image the registry's governor approves. One of the two is demanded.
/// - An answer says what the model says. Whether the model is right about the world nobody here checks.
/// - A public mempool gives no guarantee that a result published before a transaction is still usable when it lands: then it
///   reverts, and does nothing.
abstract contract SyncInferenceConsumer {
    /// @notice The terms name neither profile nor image.
    error SyncConsumerTermsIncomplete();

    /// @notice Where results are present.
    IInferenceHub public immutable hub;

    bytes32 private immutable _profile;
    bytes32 private immutable _imageId;
    uint8 private immutable _minTrust;

    /// @param hub_ The hub to ask.
    /// @param terms Whose answers to take; see `InferTerms`.
    constructor(IInferenceHub hub_, InferTerms memory terms) {
        if (terms.profile == 0 && terms.imageId == 0) revert SyncConsumerTermsIncomplete();
        hub = hub_;
        (_minTrust, _profile, _imageId) = (terms.minTrust, terms.profile, terms.imageId);
    }

    /// @notice Whose answers this contract takes.
    function inferTerms() public view returns (InferTerms memory) {
        return InferTerms(_minTrust, _profile, _imageId);
    }

    /// @dev The model's outputs, or the whole transaction reverts with `InferenceRequired`. Do not catch that.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param input An encoded tensor set (`TensorEncoder.set`).
    function _infer(bytes32 modelHash, bytes memory input) internal returns (NamedTensor[] memory) {
        return TensorSet.decodeMemory(hub.infer(modelHash, input, inferTerms()));
    }

    /// @dev As `_infer`, with an empty list where no result is present. The sender decides which of the two it is.
    function _tryInfer(
        bytes32 modelHash,
        bytes memory input
    ) internal returns (bool present, NamedTensor[] memory outputs) {
        bytes memory output;
        (present, output) = hub.tryInfer(modelHash, input, inferTerms());
        if (present) outputs = TensorSet.decodeMemory(output);
    }

    /// @dev As `_infer`, for views. Reverts with the same error, so that an engine finds what a view asks, too.
    function _peek(bytes32 modelHash, bytes memory input) internal view returns (NamedTensor[] memory) {
        InferTerms memory terms = inferTerms();
        (bool present, bytes memory output) = hub.peek(modelHash, input, terms);
        if (!present) {
            bytes32 key = keccak256(
                abi.encode(modelHash, keccak256(input), terms.minTrust, terms.profile, terms.imageId)
            );
            revert ISyncInferenceErrors.InferenceRequired(key, modelHash, input, terms);
        }
        return TensorSet.decodeMemory(output);
    }
}
