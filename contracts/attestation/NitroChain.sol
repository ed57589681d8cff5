// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IP384 } from "../interfaces/IP384.sol";
import { ByteView } from "../libraries/ByteView.sol";
import { DevelopmentChains } from "../libraries/DevelopmentChains.sol";
import { CborReader } from "./CborReader.sol";
import { NitroPayload } from "./NitroPayload.sol";
import { NitroRevocation } from "./NitroRevocation.sol";
import { X509Certificate } from "./X509Certificate.sol";
import { X509Reader } from "./X509Reader.sol";

/// @dev What has been seen of a chain.
/// @param issuer keccak256 of the latest certificate's public key.
/// @param subject keccak256 of its subject.
/// @param key Its public key, x ‖ y.
/// @param until The earliest end of validity so far.
/// @param signatures What is still to be verified, 240 bytes each.
/// @param hints The y of R for each of them.
/// @param entries Cache keys of the CA certificates under the root.
/// @param ends For each of them `until`.
struct NitroPath {
    bytes32 issuer;
    bytes32 subject;
    bytes key;
    uint64 until;
    bytes signatures;
    bytes hints;
    bytes32[] entries;
    uint64[] ends;
}

/// @title The certificate chain of a Nitro attestation document: root, CAs, target
/// @notice AWS's rules (nsm-api, attestation_process.md) and RFC 5280's, evaluated on the bytes of the document each time. What
/// the cache saves is one thing only: verifying again that a key signed these bytes.
/// @dev An entry is keyed on the signed bytes and the parent's key, so it is a fact about these two that no other
/// certificate, spelling of a signature or path can change; it ends with the path it was made on.
/// NOT CHECKED, as in AWS's rules: key identifiers, CRL distribution points, low s, names beyond their chaining.
abstract contract NitroChain is NitroRevocation {
    /// @notice A certificate's signature need not be verified again until then.
    event NitroCertificateCached(bytes32 indexed entry, uint64 until);

    /// @notice This root is not AWS's, and this chain is none for development.
    error NitroRootNotAllowed(bytes32 rootHash, uint256 chainId);
    /// @notice The first certificate of the bundle is not the pinned root.
    error NitroRootUnknown(bytes32 actual);
    /// @notice Certificate `index` (0 the root, then down to the target) is used before its validity.
    error NitroNotYetValid(uint256 index, uint256 notBefore);
    /// @notice Certificate `index` is used after its validity.
    error NitroExpired(uint256 index, uint256 notAfter);
    /// @notice The issuer of certificate `index` is not, byte for byte, the subject of the one above.
    error NitroNameMismatch(uint256 index);
    /// @notice Certificate `index` names itself as its issuer: a root in a place that is not the root's.
    error NitroSelfIssued(uint256 index);
    /// @notice Certificate `index` is above another one, and is no CA.
    error NitroNotCa(uint256 index);
    /// @notice The target is a CA.
    error NitroTargetIsCa(uint256 index);
    /// @notice More certificates follow certificate `index` than its path length allows.
    error NitroPathLength(uint256 index, uint256 pathLength);
    /// @notice Certificate `index` may not sign certificates, or the target not sign data.
    error NitroKeyUsage(uint256 index, uint256 keyUsage);
    /// @notice Certificate `index` was revoked by its issuer.
    error NitroRevoked(uint256 index);
    /// @notice Hints are 48 bytes each, and no more than there are signatures.
    error NitroHintLength(uint256 length);
    /// @notice Signature `index` (0 the first CA's .. the document's) is not cached and has no hint.
    error NitroHintMissing(uint256 index);

    /// @notice keccak256 of the root certificate's DER.
    bytes32 public immutable rootHash;

    /// @notice keccak256 of AWS's root for the aws partition, "aws.nitro-enclaves" G1, whose published sha-256 is
    /// 641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b.
    bytes32 public constant AWS_NITRO_ROOT_G1 = 0x311d96fcd5c5e0ccf72ef548e2ea7d4c0cd53ad7c4cc49e67471aed41d61f185;

    uint8 private constant DIGITAL_SIGNATURE = 0x80;
    uint8 private constant KEY_CERT_SIGN = 0x04;
    uint256 private constant HINT_BYTES = 48;

    mapping(bytes32 entry => uint64 until) private _cachedUntil;

    constructor(IP384 verifier, bytes32 root) NitroRevocation(verifier) {
        if (root != AWS_NITRO_ROOT_G1 && !DevelopmentChains.includes(block.chainid)) {
            revert NitroRootNotAllowed(root, block.chainid);
        }
        rootHash = root;
    }

    /// @notice Until when a certificate's signature is known to be valid, seconds since 1970; 0 if it is not.
    /// @param tbsHash keccak256 of its TBSCertificate, head included.
    /// @param issuer keccak256 of the public key above it, x ‖ y.
    function cachedUntil(bytes32 tbsHash, bytes32 issuer) external view returns (uint64) {
        return _cachedUntil[_entryOf(tbsHash, issuer)];
    }

    /// @dev Checks everything about the chain but signatures, which are collected. Returns the root's id beside.
    /// @param hints y coordinates for the last signatures: those of the first may be missing, if they are cached.
    function _walk(
        NitroPayload memory fields,
        bytes calldata hints
    ) internal view returns (NitroPath memory path, bytes32 rootId) {
        uint256 last = fields.cabundleCount;
        if (hints.length % HINT_BYTES != 0 || hints.length > HINT_BYTES * (last + 1)) {
            revert NitroHintLength(hints.length);
        }
        bytes calldata bundle = fields.cabundle.toCalldata();
        bytes calldata der;
        (path.entries, path.ends) = (new bytes32[](last - 1), new uint64[](last - 1));
        path.until = type(uint64).max;
        for (uint256 i = 0; i < last; ++i) {
            (der, bundle) = _next(bundle);
            if (i == 0 && keccak256(der) != rootHash) revert NitroRootUnknown(keccak256(der));
            _addCertificate(path, X509Reader.decode(der), i, last, hints);
            if (i == 0) rootId = path.issuer;
        }
        _addCertificate(path, X509Reader.decode(fields.certificate.toCalldata()), last, last, hints);
    }

    /// @dev Adds a signature to those that `_verifySignatures` verifies.
    /// @param left How many signatures come after this one.
    function _addSignature(
        NitroPath memory path,
        ByteView signed,
        uint256[4] memory rs,
        uint256 left,
        bytes calldata hints,
        uint256 index
    ) internal pure {
        uint256 given = hints.length / HINT_BYTES;
        if (given <= left) revert NitroHintMissing(index);
        uint256 at = HINT_BYTES * (given - left - 1);
        path.signatures = bytes.concat(path.signatures, _signatureOf(signed, rs, path.key));
        path.hints = bytes.concat(path.hints, hints[at:at + HINT_BYTES]);
    }

    /// @dev Errors: those of `IP384`; its indexes count the signatures that are not cached.
    function _verifySignatures(NitroPath memory path) internal view {
        p384.verifyAll(path.signatures, path.hints);
    }

    /// @dev Remembers the CA certificates of a path whose signatures were all verified.
    function _remember(NitroPath memory path) internal {
        for (uint256 i = 0; i < path.entries.length; ++i) {
            bytes32 entry = path.entries[i];
            // A path that ends later keeps the entry alive longer; an earlier one takes nothing away.
            if (path.ends[i] <= _cachedUntil[entry]) continue;
            _cachedUntil[entry] = path.ends[i];
            emit NitroCertificateCached(entry, path.ends[i]);
        }
    }

    function _addCertificate(
        NitroPath memory path,
        X509Certificate memory c,
        uint256 index,
        uint256 last,
        bytes calldata hints
    ) private view {
        if (block.timestamp < c.notBefore) revert NitroNotYetValid(index, c.notBefore);
        if (block.timestamp > c.notAfter) revert NitroExpired(index, c.notAfter);
        if (index == last) _requireTarget(c, index);
        else _requireCa(c, index, last);
        if (c.notAfter < path.until) path.until = c.notAfter;
        bytes32 subject = c.subject.hash();
        if (index != 0) {
            bytes32 issuerName = c.issuer.hash();
            if (issuerName != path.subject) revert NitroNameMismatch(index);
            if (issuerName == subject) revert NitroSelfIssued(index);
            if (_isRevoked(path.issuer, c.serial)) revert NitroRevoked(index);
            if (!_isKnown(path, c, index, last)) {
                _addSignature(path, c.tbs, c.signature, last + 1 - index, hints, index - 1);
            }
        }
        path.key = c.publicKey.toBytes();
        path.issuer = keccak256(path.key);
        path.subject = subject;
    }

    /// @dev Whether the signature of a CA certificate is cached. Target certificates live for hours and are not.
    function _isKnown(
        NitroPath memory path,
        X509Certificate memory c,
        uint256 index,
        uint256 last
    ) private view returns (bool) {
        if (index == last) return false;
        bytes32 entry = _entryOf(c.tbs.hash(), path.issuer);
        path.entries[index - 1] = entry;
        path.ends[index - 1] = path.until;
        return block.timestamp <= _cachedUntil[entry];
    }

    function _requireCa(X509Certificate memory c, uint256 index, uint256 last) private pure {
        if (!c.isCa) revert NitroNotCa(index);
        if (c.keyUsage & KEY_CERT_SIGN == 0) revert NitroKeyUsage(index, c.keyUsage);
        // CA certificates below this one; the target does not count (RFC 5280, section 4.2.1.9).
        if (c.pathLength != X509Reader.NO_PATH_LENGTH && last - 1 - index > c.pathLength) {
            revert NitroPathLength(index, c.pathLength);
        }
    }

    function _requireTarget(X509Certificate memory c, uint256 index) private pure {
        if (c.isCa || c.pathLength != X509Reader.NO_PATH_LENGTH) revert NitroTargetIsCa(index);
        if (c.keyUsage & DIGITAL_SIGNATURE == 0) revert NitroKeyUsage(index, c.keyUsage);
    }

    function _entryOf(bytes32 tbsHash, bytes32 issuer) private pure returns (bytes32) {
        return keccak256(abi.encode(tbsHash, issuer));
    }

    /// @dev The first CBOR byte string of the bundle, whose heads `NitroDocument` has checked.
    function _next(bytes calldata bundle) private pure returns (bytes calldata der, bytes calldata rest) {
        (uint256 length, uint256 start) = CborReader.head(bundle, 0, CborReader.BYTES);
        return (bundle[start:start + length], bundle[start + length:]);
    }
}
