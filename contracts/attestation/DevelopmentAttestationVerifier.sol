// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { P256 } from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import { Claims, IAttestationVerifier } from "../interfaces/IAttestationVerifier.sol";
import { CoseSign1 } from "./CoseSign1.sol";
import { NitroDocument } from "./NitroDocument.sol";
import { NitroPayload } from "./NitroPayload.sol";

/// @title Attestation of software enclaves: documents that one pinned P-256 root signs itself
/// @notice Takes the Nitro payload layout in a COSE_Sign1 with ES256. The root is generated per deployment; whoever holds
/// its key can attest anything, so its documents never make an enclave hardware-rooted (`vouchesForHardware`).
/// @dev NOT CHECKED, and left to the registry: whether the document is fresh or was spent, whether its measurements are
/// approved, and what `public_key`, `user_data` and `nonce` mean. Nothing here depends on the block's time.
/// Certificates that a document may carry are skipped: the root signs the document, not a chain.
/// ES256 signatures are malleable ((r, n - s) verifies too), and signers are free to use either. That is harmless because
/// documents are spent by `payloadHash`, never by their own hash.
/// The signature is checked by the P256VERIFY precompile (EIP-7951). On a chain without it every document is refused.
contract DevelopmentAttestationVerifier is IAttestationVerifier {
    /// @notice The root is not a point of the curve, and nothing could ever verify.
    error DevelopmentRootNotOnCurve(bytes32 x, bytes32 y);
    /// @notice The document is not signed by the root.
    error DevelopmentSignatureInvalid();
    /// @notice ES256 needs no hints, and bytes without a meaning are refused.
    error DevelopmentAuxNotEmpty(uint256 length);

    /// @notice The pinned root's coordinates.
    bytes32 public immutable rootX;
    bytes32 public immutable rootY;
    /// @notice keccak256(x ‖ y), as in every claim.
    bytes32 public immutable rootId;

    address private constant P256VERIFY = address(0x100);

    /// @param x The root's public key.
    /// @param y The root's public key.
    constructor(bytes32 x, bytes32 y) {
        if (!P256.isValidPublicKey(x, y)) revert DevelopmentRootNotOnCurve(x, y);
        (rootX, rootY, rootId) = (x, y, keccak256(bytes.concat(x, y)));
    }

    /// @inheritdoc IAttestationVerifier
    /// @dev Whoever holds the root's key could otherwise call any program hardware.
    function vouchesForHardware() external pure override returns (bool) {
        return false;
    }

    /// @inheritdoc IAttestationVerifier
    /// @dev Errors: `DevelopmentAuxNotEmpty`, `DevelopmentSignatureInvalid` and those of `CoseSign1`, `CborReader` and
    /// `NitroDocument`.
    function verify(bytes calldata document, bytes calldata aux) external view returns (Claims memory claims) {
        if (aux.length != 0) revert DevelopmentAuxNotEmpty(aux.length);
        (bytes calldata payload, bytes calldata signature) = CoseSign1.decode(document, CoseSign1.ES256, 64);
        bytes32 digest = sha256(CoseSign1.signedBytes(CoseSign1.ES256, payload));
        if (!_isSigned(digest, signature)) revert DevelopmentSignatureInvalid();
        NitroPayload memory fields = NitroDocument.decode(payload);
        claims.rootId = rootId;
        claims.payloadHash = keccak256(payload);
        claims.timestampMs = fields.timestampMs;
        claims.moduleId = string(fields.moduleId.toBytes());
        claims.pcr0 = NitroDocument.pcr(fields, 0);
        claims.pcr1 = NitroDocument.pcr(fields, 1);
        claims.pcr2 = NitroDocument.pcr(fields, 2);
        claims.publicKey = fields.publicKey.toBytes();
        claims.userData = fields.userData.toBytes();
        claims.nonce = fields.nonce.toBytes();
    }

    /// @dev The precompile returns a word of 1 for a valid signature and nothing at all otherwise: r or s out of range, a
    /// point off the curve, or no precompile (a call to an address without code succeeds and returns nothing).
    function _isSigned(bytes32 digest, bytes calldata signature) private view returns (bool) {
        (bool done, bytes memory answer) = P256VERIFY.staticcall(bytes.concat(digest, signature, rootX, rootY));
        return done && answer.length == 32 && uint256(bytes32(answer)) == 1;
    }
}
