// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import {Request} from "../interfaces/HubTypes.sol";
import {IInferenceHub} from "../interfaces/IInferenceHub.sol";
import {Account} from "../libraries/Account.sol";
import {RequestState, RequestStates} from "../libraries/RequestState.sol";
import {Statements} from "../libraries/Statements.sol";
import {Terms, TermsHead} from "../libraries/Terms.sol";
import {HubCore} from "./HubCore.sol";

/// @title Opening and refunding requests
abstract contract HubRequests is HubCore {
    /// @dev Money is not tied up for longer than anybody would wait for an inference.
    uint256 private constant MAX_DEADLINE_AHEAD_SECONDS = 30 days;
    /// @dev A callback must fit a block beside other work, and a transaction (16,777,216 gas) beside its result.
    uint256 private constant MAX_CALLBACK_GAS = 5_000_000;
    /// @dev 4 is hardware-rooted; nothing is above it.
    uint8 private constant MAX_TRUST = 4;

    /// @inheritdoc IInferenceHub
    function request(bytes32 modelHash, bytes calldata input, bytes calldata terms, bytes32 salt)
        external
        payable
        override
        returns (bytes32 requestId)
    {
        if (modelHash == 0) revert HubModelZero();
        if (input.length == 0) revert HubInputEmpty();
        if (msg.value > type(uint96).max) revert HubRewardTooLarge(msg.value);
        _admit(Terms.parse(terms));
        requestId = Statements.requestId(
            _idDomain, msg.sender, salt, modelHash, keccak256(input), keccak256(terms), msg.value
        );
        if (RequestState.unwrap(_states[requestId]) != 0) revert HubRequestExists(requestId);
        _states[requestId] = RequestStates.pack(RequestStates.OPEN, block.timestamp, 0);
        emit Requested(requestId, msg.sender, modelHash, salt, uint96(msg.value), terms, input);
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
    function statusOf(bytes32 requestId)
        external
        view
        override
        returns (uint8 status, uint40 at, uint208 commitment)
    {
        RequestState state = _states[requestId];
        return (state.status(), state.at(), state.commitment());
    }

    /// @dev Refuses what could not be served or would surprise the requester, at the moment it costs least.
    function _admit(TermsHead head) private view {
        uint256 deadline = head.deadline();
        // No overflow: block time is far below 2^255.
        unchecked {
            uint256 latest = block.timestamp + MAX_DEADLINE_AHEAD_SECONDS;
            if (deadline <= block.timestamp || deadline > latest) {
                revert HubDeadlineInvalid(deadline, block.timestamp, latest);
            }
        }
        uint256 callbackGas = head.callbackGas();
        if (callbackGas > MAX_CALLBACK_GAS) revert HubCallbackGasTooHigh(callbackGas, MAX_CALLBACK_GAS);
        uint8 minTrust = head.minTrust();
        if (minTrust == 0 ? !registry.developmentLevelAllowed() : minTrust > MAX_TRUST) {
            revert HubMinTrustInvalid(minTrust);
        }
        if (head.proofKind() != 0) revert HubProofKindUnsupported(head.proofKind());
        if (head.inputKind() != 0) revert HubInputKindUnsupported(head.inputKind());
        if (head.refusalFeeWei() > msg.value) revert HubRefusalFeeTooHigh(head.refusalFeeWei(), msg.value);
    }
}
