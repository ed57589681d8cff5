// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "./interfaces/IEnclaveRegistry.sol";
import { IModelRegistry } from "./interfaces/IModelRegistry.sol";
import { Codes } from "./libraries/Codes.sol";
import { Domain } from "./libraries/Domain.sol";
import { Lifetime } from "./libraries/Lifetime.sol";
import { Proofs } from "./libraries/Proofs.sol";
import { Statements } from "./libraries/Statements.sol";

/// @title ModelRegistry
/// @notice See `IModelRegistry`. Two things that never touch: what enclaves said about a hash, which is true for all,
/// and what registrants call it, which is true for whoever trusts the registrant.
contract ModelRegistry is IModelRegistry {
    /// @dev A name and version of one registrant.
    struct Entry {
        bytes32 modelHash;
        bool deprecated;
        string location;
    }

    uint256 private constant MAX_NAME_BYTES = 64;
    uint256 private constant MAX_VERSION_BYTES = 32;
    uint256 private constant MAX_LOCATION_BYTES = 512;

    /// @inheritdoc IModelRegistry
    IEnclaveRegistry public immutable override registry;

    /// @inheritdoc IModelRegistry
    mapping(bytes32 modelHash => bytes32 signatureHash) public override signatureHashOf;
    mapping(address registrant => mapping(bytes32 key => Entry entry)) private _entries;

    /// @param registry_ Says which keys are enclaves, and under which hub's domain they sign.
    constructor(IEnclaveRegistry registry_) {
        registry = registry_;
    }

    /// @inheritdoc IModelRegistry
    function admit(
        bytes32 modelHash,
        bytes calldata tensorSignature,
        uint64 issuedAt,
        uint64 expiresAt,
        bytes calldata proof
    ) external override {
        if (modelHash == 0) revert ModelHashZero();
        uint8 code = Lifetime.codeOf(issuedAt, expiresAt);
        if (code != Codes.OK) revert ModelStatementNotUsable(code, issuedAt, expiresAt, block.timestamp);
        bytes32 signatureHash = keccak256(tensorSignature);
        bytes32 structHash = Statements.admissionHash(modelHash, signatureHash, issuedAt, expiresAt);
        address signer = Proofs.recover(Domain.digest(registry.hubDomain(), structHash), proof);
        if (signer == address(0)) revert ModelBadProof(modelHash);
        // No minimum of trust: which levels exist at all is the registry's policy, and a signature gates nothing.
        (code, , , ) = registry.check(signer, 0, 0);
        if (code != Codes.OK) revert ModelSignerNotUsable(signer, code);

        bytes32 known = signatureHashOf[modelHash];
        if (known == 0) {
            signatureHashOf[modelHash] = signatureHash;
            emit ModelAdmitted(modelHash, signatureHash, signer, tensorSignature);
        } else if (known != signatureHash) {
            emit AdmissionConflict(modelHash, signatureHash, signer);
        }
    }

    /// @inheritdoc IModelRegistry
    function register(
        string calldata name,
        string calldata version,
        bytes32 modelHash,
        string calldata location
    ) external override {
        if (modelHash == 0) revert ModelHashZero();
        _requireLength(bytes(name).length, 1, MAX_NAME_BYTES);
        _requireLength(bytes(version).length, 1, MAX_VERSION_BYTES);
        _requireLength(bytes(location).length, 0, MAX_LOCATION_BYTES);
        Entry storage entry = _entries[msg.sender][_keyOf(name, version)];
        if (entry.modelHash != 0) revert ModelVersionExists(msg.sender, entry.modelHash);
        entry.modelHash = modelHash;
        entry.location = location;
        emit ModelRegistered(msg.sender, modelHash, name, version, location);
    }

    /// @inheritdoc IModelRegistry
    function deprecate(string calldata name, string calldata version) external override {
        Entry storage entry = _entries[msg.sender][_keyOf(name, version)];
        if (entry.modelHash == 0) revert ModelVersionUnknown(msg.sender);
        entry.deprecated = true;
        emit ModelDeprecated(msg.sender, entry.modelHash, name, version);
    }

    /// @inheritdoc IModelRegistry
    function resolve(
        address registrant,
        string calldata name,
        string calldata version
    ) external view override returns (bytes32 modelHash, string memory location, bool deprecated) {
        Entry storage entry = _entries[registrant][_keyOf(name, version)];
        if (entry.modelHash == 0) revert ModelVersionUnknown(registrant);
        return (entry.modelHash, entry.location, entry.deprecated);
    }

    /// @dev Both texts are hashed first, so that ("ab", "c") and ("a", "bc") differ.
    function _keyOf(string calldata name, string calldata version) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(bytes(name)), keccak256(bytes(version))));
    }

    function _requireLength(uint256 length, uint256 minimum, uint256 maximum) private pure {
        if (length < minimum || length > maximum) revert ModelTextLength(length, maximum);
    }
}
