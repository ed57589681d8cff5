// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { Inference, InferTerms, PortableResult } from "../interfaces/SyncTypes.sol";
import { Account } from "../libraries/Account.sol";
import { Codes } from "../libraries/Codes.sol";
import { Domain } from "../libraries/Domain.sol";
import { Lifetime } from "../libraries/Lifetime.sol";
import { Proofs } from "../libraries/Proofs.sol";
import { RegistryCalls } from "../libraries/RegistryCalls.sol";
import { ResultHead, ResultHeads, ResultStore } from "../libraries/ResultStore.sol";
import { Statements } from "../libraries/Statements.sol";
import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";
import { Work } from "./HubCore.sol";
import { HubSponsors } from "./HubSponsors.sol";

/// @title The synchronous way: results that are brought, and used in the same transaction or until they expire
abstract contract HubSync is HubSponsors {
    using RegistryCalls for IEnclaveRegistry;

    /// @dev One bit of the answer for each result.
    uint256 private constant MAX_RESULTS = 256;

    /// @inheritdoc ISyncInference
    function infer(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external view override returns (bytes memory) {
        (bytes32 at, ResultHead head, bool isTransient) = _find(modelHash, input, terms);
        if (ResultHead.unwrap(head) == 0) {
            revert InferenceRequired(_keyOf(modelHash, input, terms), modelHash, input, terms);
        }
        return ResultStore.read(at, head, isTransient);
    }

    /// @inheritdoc ISyncInference
    function tryInfer(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external view override returns (bool present, bytes memory output) {
        return peek(modelHash, input, terms);
    }

    /// @inheritdoc ISyncInference
    function peek(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) public view override returns (bool present, bytes memory output) {
        (bytes32 at, ResultHead head, bool isTransient) = _find(modelHash, input, terms);
        if (ResultHead.unwrap(head) == 0) return (false, "");
        return (true, ResultStore.read(at, head, isTransient));
    }

    /// @inheritdoc ISyncInference
    function isPresent(bytes32 key, InferTerms calldata terms) external view override returns (bool) {
        return
            _isUsable(ResultStore.transientHead(key), terms) ||
            _isUsable(ResultStore.storedHead(ResultStore.publishedAt(key)), terms);
    }

    /// @inheritdoc ISyncInference
    function provide(PortableResult[] calldata results) external payable override returns (uint256 duplicates) {
        _requireCount(results.length);
        Work memory w;
        uint256 feesWei;
        for (uint256 i = 0; i < results.length; ++i) {
            PortableResult calldata r = results[i];
            bytes32 key = Statements.inferenceKey(r.inference);
            if (_isUsable(ResultStore.transientHead(key), r.inference.terms)) {
                duplicates |= 1 << i;
                continue;
            }
            ResultHead head = _verify(w, i, key, r);
            ResultStore.keepTransient(key, head, r.output);
            feesWei += r.feeWei;
            _owe(w, Account.ofOperator(uint32(w.operatorId)), r.feeWei);
        }
        _settle(w);
        _charge(feesWei);
    }

    /// @inheritdoc ISyncInference
    function publish(PortableResult[] calldata results) external payable override returns (uint256) {
        return _publish(results, new address[](0));
    }

    /// @inheritdoc ISyncInference
    function publishFor(
        PortableResult[] calldata results,
        address[] calldata sponsors
    ) external payable override returns (uint256) {
        if (sponsors.length != results.length) revert HubSponsorsMismatch(results.length, sponsors.length);
        return _publish(results, sponsors);
    }

    /// @inheritdoc ISyncInference
    function prune(Inference[] calldata inferences) external override returns (uint256 kept) {
        _requireCount(inferences.length);
        for (uint256 i = 0; i < inferences.length; ++i) {
            Inference calldata inference = inferences[i];
            bytes32 key = Statements.inferenceKey(inference);
            bytes32 at = ResultStore.publishedAt(key);
            ResultHead head = ResultStore.storedHead(at);
            if (ResultHead.unwrap(head) == 0 || _isUsable(head, inference.terms)) {
                kept |= 1 << i;
                continue;
            }
            ResultStore.clearStored(at, head);
            emit Pruned(key);
        }
    }

    /// @dev Stores results; `sponsors` is empty, or names who pays for each.
    function _publish(
        PortableResult[] calldata results,
        address[] memory sponsors
    ) private returns (uint256 duplicates) {
        _requireCount(results.length);
        Work memory w;
        uint256 feesWei;
        for (uint256 i = 0; i < results.length; ++i) {
            PortableResult calldata r = results[i];
            bytes32 key = Statements.inferenceKey(r.inference);
            bytes32 at = ResultStore.publishedAt(key);
            ResultHead old = ResultStore.storedHead(at);
            if (_isUsable(old, r.inference.terms)) {
                duplicates |= 1 << i;
                continue;
            }
            ResultHead head = _verify(w, i, key, r);
            if (ResultHead.unwrap(old) != 0) ResultStore.clearStored(at, old);
            ResultStore.keepStored(at, head, r.output);
            emit Published(key, w.signer, r.expiresAt);
            address sponsor = sponsors.length == 0 ? address(0) : sponsors[i];
            if (sponsor == address(0)) feesWei += r.feeWei;
            else if (r.feeWei != 0) _drawFor(w, sponsor, r.feeWei);
            _owe(w, Account.ofOperator(uint32(w.operatorId)), r.feeWei);
        }
        _settle(w);
        _charge(feesWei);
    }

    /// @dev Results are public: were anyone allowed to bring them at a sponsor's expense, a stranger could bring one
    /// result again each time it expires, or all results of a day at once, until the allowance is gone.
    function _drawFor(Work memory w, address sponsor, uint256 feeWei) private {
        uint32 operatorId = uint32(w.operatorId);
        if (!registry.mayActFor(operatorId, msg.sender)) revert HubNotOperator(operatorId, msg.sender);
        _draw(sponsor, operatorId, feeWei);
    }

    /// @dev The head of a result that can stand for its key now; reverts if it can not.
    function _verify(
        Work memory w,
        uint256 index,
        bytes32 key,
        PortableResult calldata r
    ) private view returns (ResultHead) {
        bytes32 profile = r.inference.terms.profile;
        uint8 code = Codes.PROFILE_MISMATCH;
        if (profile == 0 || profile == r.runtimeProfile) code = Lifetime.codeOf(r.issuedAt, r.expiresAt);
        if (code == Codes.OK) {
            bytes32 structHash = Statements.portableHash(r, keccak256(r.output));
            address signer = Proofs.recover(Domain.digest(domainSeparator(), structHash), r.proof);
            code = signer == address(0) ? Codes.BAD_PROOF : _vouchPlain(w, signer, r.inference.terms);
        }
        if (code != Codes.OK) revert HubResultRejected(index, key, code);
        return ResultHeads.pack(w.signer, r.expiresAt, r.output.length);
    }

    /// @dev What is usable now for a question: what was provided first, then what was published; head zero if nothing.
    function _find(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) private view returns (bytes32 at, ResultHead head, bool isTransient) {
        _requireTrust(terms.minTrust);
        at = _keyOf(modelHash, input, terms);
        head = ResultStore.transientHead(at);
        if (_isUsable(head, terms)) return (at, head, true);
        at = ResultStore.publishedAt(at);
        head = ResultStore.storedHead(at);
        if (!_isUsable(head, terms)) head = ResultHead.wrap(0);
    }

    /// @dev Whether what lies there may be used at this moment. Asked at every use: between a publication and its use, or
    /// earlier in this very transaction, the key may have been closed or its image revoked.
    function _isUsable(ResultHead head, InferTerms calldata terms) private view returns (bool) {
        if (ResultHead.unwrap(head) == 0 || block.timestamp >= head.expiresAt()) return false;
        (uint256 code, ) = registry.vouch(head.signer(), terms.minTrust, terms.imageId);
        return code == Codes.OK;
    }

    function _vouchPlain(Work memory w, address signer, InferTerms calldata terms) private view returns (uint8) {
        return _vouchUnder(w, signer, terms.minTrust, terms.imageId);
    }

    function _keyOf(bytes32 modelHash, bytes calldata input, InferTerms calldata terms) private pure returns (bytes32) {
        return Statements.inferenceKeyOf(modelHash, keccak256(input), terms);
    }

    function _requireCount(uint256 count) private pure {
        if (count > MAX_RESULTS) revert HubTooManyResults(count, MAX_RESULTS);
    }
}
