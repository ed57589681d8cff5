// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Request } from "../interfaces/HubTypes.sol";
import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { Codes } from "../libraries/Codes.sol";
import { Domain } from "../libraries/Domain.sol";
import { Proofs } from "../libraries/Proofs.sol";
import { RegistryCalls } from "../libraries/RegistryCalls.sol";
import { RequestState, RequestStates } from "../libraries/RequestState.sol";
import { Statements } from "../libraries/Statements.sol";
import { Terms, TermsHead } from "../libraries/Terms.sol";
import { HubLedger } from "./HubLedger.sol";

/// @dev What is known while results land, one item after the other.
/// @param signer The key the registry was last asked about.
/// @param minTrust As asked; the greatest number if the answer must not be used again.
/// @param imageId As asked.
/// @param vouched The registry's answer.
/// @param operatorId The registry's answer.
/// @param mayAct Whether the sender may act for that operator; only asked for where there is a callback.
/// @param payee Whose credit `owedWei` is.
/// @param owedWei Credit that is not written yet.
/// @param requestId The item at hand.
/// @param slot Where its state is stored.
/// @param state Its state before it was touched.
/// @param head The head of its terms; means nothing unless the item is open.
/// @param statementHash What was signed for it.
struct Work {
    address signer;
    uint256 minTrust;
    bytes32 imageId;
    uint256 vouched;
    uint256 operatorId;
    bool mayAct;
    uint256 payee;
    uint256 owedWei;
    bytes32 requestId;
    uint256 slot;
    RequestState state;
    TermsHead head;
    bytes32 statementHash;
}

