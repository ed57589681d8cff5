// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { SignatureChecker } from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import { Claims, IAttestationVerifier } from "../interfaces/IAttestationVerifier.sol";
import { IEnclaveRegistry, Registration } from "../interfaces/IEnclaveRegistry.sol";
import { RegistryConfig } from "../interfaces/RegistryConfig.sol";
import { DevelopmentChains } from "../libraries/DevelopmentChains.sol";
import { Domain } from "../libraries/Domain.sol";
import { Statements } from "../libraries/Statements.sol";
import { EnclaveData, UserData } from "../libraries/UserData.sol";
import { RegistryGovernance } from "./RegistryGovernance.sol";

/// @dev A document that passed every check.
/// @param signer The key born in the enclave.
/// @param image Index of its image.
/// @param imageId Its image.
/// @param trust Its level.
/// @param payloadHash What was spent.
/// @param userDataHash Hash of `data` as attested.
/// @param data What it says about itself.
struct Attested {
    address signer;
    uint32 image;
    bytes32 imageId;
    uint8 trust;
    bytes32 payloadHash;
    bytes32 userDataHash;
    EnclaveData data;
}

/// @title From a document to an enclave that may be believed
/// @notice The verifier proves who signed and what was said; everything here judges whether that is good enough.
abstract contract RegistryAttestation is RegistryGovernance {
    uint8 private constant HARDWARE_TRUST = 4;
    uint8 private constant MAX_SOFTWARE_LEVEL = 3;
    uint256 private constant PCR_LENGTH = 48;
    /// @dev Oldest document without a nonce, seconds.
    uint256 private constant MAX_DOCUMENT_AGE = 600;
    /// @dev How far the platform's clock may run ahead of the block's time, seconds.
    uint256 private constant CLOCK_SKEW = 120;

    /// @inheritdoc IEnclaveRegistry
    address public immutable override hub;
    /// @inheritdoc IEnclaveRegistry
    bool public immutable override developmentLevelAllowed;
    /// @inheritdoc IEnclaveRegistry
    mapping(bytes32 payloadHash => bool spent) public override spentDocument;

    constructor(RegistryConfig memory c) RegistryGovernance(c) {
        if (c.hub == address(0)) revert RegistryZero();
        if (c.developmentLevelAllowed && !DevelopmentChains.includes(block.chainid)) {
            revert RegistryNotADevelopmentChain(block.chainid);
        }
        hub = c.hub;
        developmentLevelAllowed = c.developmentLevelAllowed;
    }

    /// @inheritdoc IEnclaveRegistry
    function hubDomain() public view override returns (bytes32) {
        return Domain.ofHub(hub);
    }

    /// @inheritdoc IEnclaveRegistry
    function domainSeparator() public view override returns (bytes32) {
        return Domain.ofRegistry(address(this));
    }

    /// @dev Verifies, judges and spends a document; the operator's consent is left to the caller.
    function _attest(Registration calldata r) internal returns (Attested memory a) {
        (address verifier, bool mayBeHardware) = _requireVerifier(r.verifierIndex);
        Claims memory claims = IAttestationVerifier(verifier).verify(r.document, r.aux);
        bool hardware = _requireRoot(claims.rootId);
        // Whoever holds the key of a development root, flagged as hardware by mistake or by a bribed governor, would be
        // believed to be hardware: both the root and the verifier have to say it.
        if (hardware && !mayBeHardware) revert RegistryNotHardware(r.verifierIndex, claims.rootId);
        // Spent by its payload: re-signing or re-wrapping the same statement does not make it new.
        if (spentDocument[claims.payloadHash]) revert RegistryDocumentSpent(claims.payloadHash);
        spentDocument[claims.payloadHash] = true;

        a.payloadHash = claims.payloadHash;
        a.imageId = _imageIdOf(claims);
        a.image = _requireImage(a.imageId);
        a.signer = _signerOf(claims.publicKey);
        a.userDataHash = keccak256(claims.userData);
        a.data = UserData.decode(claims.userData);
        _requireBinding(a.data, r);
        a.trust = _trustOf(a.data, hardware);
        _requireFresh(claims);
    }

    /// @dev The operator sent this, or signed for exactly this document.
    function _requireConsent(Registration calldata r, bytes32 payloadHash, address operator) internal view {
        if (msg.sender == operator) return;
        if (block.timestamp > r.consentDeadline) revert RegistryConsentExpired(r.consentDeadline, block.timestamp);
        bytes32 structHash = Statements.consentHash(payloadHash, operator, r.consentDeadline);
        bytes32 digest = Domain.digest(domainSeparator(), structHash);
        if (!SignatureChecker.isValidSignatureNow(operator, digest, r.consent)) revert RegistryNoConsent(operator);
    }

    /// @dev `keccak256(rootId ‖ pcr0 ‖ pcr1 ‖ pcr2)`. The lengths are checked, or bytes could move between neighbours.
    function _imageIdOf(Claims memory claims) private pure returns (bytes32) {
        _requireLength(0, claims.pcr0);
        _requireLength(1, claims.pcr1);
        _requireLength(2, claims.pcr2);
        // A Nitro enclave in debug mode has zero PCRs: its console and memory are open to the host.
        if (keccak256(claims.pcr0) == keccak256(new bytes(PCR_LENGTH))) revert RegistryDebugEnclave();
        return keccak256(abi.encodePacked(claims.rootId, claims.pcr0, claims.pcr1, claims.pcr2));
    }

    function _requireLength(uint8 index, bytes memory pcr) private pure {
        if (pcr.length != PCR_LENGTH) revert RegistryPcrLength(index, pcr.length);
    }

    /// @dev The address of an uncompressed secp256k1 key: hash of the 64 bytes behind the prefix.
    function _signerOf(bytes memory key) private pure returns (address signer) {
        if (key.length != 65 || key[0] != 0x04) revert RegistryPublicKeyMalformed(key.length);
        // 64 bytes from the second one on: inside the 65 that were checked.
        assembly ("memory-safe") {
            signer := shr(96, shl(96, keccak256(add(key, 0x21), 64)))
        }
    }

    /// @dev The document was made for this chain, this registry, this hub, and for what is handed in beside it.
    function _requireBinding(EnclaveData memory data, Registration calldata r) private view {
        if (data.chainId != block.chainid) revert RegistryWrongChain(block.chainid, data.chainId);
        if (data.registry != address(this)) revert RegistryWrongRegistry(address(this), data.registry);
        if (data.hubDomain != hubDomain()) revert RegistryWrongHub(hubDomain(), data.hubDomain);
        if (data.operator == address(0) || data.payout == address(0)) revert RegistryZero();
        bytes32 endpointHash = keccak256(bytes(r.endpoint));
        if (data.endpointHash != endpointHash) revert RegistryHashMismatch(data.endpointHash, endpointHash);
        bytes32 keyConfigHash = keccak256(r.keyConfig);
        if (data.keyConfigHash != keyConfigHash) revert RegistryHashMismatch(data.keyConfigHash, keyConfigHash);
    }

    /// @dev Which root signed decides. Under a hardware root a claimed level is ignored; under a software root a claim
    /// of hardware is a lie.
    function _trustOf(EnclaveData memory data, bool hardware) private view returns (uint8) {
        if (hardware) return HARDWARE_TRUST;
        uint8 lowest = developmentLevelAllowed ? 0 : 1;
        if (data.hardwareRooted || data.level < lowest || data.level > MAX_SOFTWARE_LEVEL) {
            revert RegistryLevelNotAllowed(data.level, data.hardwareRooted);
        }
        return data.level;
    }

    /// @dev Fresh by the chain's own word, or else by the platform's clock.
    function _requireFresh(Claims memory claims) private view {
        bytes memory nonce = claims.nonce;
        if (nonce.length == 0) {
            uint256 attestedAt = claims.timestampMs / 1000;
            if (attestedAt + MAX_DOCUMENT_AGE < block.timestamp || attestedAt > block.timestamp + CLOCK_SKEW) {
                revert RegistryDocumentNotFresh(attestedAt, block.timestamp);
            }
            return;
        }
        if (nonce.length != 40) revert RegistryNonceStale(nonce.length, 0);
        uint256 blockNumber;
        bytes32 named;
        // 8 bytes of number and 32 bytes of hash: the 40 that were checked.
        assembly ("memory-safe") {
            blockNumber := shr(192, mload(add(nonce, 0x20)))
            named := mload(add(nonce, 0x28))
        }
        // The chain answers 0 for a block that is not one of the last 256; no block has that hash.
        if (named == 0 || blockhash(blockNumber) != named) revert RegistryNonceStale(nonce.length, blockNumber);
    }
}
