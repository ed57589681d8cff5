// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry, Registration } from "./interfaces/IEnclaveRegistry.sol";
import { RegistryConfig } from "./interfaces/RegistryConfig.sol";
import { Codes } from "./libraries/Codes.sol";
import { Domain } from "./libraries/Domain.sol";
import { Proofs } from "./libraries/Proofs.sol";
import { SignerRecord, SignerRecords } from "./libraries/SignerRecord.sol";
import { Statements } from "./libraries/Statements.sol";
import { Attested, RegistryAttestation } from "./registry/RegistryAttestation.sol";
import { RegistryOperators } from "./registry/RegistryOperators.sol";

/// @title EnclaveRegistry
/// @notice See `IEnclaveRegistry` for what it does, promises and does not check. Its parts: `RegistryGovernance`
/// (timelock), `RegistryAttestation` (documents), `RegistryOperators`; here is the life of a key.
contract EnclaveRegistry is RegistryAttestation, RegistryOperators {
    /// @dev An attested key is believed for a day at most before it must be attested again.
    uint32 private constant MAX_EPOCH_SECONDS = 86_400;
    /// @dev An executor signs for an hour at most, so whatever it had signed when the drain began may land, and no more: a
    /// key that was to end may not be kept usable for the day that an epoch can last.
    uint32 private constant DRAIN_SECONDS = 3_600;

    /// @inheritdoc IEnclaveRegistry
    uint32 public immutable override epochSeconds;
    /// @inheritdoc IEnclaveRegistry
    uint32 public immutable override heartbeatSeconds;

    mapping(address signer => SignerRecord record) private _signers;
    /// @dev What each key attested about itself, so that a renewal is of the very same enclave.
    mapping(address signer => bytes32 userDataHash) private _userDataHashes;

    /// @param c What never changes, and what is live at once.
    constructor(RegistryConfig memory c) RegistryAttestation(c) {
        if (c.epochSeconds == 0 || c.epochSeconds > MAX_EPOCH_SECONDS) {
            revert RegistryConfigInvalid("epochSeconds", c.epochSeconds, MAX_EPOCH_SECONDS);
        }
        if (c.heartbeatSeconds == 0 || c.heartbeatSeconds > c.epochSeconds) {
            revert RegistryConfigInvalid("heartbeatSeconds", c.heartbeatSeconds, c.epochSeconds);
        }
        epochSeconds = c.epochSeconds;
        heartbeatSeconds = c.heartbeatSeconds;
    }

    /// @inheritdoc IEnclaveRegistry
    function register(Registration calldata r) external override returns (address signer, uint32 operatorId) {
        return _register(r);
    }

    /// @inheritdoc IEnclaveRegistry
    function renew(Registration calldata r) external override returns (address signer) {
        Attested memory a = _attest(r);
        signer = a.signer;
        SignerRecord record = _requireLive(signer);
        if (record.image() != a.image || _userDataHashes[signer] != a.userDataHash) {
            revert RegistryRenewalMismatch(signer);
        }
        if (record.draining()) revert RegistrySignerDraining(signer);
        // Equal user data names the operator that consented at registration; its posters act for it.
        if (!mayActFor(record.operatorId(), msg.sender)) _requireConsent(r, a.payloadHash, a.data.operator);
        record = _extended(record, record.counter());
        _signers[signer] = record;
        emit EnclaveRenewed(signer, record.epochEnd());
    }

    /// @inheritdoc IEnclaveRegistry
    function rotate(
        address from,
        Registration calldata r
    ) external override returns (address signer, uint32 operatorId) {
        SignerRecord old = _requireLive(from);
        (signer, operatorId) = _register(r);
        // A new key never ends one of somebody else's.
        if (old.operatorId() != operatorId) revert RegistryOperatorMismatch(from, old.operatorId(), operatorId);
        // Consent names the new document alone: with it a stranger could choose which of the operator's keys ends.
        if (!mayActFor(operatorId, msg.sender)) revert RegistryNotAllowed(msg.sender);
        _drain(from, old);
        emit EnclaveRotated(from, signer);
    }

    /// @inheritdoc IEnclaveRegistry
    function heartbeat(address signer, uint64 counter, uint64 blockNumber, bytes calldata signature) external override {
        SignerRecord record = _requireLive(signer);
        if (counter <= record.counter() || counter > SignerRecords.MAX_COUNTER) {
            revert RegistryCounterInvalid(record.counter(), counter);
        }
        bytes32 blockHash = blockhash(blockNumber);
        if (blockHash == 0) revert RegistryBlockTooOld(blockNumber, block.number);
        bytes32 structHash = Statements.heartbeatHash(signer, counter, blockNumber, blockHash);
        address actual = Proofs.recover(Domain.digest(domainSeparator(), structHash), signature);
        if (actual != signer) revert RegistryBadSignature(signer, actual);
        record = record.withPulse(block.timestamp + heartbeatSeconds, counter);
        _signers[signer] = record;
        emit HeartbeatReceived(signer, counter, record.heartbeatDue());
    }

    /// @inheritdoc IEnclaveRegistry
    function drain(address signer) external override {
        SignerRecord record = _requireLive(signer);
        if (!mayActFor(record.operatorId(), msg.sender)) revert RegistryNotAllowed(msg.sender);
        _drain(signer, record);
    }

    /// @inheritdoc IEnclaveRegistry
    function close(address signer) external override {
        SignerRecord record = _signers[signer];
        if (record.state() != SignerRecords.ACTIVE) revert RegistrySignerNotActive(signer, record.state());
        if (!mayActFor(record.operatorId(), msg.sender)) revert RegistryNotAllowed(msg.sender);
        // What landed earlier in this very block was good: the epoch ends with the next second.
        uint256 end = block.timestamp + 1;
        if (record.epochEnd() > end) record = record.withEpochEnd(end);
        _signers[signer] = record.closed();
        emit EnclaveClosed(signer);
    }

    /// @inheritdoc IEnclaveRegistry
    function check(
        address signer,
        uint8 minTrust,
        bytes32 imageId
    ) external view override returns (uint8 code, uint32 operatorId, uint8 trust, uint32 image) {
        SignerRecord record = _signers[signer];
        code = uint8(_codeOf(record, minTrust, imageId));
        (operatorId, trust, image) = (record.operatorId(), record.level(), record.image());
        // The four values as the ABI has them, cut to their types: what lies above in assembly is not defined. The call ends
        // here, so nothing that lay there is read again.
        assembly ("memory-safe") {
            mstore(0, and(code, 0xff))
            mstore(0x20, and(operatorId, 0xffffffff))
            mstore(0x40, and(trust, 0xff))
            mstore(0x60, and(image, 0xffffffff))
            return(0, 0x80)
        }
    }

    /// @inheritdoc IEnclaveRegistry
    function checkFor(
        address signer,
        uint8 minTrust,
        bytes32 imageId,
        address account
    ) external view override returns (uint8 code, uint32 operatorId, bool mayAct) {
        SignerRecord record = _signers[signer];
        operatorId = record.operatorId();
        return (uint8(_codeOf(record, minTrust, imageId)), operatorId, mayActFor(operatorId, account));
    }

    /// @inheritdoc IEnclaveRegistry
    function wasActive(address signer, uint64 at) external view override returns (bool) {
        SignerRecord record = _signers[signer];
        if (record.state() == 0 || at < record.validFrom() || at >= record.epochEnd()) return false;
        ImageRecord storage image = _images[record.image()];
        return image.revokedAt == 0 || at < image.compromisedSince;
    }

    /// @inheritdoc IEnclaveRegistry
    function lifeOf(
        address signer
    )
        external
        view
        override
        returns (uint8 state, uint40 validFrom, uint40 epochEnd, uint40 heartbeatDue, uint64 counter, bool draining)
    {
        SignerRecord r = _signers[signer];
        return (r.state(), r.validFrom(), r.epochEnd(), r.heartbeatDue(), r.counter(), r.draining());
    }

    /// @inheritdoc IEnclaveRegistry
    function drainSeconds() external pure override returns (uint32) {
        return DRAIN_SECONDS;
    }

    function _register(Registration calldata r) private returns (address signer, uint32 operatorId) {
        Attested memory a = _attest(r);
        _requireConsent(r, a.payloadHash, a.data.operator);
        signer = a.signer;
        if (_signers[signer].state() != 0) revert RegistrySignerNotNew(signer);
        operatorId = _enrol(a.data.operator, a.data.payout);
        SignerRecord record = _extended(SignerRecords.create(a.trust, operatorId, a.image, block.timestamp), 0);
        _signers[signer] = record;
        _userDataHashes[signer] = a.userDataHash;
        emit EnclaveRegistered(
            signer,
            operatorId,
            a.imageId,
            a.data.operator,
            a.data.payout,
            a.trust,
            record.epochEnd(),
            a.data.runtimeProfile,
            r.endpoint,
            r.keyConfig
        );
    }

    /// @dev Once: a second drain would move the end away from what was announced.
    function _drain(address signer, SignerRecord record) private {
        if (record.draining()) revert RegistrySignerDraining(signer);
        uint256 end = block.timestamp + DRAIN_SECONDS;
        if (record.epochEnd() > end) record = record.withEpochEnd(end);
        _signers[signer] = record.drained();
        emit EnclaveDraining(signer, record.epochEnd());
    }

    /// @dev Why a key is not usable now, or 0. Two cold reads where no image is named: the record and its image.
    function _codeOf(SignerRecord record, uint256 minTrust, bytes32 imageId) private view returns (uint256) {
        uint256 state = record.state();
        if (state != SignerRecords.ACTIVE) return state == 0 ? Codes.SIGNER_UNKNOWN : Codes.SIGNER_CLOSED;
        if (block.timestamp >= record.epochEnd()) return Codes.EPOCH_ENDED;
        if (block.timestamp >= record.heartbeatDue()) return Codes.HEARTBEAT_OVERDUE;
        uint32 image = record.image();
        if (_images[image].revokedAt != 0) return Codes.IMAGE_REVOKED;
        if (record.level() < minTrust) return Codes.TRUST_TOO_LOW;
        if (imageId != 0 && _imageIndex[imageId] != image) return Codes.IMAGE_MISMATCH;
        return Codes.OK;
    }

    /// @dev An active key inside its epoch, or reverts.
    function _requireLive(address signer) private view returns (SignerRecord record) {
        record = _signers[signer];
        if (record.state() != SignerRecords.ACTIVE) revert RegistrySignerNotActive(signer, record.state());
        if (block.timestamp >= record.epochEnd()) {
            revert RegistryEpochEnded(signer, record.epochEnd(), block.timestamp);
        }
    }

    /// @dev A fresh document is a sign of life too.
    function _extended(SignerRecord record, uint64 counter) private view returns (SignerRecord) {
        return
            record.withEpochEnd(block.timestamp + epochSeconds).withPulse(block.timestamp + heartbeatSeconds, counter);
    }
}