/// @title The checks that everything shares
/// @notice Whether a request is open, whether the registry vouches for its key. They
/// answer codes, because a batch must go on; `_reject` turns a code into the error that `fulfill`, `refuse` and
/// `verify` revert with.
abstract contract HubCore is HubLedger {
    using RegistryCalls for IEnclaveRegistry;

    /// @dev 4 is hardware-rooted; nothing is above it.
    uint8 private constant MAX_TRUST = 4;

    mapping(bytes32 requestId => RequestState state) internal _states;

    /// @dev The domain of deployment: all request ids are under it, for ever.
    bytes32 internal immutable _idDomain;
    uint256 private immutable _chainId;

    constructor(IEnclaveRegistry registry_) HubLedger(registry_) {
        // The registry knows this hub's domain since before the hub existed: enclaves attest to it.
        if (registry_.hub() != address(this)) revert HubRegistryMismatch(address(this), registry_.hub());
        _idDomain = Domain.ofHub(address(this));
        _chainId = block.chainid;
    }

    /// @inheritdoc IInferenceHub
    function domainSeparator() public view override returns (bytes32) {
        return block.chainid == _chainId ? _idDomain : Domain.ofHub(address(this));
    }

    /// @dev The id that follows from what was handed in. A single changed bit gives an id that was never opened.
    function _idOf(Request calldata q) internal view returns (bytes32) {
        return Statements.requestIdOf(_idDomain, q, q.terms);
    }

    /// @dev Where the state of an id is stored: `_states[id]`, hashed once for a read and a write.
    function _slotOf(bytes32 id) internal pure returns (uint256 slot) {
        // The layout of a mapping: key, then the mapping's slot, in scratch space.
        assembly ("memory-safe") {
            mstore(0, id)
            mstore(0x20, _states.slot)
            slot := keccak256(0, 0x40)
        }
    }

    function _read(uint256 slot) internal view returns (RequestState state) {
        assembly ("memory-safe") {
            state := sload(slot)
        }
    }

    function _write(uint256 slot, RequestState state) internal {
        assembly ("memory-safe") {
            sstore(slot, state)
        }
    }

    /// @dev Loads the request into `w`. Its terms are canonical if it is open, since only such were ever opened.
    function _load(Work memory w, Request calldata q, bytes calldata terms) internal view returns (uint8 code) {
        bytes32 id = Statements.requestIdOf(_idDomain, q, terms);
        uint256 slot = _slotOf(id);
        RequestState state = _read(slot);
        TermsHead head = Terms.headOf(terms);
        w.requestId = id;
        w.slot = slot;
        w.state = state;
        w.head = head;
        if (state.status() != RequestStates.OPEN) return Codes.NOT_OPEN;
        if (block.timestamp > head.deadline()) return Codes.DEADLINE_PASSED;
        return Codes.OK;
    }

    /// @dev Who signed, and does the registry vouch for it under the terms of the request at hand? Neighbours in a
    /// batch mostly share key and demand: the answer is kept until another is needed or foreign code has run.
    function _vouch(
        Work memory w,
        bytes32 structHash,
        bytes calldata proof,
        bytes calldata terms
    ) internal view returns (uint8) {
        address signer = Proofs.recover(Domain.digest(domainSeparator(), structHash), proof);
        if (signer == address(0)) return Codes.BAD_PROOF;
        TermsHead head = w.head;
        uint256 minTrust = head.minTrust();
        bytes32 imageId = head.imageId(terms);
        if (head.callbackGas() != 0) {
            // `mayAct` belongs to this answer alone, so no neighbour may reuse it: no demand equals this one.
            w.signer = signer;
            w.minTrust = type(uint256).max;
            (w.vouched, w.operatorId, w.mayAct) = registry.vouchFor(signer, minTrust, imageId, msg.sender);
        } else {
            _vouchUnder(w, signer, minTrust, imageId);
        }
        if (w.vouched != Codes.OK) return uint8(w.vouched);
        uint256 assigned = head.assignedOperator();
        return assigned == 0 || assigned == w.operatorId ? Codes.OK : Codes.WRONG_OPERATOR;
    }

    /// @dev The registry's word under a plain demand, asked for once for neighbours that share it.
    function _vouchUnder(
        Work memory w,
        address signer,
        uint256 minTrust,
        bytes32 imageId
    ) internal view returns (uint8) {
        if (signer != w.signer || minTrust != w.minTrust || imageId != w.imageId) {
            w.signer = signer;
            w.minTrust = minTrust;
            w.imageId = imageId;
            (w.vouched, w.operatorId) = registry.vouch(signer, minTrust, imageId);
        }
        return uint8(w.vouched);
    }

    /// @dev Notes a credit; written when the payee changes, before any callback, and at the end.
    function _owe(Work memory w, uint256 account, uint256 amountWei) internal {
        if (w.payee != account) {
            if (w.owedWei != 0) _settle(w);
            w.payee = account;
        }
        // No overflow: a transaction has fewer than 2^32 items of less than 2^96 wei each.
        unchecked {
            w.owedWei += amountWei;
        }
    }

    /// @dev Writes what is owed.
    function _settle(Work memory w) internal {
        _credit(w.payee, w.owedWei);
        w.owedWei = 0;
    }

    /// @dev Refuses levels that do not exist, and the one that exists for consumers' unit tests.
    function _requireTrust(uint8 minTrust) internal view {
        if (minTrust == 0 ? !registry.developmentLevelAllowed() : minTrust > MAX_TRUST) {
            revert HubMinTrustInvalid(minTrust);
        }
    }

    /// @dev Reverts with the error of a code that is not OK. `wanted` and `actual` are profiles.
    function _reject(
        Work memory w,
        uint8 code,
        uint64 issuedAt,
        uint64 expiresAt,
        bytes32 wanted,
        bytes32 actual
    ) internal view {
        bytes32 id = w.requestId;
        if (code == Codes.NOT_OPEN) revert HubRequestNotOpen(id, w.state.status());
        if (code == Codes.DEADLINE_PASSED) revert HubDeadlinePassed(id, w.head.deadline(), block.timestamp);
        if (code == Codes.PROFILE_MISMATCH) revert HubProfileMismatch(id, wanted, actual);
        if (code == Codes.BAD_PROOF) revert HubBadProof(id);
        if (code == Codes.WRONG_OPERATOR) revert HubWrongOperator(id, w.head.assignedOperator(), uint32(w.operatorId));
        if (code == Codes.CALLER_NOT_ALLOWED) revert HubCallerNotAllowed(id, msg.sender);
        _rejectTime(id, code, issuedAt, expiresAt);
        revert HubSignerNotUsable(id, w.signer, code);
    }

    /// @dev Reverts if the code is one of `Lifetime`.
    function _rejectTime(bytes32 id, uint8 code, uint64 issuedAt, uint64 expiresAt) internal view {
        if (code == Codes.ISSUED_IN_FUTURE) revert HubIssuedInFuture(id, issuedAt, block.timestamp);
        if (code == Codes.STATEMENT_EXPIRED) revert HubStatementExpired(id, expiresAt, block.timestamp);
        if (code == Codes.LIFETIME_TOO_LONG) revert HubLifetimeTooLong(id, issuedAt, expiresAt);
    }
}
