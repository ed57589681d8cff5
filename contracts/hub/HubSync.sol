// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";
import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { Inference, InferTerms, PortableResult } from "../interfaces/SyncTypes.sol";
import { Brought } from "../libraries/Brought.sol";
import { Codes } from "../libraries/Codes.sol";
import { Domain } from "../libraries/Domain.sol";
import { Lifetime } from "../libraries/Lifetime.sol";
import { Proofs } from "../libraries/Proofs.sol";
import { RegistryCalls } from "../libraries/RegistryCalls.sol";
import { ResultHead, ResultStore } from "../libraries/ResultStore.sol";
import { Statements } from "../libraries/Statements.sol";
import { HubSponsors } from "./HubSponsors.sol";

/// @title The synchronous way: results that are brought, and used in the same transaction or until they expire
/// @dev Every function asks the registry anew: between a publication and its use, or earlier in this very transaction,
/// the key may have been closed or its image revoked.
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
        (bytes32 key, ResultHead head, bool isTransient) = _find(modelHash, input, terms);
        if (ResultHead.unwrap(head) == 0) revert InferenceRequired(key, modelHash, input, terms);
        ResultStore.answer(key, head, isTransient);
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
        (bytes32 key, ResultHead head, bool isTransient) = _find(modelHash, input, terms);
        if (ResultHead.unwrap(head) == 0) return (false, "");
        return (true, ResultStore.read(key, head, isTransient));
    }

    /// @inheritdoc ISyncInference
    function isPresent(bytes32 key, InferTerms calldata terms) external view override returns (bool) {
        (uint256 minTrust, bytes32 imageId) = (terms.minTrust, terms.imageId);
        return
            _isUsable(ResultStore.transientHead(key), minTrust, imageId) ||
            _isUsable(ResultStore.storedHead(ResultStore.publishedAt(key)), minTrust, imageId);
    }

    /// @inheritdoc ISyncInference
    function provide(PortableResult[] calldata results) external payable override returns (uint256 duplicates) {
        _requireCount(results.length);
        uint256 payeeId;
        uint256 owedWei;
        uint256 feesWei;
        for (uint256 i = 0; i < results.length; ++i) {
            PortableResult calldata r = Brought.at(results, i);
            bytes32 key = Statements.inferenceKey(Brought.inferenceOf(r));
            if (_isBrought(ResultStore.transientHead(key), r)) {
                duplicates |= 1 << i;
                continue;
            }
            (address signer, uint256 feeWei) = _signerOf(i, key, r);
            uint256 operatorId = _vouched(i, key, r, signer);
            ResultStore.keepTransient(key, signer, r);
            if (feeWei == 0) continue;
            if (operatorId != payeeId) {
                if (owedWei != 0) _creditOperator(payeeId, owedWei);
                (payeeId, owedWei) = (operatorId, 0);
            }
            // No overflow: a fee is below 2^96, see `_signerOf`, and there are at most 256.
            unchecked {
                feesWei += feeWei;
                owedWei += feeWei;
            }
        }
        _creditOperator(payeeId, owedWei);
        _charge(feesWei);
    }

    /// @inheritdoc ISyncInference
    function publish(PortableResult[] calldata results) external payable override returns (uint256) {
        address[] calldata nobody;
        // No sponsors: the length alone decides, nothing is read at the offset.
        assembly ("memory-safe") {
            nobody.offset := 0
            nobody.length := 0
        }
        return _publish(results, nobody);
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
            InferTerms calldata terms = inference.terms;
            if (ResultHead.unwrap(head) == 0 || _isUsable(head, terms.minTrust, terms.imageId)) {
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
        address[] calldata sponsors
    ) private returns (uint256 duplicates) {
        _requireCount(results.length);
        uint256 feesWei;
        for (uint256 i = 0; i < results.length; ++i) {
            PortableResult calldata r = Brought.at(results, i);
            bytes32 key = Statements.inferenceKey(Brought.inferenceOf(r));
            bytes32 at = ResultStore.publishedAt(key);
            ResultHead old = ResultStore.storedHead(at);
            if (_isBrought(old, r)) {
                duplicates |= 1 << i;
                continue;
            }
            if (ResultHead.unwrap(old) != 0) ResultStore.clearStored(at, old);
            address sponsor = sponsors.length == 0 ? address(0) : sponsors[i];
            feesWei += _keep(i, key, r, sponsor);
        }
        _charge(feesWei);
    }

    /// @dev Checks one result, stores it, credits its operator, and draws on its sponsor if one is named.
    /// @return feeWei What is left for the sender to pay.
    function _keep(
        uint256 index,
        bytes32 key,
        PortableResult calldata r,
        address sponsor
    ) private returns (uint256 feeWei) {
        address signer;
        (signer, feeWei) = _signerOf(index, key, r);
        (, uint256 expiresAt) = Brought.timesOf(r);
        ResultStore.keepStored(key, signer, r);
        emit Published(key, signer, sponsor, uint64(expiresAt), feeWei);
        if (sponsor == address(0) || feeWei == 0) {
            _creditOperator(_vouched(index, key, r, signer), feeWei);
            return feeWei;
        }
        (uint256 minTrust, bytes32 imageId) = Brought.demandOf(r);
        (uint256 code, uint256 operatorId, bool mayAct) = registry.vouchFor(signer, minTrust, imageId, msg.sender);
        if (code != Codes.OK) revert HubResultRejected(index, key, uint8(code));
        // Results are public: were anyone allowed to bring them at a sponsor's expense, a stranger could bring one result
        // again each time it expires, or all results of a day at once, until the allowance is gone.
        if (!mayAct) revert HubNotOperator(uint32(operatorId), msg.sender);
        _draw(sponsor, uint32(operatorId), feeWei);
        _creditOperator(operatorId, feeWei);
        return 0;
    }

    /// @dev Who signed a result that fits its key and this time, and the fee; reverts if nobody did.
    function _signerOf(
        uint256 index,
        bytes32 key,
        PortableResult calldata r
    ) private view returns (address signer, uint256 feeWei) {
        uint256 code = Codes.PROFILE_MISMATCH;
        if (Brought.fitsProfile(r)) {
            (uint256 issuedAt, uint256 expiresAt) = Brought.timesOf(r);
            code = Lifetime.codeOf(issuedAt, expiresAt);
            if (code == Codes.OK) {
                bytes32 structHash = Statements.portableHash(r, Brought.outputOf(r));
                signer = Proofs.recover(Domain.digest(domainSeparator(), structHash), Brought.proofOf(r));
                feeWei = Brought.feeOf(r);
                // Sums of fees rely on 96 bits; an enclave whose code signs a wider number is not believed.
                if (signer != address(0) && feeWei <= type(uint96).max) return (signer, feeWei);
                code = Codes.BAD_PROOF;
            }
        }
        revert HubResultRejected(index, key, uint8(code));
    }

    /// @dev The signer's operator, if the registry vouches for it under the demand; reverts if it does not.
    function _vouched(
        uint256 index,
        bytes32 key,
        PortableResult calldata r,
        address signer
    ) private view returns (uint256) {
        (uint256 minTrust, bytes32 imageId) = Brought.demandOf(r);
        (uint256 code, uint256 operatorId) = registry.vouch(signer, minTrust, imageId);
        if (code != Codes.OK) revert HubResultRejected(index, key, uint8(code));
        return operatorId;
    }

    /// @dev What is usable now for a question: what was provided first, then what was published; head zero if nothing.
    function _find(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) private view returns (bytes32 key, ResultHead head, bool isTransient) {
        uint8 minTrust = terms.minTrust;
        bytes32 imageId = terms.imageId;
        _requireTrust(minTrust);
        key = Statements.inferenceKeyOf(modelHash, input, terms);
        head = ResultStore.transientHead(key);
        if (_isUsable(head, minTrust, imageId)) return (key, head, true);
        head = ResultStore.storedHead(ResultStore.publishedAt(key));
        if (!_isUsable(head, minTrust, imageId)) head = ResultHead.wrap(0);
    }

    /// @dev Whether what lies there may be used at this moment. An empty head expired at second 0.
    function _isUsable(ResultHead head, uint256 minTrust, bytes32 imageId) private view returns (bool) {
        if (block.timestamp >= head.expiresAt()) return false;
        (uint256 code, ) = registry.vouch(head.signer(), minTrust, imageId);
        return code == Codes.OK;
    }

    /// @dev The same under the demand of a result.
    function _isBrought(ResultHead head, PortableResult calldata r) private view returns (bool) {
        if (ResultHead.unwrap(head) == 0) return false;
        (uint256 minTrust, bytes32 imageId) = Brought.demandOf(r);
        return _isUsable(head, minTrust, imageId);
    }

    function _requireCount(uint256 count) private pure {
        if (count > MAX_RESULTS) revert HubTooManyResults(count, MAX_RESULTS);
    }
}
