// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IAttestationVerifier } from "../interfaces/IAttestationVerifier.sol";
import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";
import { IRegistryGovernance } from "../interfaces/IRegistryGovernance.sol";
import { RegistryConfig } from "../interfaces/RegistryConfig.sol";
import { DevelopmentChains } from "../libraries/DevelopmentChains.sol";

/// @title Images, roots, verifiers and roles behind one timelock
/// @notice Trust is added slowly and in public, and taken away at once and for ever. Every record is written at most
/// twice: when it is scheduled and when it is revoked.
abstract contract RegistryGovernance is IEnclaveRegistry {
    /// @dev One slot, found by index, so that `check` pays one cold read for the image of a key.
    struct ImageRecord {
        uint40 activeFrom;
        uint40 revokedAt;
        uint40 compromisedSince;
    }

    struct RootRecord {
        uint40 activeFrom;
        bool revoked;
        bool hardware;
    }

    struct VerifierRecord {
        address verifier;
        uint40 activeFrom;
        bool revoked;
        bool hardware;
    }

    struct Offer {
        address account;
        uint40 activeFrom;
    }

    /// @dev The least delay where something can be lost: time for everyone to look and to leave.
    uint32 private constant MIN_DELAY_SECONDS = 7 days;

    /// @inheritdoc IRegistryGovernance
    uint32 public immutable override changeDelaySeconds;

    uint32 private _imageCount;
    uint16 private _verifierCount;
    mapping(bytes32 imageId => uint32 index) internal _imageIndex;
    mapping(uint32 index => ImageRecord record) internal _images;
    mapping(bytes32 rootId => RootRecord record) private _roots;
    mapping(uint8 index => VerifierRecord record) private _verifiers;
    mapping(Role role => address holder) private _holders;
    mapping(Role role => Offer offer) private _offers;

    modifier onlyGovernor() {
        if (msg.sender != _holders[Role.Governor]) revert RegistryNotAllowed(msg.sender);
        _;
    }

    modifier onlyRevoker() {
        if (msg.sender != _holders[Role.Revoker] && msg.sender != _holders[Role.Governor]) {
            revert RegistryNotAllowed(msg.sender);
        }
        _;
    }

    constructor(RegistryConfig memory c) {
        if (c.changeDelaySeconds < MIN_DELAY_SECONDS && !DevelopmentChains.includes(block.chainid)) {
            revert RegistryConfigInvalid("changeDelaySeconds", c.changeDelaySeconds, MIN_DELAY_SECONDS);
        }
        if (c.governor == address(0) || c.revoker == address(0)) revert RegistryZero();
        changeDelaySeconds = c.changeDelaySeconds;
        _holders[Role.Governor] = c.governor;
        _holders[Role.Revoker] = c.revoker;
        emit RoleAccepted(Role.Governor, c.governor);
        emit RoleAccepted(Role.Revoker, c.revoker);
        uint40 liveFrom = uint40(block.timestamp);
        for (uint256 i = 0; i < c.verifiers.length; ++i) {
            _addVerifier(c.verifiers[i], liveFrom);
        }
        for (uint256 i = 0; i < c.roots.length; ++i) {
            _addRoot(c.roots[i].rootId, c.roots[i].hardware, liveFrom);
        }
        for (uint256 i = 0; i < c.images.length; ++i) {
            _addImage(c.images[i], liveFrom);
        }
    }

    /// @inheritdoc IRegistryGovernance
    function scheduleImage(bytes32 imageId) external override onlyGovernor {
        _addImage(imageId, _liveFrom());
    }

    /// @inheritdoc IRegistryGovernance
    function revokeImage(bytes32 imageId, uint40 compromisedSince) external override onlyRevoker {
        uint32 index = _imageIndex[imageId];
        if (index == 0 || _images[index].revokedAt != 0) revert RegistryNotRevocable(imageId);
        if (compromisedSince > block.timestamp) revert RegistryCompromisedInFuture(compromisedSince, block.timestamp);
        _images[index].revokedAt = uint40(block.timestamp);
        _images[index].compromisedSince = compromisedSince;
        emit ImageRevoked(imageId, compromisedSince);
    }

    /// @inheritdoc IRegistryGovernance
    function scheduleRoot(bytes32 rootId, bool hardware) external override onlyGovernor {
        _addRoot(rootId, hardware, _liveFrom());
    }

    /// @inheritdoc IRegistryGovernance
    function revokeRoot(bytes32 rootId) external override onlyRevoker {
        RootRecord storage root = _roots[rootId];
        if (root.activeFrom == 0 || root.revoked) revert RegistryNotRevocable(rootId);
        root.revoked = true;
        emit RootRevoked(rootId);
    }

    /// @inheritdoc IRegistryGovernance
    function scheduleVerifier(address verifier) external override onlyGovernor returns (uint8 index) {
        return _addVerifier(verifier, _liveFrom());
    }

    /// @inheritdoc IRegistryGovernance
    function revokeVerifier(uint8 index) external override onlyRevoker {
        VerifierRecord storage record = _verifiers[index];
        if (record.activeFrom == 0 || record.revoked) revert RegistryNotRevocable(bytes32(uint256(index)));
        record.revoked = true;
        emit VerifierRevoked(index);
    }

    /// @inheritdoc IRegistryGovernance
    function scheduleRole(Role role, address account) external override onlyGovernor {
        uint40 activeFrom = _liveFrom();
        _offers[role] = Offer(account, activeFrom);
        emit RoleScheduled(role, account, activeFrom);
    }

    /// @inheritdoc IRegistryGovernance
    function acceptRole(Role role) external override {
        Offer memory offer = _offers[role];
        if (msg.sender != offer.account) revert RegistryNotAllowed(msg.sender);
        if (block.timestamp < offer.activeFrom) revert RegistryTooEarly(offer.activeFrom, block.timestamp);
        delete _offers[role];
        _holders[role] = msg.sender;
        emit RoleAccepted(role, msg.sender);
    }

    /// @inheritdoc IRegistryGovernance
    function holderOf(Role role) external view override returns (address) {
        return _holders[role];
    }

    /// @inheritdoc IRegistryGovernance
    function imageOf(
        bytes32 imageId
    ) external view override returns (uint32 index, uint40 activeFrom, uint40 revokedAt, uint40 compromisedSince) {
        index = _imageIndex[imageId];
        ImageRecord storage image = _images[index];
        return (index, image.activeFrom, image.revokedAt, image.compromisedSince);
    }

    /// @inheritdoc IRegistryGovernance
    function rootOf(bytes32 rootId) external view override returns (uint40 activeFrom, bool revoked, bool hardware) {
        RootRecord storage root = _roots[rootId];
        return (root.activeFrom, root.revoked, root.hardware);
    }

    /// @inheritdoc IRegistryGovernance
    function verifierOf(
        uint8 index
    ) external view override returns (address verifier, uint40 activeFrom, bool revoked, bool hardware) {
        VerifierRecord storage record = _verifiers[index];
        return (record.verifier, record.activeFrom, record.revoked, record.hardware);
    }

    /// @dev The index of an image that may register keys now, or reverts.
    function _requireImage(bytes32 imageId) internal view returns (uint32 index) {
        index = _imageIndex[imageId];
        ImageRecord storage image = _images[index];
        if (index == 0 || image.activeFrom > block.timestamp || image.revokedAt != 0) {
            revert RegistryImageNotActive(imageId);
        }
    }

    /// @dev What a live root vouches for, or reverts.
    function _requireRoot(bytes32 rootId) internal view returns (bool hardware) {
        RootRecord storage root = _roots[rootId];
        if (root.activeFrom == 0 || root.activeFrom > block.timestamp || root.revoked) {
            revert RegistryRootNotActive(rootId);
        }
        return root.hardware;
    }

    /// @dev A live verifier and whether it vouches for hardware, or reverts.
    function _requireVerifier(uint8 index) internal view returns (address verifier, bool hardware) {
        VerifierRecord storage record = _verifiers[index];
        if (record.activeFrom == 0 || record.activeFrom > block.timestamp || record.revoked) {
            revert RegistryVerifierNotActive(index);
        }
        return (record.verifier, record.hardware);
    }

    /// @dev When something that is scheduled now is live. Block time plus 136 years at most: it fits 40 bits.
    function _liveFrom() private view returns (uint40) {
        return uint40(block.timestamp + changeDelaySeconds);
    }

    function _addImage(bytes32 imageId, uint40 activeFrom) private {
        if (imageId == 0) revert RegistryZero();
        if (_imageIndex[imageId] != 0) revert RegistryAlreadyScheduled(imageId);
        // Index 0 means "never scheduled".
        uint32 index = ++_imageCount;
        _imageIndex[imageId] = index;
        _images[index].activeFrom = activeFrom;
        emit ImageScheduled(imageId, activeFrom);
    }

    function _addRoot(bytes32 rootId, bool hardware, uint40 activeFrom) private {
        if (rootId == 0) revert RegistryZero();
        // A development root's key lies on somebody's disk: where value can be lost it must never become a root.
        if (!hardware && !DevelopmentChains.includes(block.chainid)) revert RegistryNotADevelopmentChain(block.chainid);
        if (_roots[rootId].activeFrom != 0) revert RegistryAlreadyScheduled(rootId);
        _roots[rootId] = RootRecord(activeFrom, false, hardware);
        emit RootScheduled(rootId, hardware, activeFrom);
    }

    function _addVerifier(address verifier, uint40 activeFrom) private returns (uint8 index) {
        if (verifier.code.length == 0) revert RegistryNotAContract(verifier);
        if (_verifierCount > type(uint8).max) revert RegistryTooManyVerifiers();
        index = uint8(_verifierCount++);
        // Kept from now on: what it answers later changes nothing.
        bool hardware = IAttestationVerifier(verifier).vouchesForHardware();
        // Under a development root anybody who reads a file attests anything: where value can be lost it must not come in by
        // a root that somebody flags as hardware.
        if (!hardware && !DevelopmentChains.includes(block.chainid)) revert RegistryNotADevelopmentChain(block.chainid);
        _verifiers[index] = VerifierRecord(verifier, activeFrom, false, hardware);
        emit VerifierScheduled(index, verifier, hardware, activeFrom);
    }
}
