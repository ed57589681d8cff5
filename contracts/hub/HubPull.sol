// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Expected, ResultStatement } from "../interfaces/HubTypes.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { Codes } from "../libraries/Codes.sol";
import { Domain } from "../libraries/Domain.sol";
import { Lifetime } from "../libraries/Lifetime.sol";
import { Proofs } from "../libraries/Proofs.sol";
import { RequestState, RequestStates } from "../libraries/RequestState.sol";
import { Statements } from "../libraries/Statements.sol";
import { HubCore } from "./HubCore.sol";

/// @title Pull: results that are brought and checked, without storage; and what can be said about old ones
abstract contract HubPull is HubCore {
    /// @inheritdoc IInferenceHub
    function verify(
        Expected calldata expected,
        bytes calldata output,
        ResultStatement calldata statement,
        bytes calldata proof
    ) external view override returns (address signer, uint8 trust) {
        _checkPurpose(expected, statement);
        _checkContent(expected, output, statement);
        _checkTime(expected, statement);
        bytes32 id = statement.requestId;
        signer = Proofs.recover(Domain.digest(domainSeparator(), Statements.resultHash(statement)), proof);
        if (signer == address(0)) revert HubBadProof(id);
        uint8 code;
        (code, , trust, ) = registry.check(signer, expected.minTrust, expected.imageId);
        if (code != Codes.OK) revert HubSignerNotUsable(id, signer, code);
        // Only then does anyone depend on a level that exists for consumers' unit tests.
        if (expected.minTrust == 0 && !registry.developmentLevelAllowed()) revert HubMinTrustInvalid(0);
    }

    /// @inheritdoc IInferenceHub
    function wasAuthentic(
        bytes32 requestId,
        bytes32 statementHash,
        address signer,
        uint64 requestedAt
    ) external view override returns (bool) {
        RequestState state = _states[requestId];
        uint8 status = state.status();
        return
            (status == RequestStates.FULFILLED || status == RequestStates.CALLBACK_FAILED) &&
            state.commitment() == Statements.commitmentOf(statementHash, signer, requestedAt) &&
            registry.wasActive(signer, state.at());
    }

    /// @dev Portable, or made for the caller. Anything else was answered for somebody else's reasons.
    function _checkPurpose(Expected calldata expected, ResultStatement calldata s) private view {
        if (s.requester != msg.sender) {
            if (s.requester != address(0) || s.requestId != 0) {
                revert HubNotForCaller(s.requestId, s.requester, msg.sender);
            }
            if (s.contextRoot != 0) revert HubContextMismatch(0, s.contextRoot);
        }
        if (s.contextRoot != expected.contextRoot) revert HubContextMismatch(expected.contextRoot, s.contextRoot);
    }

    /// @dev Every field that says what was computed.
    function _checkContent(Expected calldata expected, bytes calldata output, ResultStatement calldata s) private pure {
        if (s.modelHash != expected.modelHash) revert HubModelMismatch(expected.modelHash, s.modelHash);
        if (s.inputHash != expected.inputHash) revert HubInputMismatch(expected.inputHash, s.inputHash);
        if (expected.profile != 0 && s.runtimeProfile != expected.profile) {
            revert HubProfileMismatch(s.requestId, expected.profile, s.runtimeProfile);
        }
        bytes32 outputHash = keccak256(output);
        if (s.outputHash != outputHash) revert HubOutputMismatch(s.outputHash, outputHash);
    }

    /// @dev Usable now, and as young as the consumer demands.
    function _checkTime(Expected calldata expected, ResultStatement calldata s) private view {
        uint8 code = Lifetime.codeOf(s.issuedAt, s.expiresAt);
        if (code != Codes.OK) _rejectTime(s.requestId, code, s.issuedAt, s.expiresAt);
        uint256 maxAgeSeconds = expected.maxAgeSeconds;
        if (maxAgeSeconds == 0) revert HubMaxAgeZero();
        // No overflow: a uint64 plus a uint32.
        unchecked {
            if (block.timestamp > s.issuedAt + maxAgeSeconds) {
                revert HubStatementTooOld(s.issuedAt, maxAgeSeconds, block.timestamp);
            }
        }
    }
}
