// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { BoundResult, Fulfilment, Request } from "../interfaces/HubTypes.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { Account } from "../libraries/Account.sol";
import { Callback } from "../libraries/Callback.sol";
import { Codes } from "../libraries/Codes.sol";
import { Handed } from "../libraries/Handed.sol";
import { Lifetime } from "../libraries/Lifetime.sol";
import { RequestState, RequestStates } from "../libraries/RequestState.sol";
import { Statements } from "../libraries/Statements.sol";
import { Terms, TermsHead } from "../libraries/Terms.sol";
import { HubCore, Work } from "./HubCore.sol";

/// @title How requests end: results, callbacks and refusals
/// @notice Order within an item: all checks, then its state, then every credit that is still owed, then the callback.
/// So whatever the callback does at the hub (withdraw, ask again, land another item of the same batch) finds exact
/// books and a request that has ended.
abstract contract HubResults is HubCore {
    /// @inheritdoc IInferenceHub
    function fulfill(BoundResult calldata statement, bytes calldata output, bytes calldata proof) external override {
        Work memory w;
        uint8 code = _land(w, statement, output, proof, false);
        if (code != Codes.OK) {
            bytes32 wanted = w.head.profile(statement.request.terms);
            _reject(w, code, statement.issuedAt, statement.expiresAt, wanted, statement.runtimeProfile);
        }
    }

    /// @inheritdoc IInferenceHub
    function fulfillBatch(Fulfilment[] calldata items) external override returns (uint8[] memory codes) {
        uint256 count = items.length;
        codes = new uint8[](count);
        Work memory w;
        for (uint256 i = 0; i < count; ++i) {
            uint256 free;
            // Everything an item allocates is dead when it is done. Giving it back keeps memory at the size of the
            // largest item, where it would grow, and cost, with the square of the batch. `codes` and `w` lie below the
            // mark.
            assembly ("memory-safe") {
                free := mload(0x40)
            }
            Fulfilment calldata item = items[i];
            uint8 code = _land(w, item.statement, item.output, item.proof, true);
            if (code != Codes.OK) {
                codes[i] = code;
                emit ItemRejected(w.requestId, i, code);
            }
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
        }
        _settle(w);
    }

    /// @inheritdoc IInferenceHub
    function refuse(
        Request calldata request,
        uint16 reason,
        uint64 issuedAt,
        uint64 expiresAt,
        bytes calldata proof
    ) external override {
        Work memory w;
        uint8 code = _load(w, request, request.terms);
        if (code == Codes.OK) code = Lifetime.codeOf(issuedAt, expiresAt);
        if (code == Codes.OK) {
            w.statementHash = Statements.refusalHash(w.requestId, reason, issuedAt, expiresAt);
            code = _vouch(w, w.statementHash, proof, request.terms);
        }
        if (code != Codes.OK) _reject(w, code, issuedAt, expiresAt, 0, 0);

        _write(w.slot, RequestStates.pack(RequestStates.REFUSED, block.timestamp, 0));
        uint256 feeWei = w.head.refusalFeeWei();
        address refundTo = w.head.refundTo(request.terms, request.requester);
        _credit(Account.ofOperator(uint32(w.operatorId)), feeWei);
        // No underflow: `request` demanded that the fee is within the reward.
        unchecked {
            _credit(Account.ofAddress(refundTo), request.rewardWei - feeWei);
        }
        emit Refused(w.requestId, w.signer, reason);
    }

    /// @inheritdoc IInferenceHub
    function retryCallback(
        BoundResult calldata statement,
        bytes calldata output,
        address signer,
        uint64 requestedAt
    ) external override {
        (bytes32 id, RequestState state) = _retriable(statement, output, signer, requestedAt);
        // Ended before the call: a callback that comes back finds nothing to retry.
        _states[id] = state.withStatus(RequestStates.FULFILLED);
        emit CallbackRetried(id);
        uint256 callbackGas = Terms.headOf(statement.request.terms).callbackGas();
        Callback.Answer memory answer = Callback.Answer(id, callbackGas, requestedAt, state.at(), signer);
        (bool success, bytes4 reason) = Callback.run(answer, statement, output);
        if (!success) revert HubCallbackFailedAgain(id, reason);
    }

    /// @dev The checks of `retryCallback`: what is handed back is what landed, in time, by someone who may.
    function _retriable(
        BoundResult calldata statement,
        bytes calldata output,
        address signer,
        uint64 requestedAt
    ) private view returns (bytes32 id, RequestState state) {
        Request calldata q = statement.request;
        id = _idOf(q);
        state = _states[id];
        if (state.status() != RequestStates.CALLBACK_FAILED) revert HubRequestNotOpen(id, state.status());
        TermsHead head = Terms.headOf(q.terms);
        uint256 retryUntil = head.retryUntil();
        if (block.timestamp > retryUntil) revert HubRetryOver(id, retryUntil, block.timestamp);
        bytes32 statementHash = Statements.boundHash(id, statement, head.contextRoot(q.terms), output);
        uint208 actual = Statements.commitmentOf(statementHash, signer, requestedAt);
        if (actual != state.commitment()) revert HubCommitmentMismatch(id, state.commitment(), actual);
        // A closed or revoked signer keeps its operator for ever, so the operator can still be asked for.
        (, uint32 operatorId, , ) = registry.check(signer, 0, 0);
        if (msg.sender != q.requester && !registry.mayActFor(operatorId, msg.sender)) {
            revert HubCallerNotAllowed(id, msg.sender);
        }
    }

    /// @dev Lands one result or says why not; a code other than OK means that nothing happened.
    function _land(
        Work memory w,
        BoundResult calldata statement,
        bytes calldata output,
        bytes calldata proof,
        bool inBatch
    ) private returns (uint8 code) {
        Request calldata q = Handed.requestOf(statement);
        bytes calldata terms = Handed.termsOf(q);
        code = _load(w, q, terms);
        if (code != Codes.OK) return code;
        code = _judge(w, statement, terms, output);
        if (code != Codes.OK) return code;
        code = _vouch(w, w.statementHash, proof, terms);
        if (code != Codes.OK) return code;
        uint256 callbackGas = w.head.callbackGas();
        if (callbackGas != 0) {
            // With a callback the moment of acting has a value, so it belongs to those who are party to it.
            if (!w.mayAct && msg.sender != Handed.requesterOf(q)) return Codes.CALLER_NOT_ALLOWED;
            if (inBatch && !Callback.affordable(callbackGas, output.length)) return Codes.GAS_TOO_LOW;
        }

        _record(w, Handed.rewardOf(q), inBatch);
        if (callbackGas != 0) _callBack(w, callbackGas, statement, output);
    }

    /// @dev What a statement says about profile and time, and its hash.
    function _judge(
        Work memory w,
        BoundResult calldata statement,
        bytes calldata terms,
        bytes calldata output
    ) private view returns (uint8) {
        (bytes32 profile, uint256 issuedAt, uint256 expiresAt) = Handed.claimsOf(statement);
        TermsHead head = w.head;
        bytes32 wanted = head.profile(terms);
        if (wanted != 0 && wanted != profile) return Codes.PROFILE_MISMATCH;
        w.statementHash = Statements.boundHash(w.requestId, statement, head.contextRoot(terms), output);
        return Lifetime.codeOf(issuedAt, expiresAt);
    }

    /// @dev The effects of a result: the request has ended, its operator has earned the reward.
    function _record(Work memory w, uint256 rewardWei, bool inBatch) private {
        address signer = w.signer;
        bytes32 statementHash = w.statementHash;
        uint208 commitment = Statements.commitmentOf(statementHash, signer, w.state.at());
        _write(w.slot, RequestStates.pack(RequestStates.FULFILLED, block.timestamp, commitment));
        uint256 account = Account.ofOperator(uint32(w.operatorId));
        if (inBatch) _owe(w, account, rewardWei);
        else _credit(account, rewardWei);
        emit Fulfilled(w.requestId, signer, statementHash);
    }

    /// @dev Runs the callback of an item that has landed and been paid. Its failure is recorded and undoes nothing.
    function _callBack(
        Work memory w,
        uint256 callbackGas,
        BoundResult calldata statement,
        bytes calldata output
    ) private {
        // A withdrawal inside the callback finds every credit of the batch so far.
        if (w.owedWei != 0) _settle(w);
        Callback.Answer memory answer = Callback.Answer(
            w.requestId,
            callbackGas,
            w.state.at(),
            block.timestamp,
            w.signer
        );
        (bool success, bytes4 reason) = Callback.run(answer, statement, output);
        if (!success) {
            // The failed call was rolled back, so the slot still holds what was written before it.
            _write(w.slot, _read(w.slot).withStatus(RequestStates.CALLBACK_FAILED));
            emit CallbackFailed(w.requestId, reason);
        }
    }
}
