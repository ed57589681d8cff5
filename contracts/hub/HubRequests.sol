// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Request } from "../interfaces/HubTypes.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { Account } from "../libraries/Account.sol";
import { RequestState, RequestStates } from "../libraries/RequestState.sol";
import { Statements } from "../libraries/Statements.sol";
import { Terms, TermsHead } from "../libraries/Terms.sol";
import { HubCore } from "./HubCore.sol";

/// @title Opening and refunding requests
abstract contract HubRequests is HubCore {
    /// @dev Money is not tied up for longer than anybody would wait for an inference.
    uint256 private constant MAX_DEADLINE_AHEAD_SECONDS = 30 days;
    /// @dev A callback must fit a block beside other work, and a transaction (16,777,216 gas) beside its result.
    uint256 private constant MAX_CALLBACK_GAS = 5_000_000;

    /// @inheritdoc IInferenceHub
    function request(
        bytes32 modelHash,
        bytes calldata input,
        bytes calldata terms,
        bytes32 salt
    ) external payable override returns (bytes32 requestId) {
        if (modelHash == 0) revert HubModelZero();
        if (input.length == 0) revert HubInputEmpty();
        if (msg.value > type(uint96).max) revert HubRewardTooLarge(msg.value);
        _admit(Terms.parse(terms));
        (uint256 start, uint256 size, bytes32 termsHash, bytes32 inputHash) = _frame(salt, terms, input);
        requestId = Statements.requestId(_idDomain, msg.sender, salt, modelHash, inputHash, termsHash, msg.value);
        uint256 slot = _slotOf(requestId);
        if (RequestState.unwrap(_read(slot)) != 0) revert HubRequestExists(requestId);
        _write(slot, RequestStates.pack(RequestStates.OPEN, block.timestamp, 0));
        bytes32 topic = Requested.selector;
        // `emit Requested(requestId, msg.sender, modelHash, salt, rewardWei, terms, input)` over the frame.
        assembly ("memory-safe") {
            log4(start, size, topic, requestId, caller(), modelHash)
        }
    }

    /// @inheritdoc IInferenceHub
    function refund(Request calldata request_) external override {
        bytes32 id = _idOf(request_);
        uint8 status = _states[id].status();
        if (status != RequestStates.OPEN) revert HubRequestNotOpen(id, status);
        TermsHead head = Terms.headOf(request_.terms);
        uint256 deadline = head.deadline();
        if (block.timestamp <= deadline) revert HubDeadlineNotPassed(id, deadline, block.timestamp);
        address refundTo = head.refundTo(request_.terms, request_.requester);
        _states[id] = RequestStates.pack(RequestStates.REFUNDED, block.timestamp, 0);
        _credit(Account.ofAddress(refundTo), request_.rewardWei);
        emit Refunded(id, refundTo, request_.rewardWei);
    }

    /// @inheritdoc IInferenceHub
    function statusOf(bytes32 requestId) external view override returns (uint8 status, uint40 at, uint208 commitment) {
        RequestState state = _states[requestId];
        return (state.status(), state.at(), state.commitment());
    }

    /// @dev Refuses what could not be served or would surprise the requester, at the moment it costs least.
    function _admit(TermsHead head) private view {
        uint256 deadline = head.deadline();
        // A deadline that is not ahead wraps to a huge number, so one comparison refuses both ends.
        unchecked {
            if (deadline - block.timestamp - 1 >= MAX_DEADLINE_AHEAD_SECONDS) {
                revert HubDeadlineInvalid(deadline, block.timestamp, block.timestamp + MAX_DEADLINE_AHEAD_SECONDS);
            }
        }
        if (head.callbackGas() > MAX_CALLBACK_GAS) revert HubCallbackGasTooHigh(head.callbackGas(), MAX_CALLBACK_GAS);
        _requireTrust(head.minTrust());
        if (head.hasKinds()) {
            if (head.proofKind() != 0) revert HubProofKindUnsupported(head.proofKind());
            revert HubInputKindUnsupported(head.inputKind());
        }
        if (head.refusalFeeWei() > msg.value) revert HubRefusalFeeTooHigh(head.refusalFeeWei(), msg.value);
    }

    /// @dev The data of `Requested`, laid down once, so that terms and input are hashed where the event is read from:
    /// `salt | rewardWei | 0x80 | offset of input | length of terms | terms, padded | length of input | input, padded`.
    function _frame(
        bytes32 salt,
        bytes calldata terms,
        bytes calldata input
    ) private view returns (uint256 start, uint256 size, bytes32 termsHash, bytes32 inputHash) {
        // The free pointer is moved behind the frame, so later scratch does not overwrite it. Paddings are written
        // before the bytes they follow and end where those end; terms and input are never empty here. Lengths are
        // bounded by calldata, so no sum overflows. The value fits 96 bits by the check in `request`.
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(start, salt)
            mstore(add(start, 0x20), callvalue())
            mstore(add(start, 0x40), 0x80)
            let padded := and(add(terms.length, 0x1f), not(0x1f))
            mstore(add(start, 0x60), add(0xa0, padded))
            mstore(add(start, 0x80), terms.length)
            let data := add(start, 0xa0)
            mstore(add(data, sub(padded, 0x20)), 0)
            calldatacopy(data, terms.offset, terms.length)
            termsHash := keccak256(data, terms.length)
            data := add(data, padded)
            mstore(data, input.length)
            data := add(data, 0x20)
            padded := and(add(input.length, 0x1f), not(0x1f))
            mstore(add(data, sub(padded, 0x20)), 0)
            calldatacopy(data, input.offset, input.length)
            inputHash := keccak256(data, input.length)
            size := sub(add(data, padded), start)
            mstore(0x40, add(start, size))
        }
    }
}
