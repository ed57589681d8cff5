// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Claims, IAttestationVerifier } from "../interfaces/IAttestationVerifier.sol";
import { IP384 } from "../interfaces/IP384.sol";
import { ByteViews } from "../libraries/ByteView.sol";
import { CoseSign1 } from "./CoseSign1.sol";
import { NitroChain, NitroPath } from "./NitroChain.sol";
import { NitroDocument } from "./NitroDocument.sol";
import { NitroPayload } from "./NitroPayload.sol";

/// @title Attestation of AWS Nitro enclaves, verified wholly on the chain
/// @notice Takes the documents that the Nitro security module gives (COSE_Sign1 with ES384, a certificate chain under a
/// pinned root) at the block's time. Nothing off the chain is trusted: `aux` holds y coordinates that could be computed
/// here too, and that are checked on the curve.
/// @dev NOT CHECKED, and left to the registry: whether the document is fresh or was spent, whether its measurements are
/// approved, whether the enclave runs in debug mode (PCR0 to PCR2 are zero then), and what `public_key`, `user_data` and
/// `nonce` mean. The document's own timestamp is returned, not compared with anything.
/// Signatures are malleable ((r, n - s) verifies too); documents are spent by `payloadHash`, never by their own hash.
contract NitroAttestationVerifier is IAttestationVerifier, NitroChain {
    /// @notice The document carries no certificate of the key that signed it.
    error NitroCertificateMissing();
    /// @notice The document carries no chain.
    error NitroBundleMissing();

    uint256 private constant SIGNATURE_BYTES = 96;

    /// @param verifier The contract that verifies signatures.
    /// @param root keccak256 of the DER of the root certificate; any but AWS's only on a development chain.
    constructor(IP384 verifier, bytes32 root) NitroChain(verifier, root) {}

    /// @inheritdoc IAttestationVerifier
    /// @dev AWS's root only: the key of any other lies on a developer's disk.
    function vouchesForHardware() external view override returns (bool) {
        return rootHash == AWS_NITRO_ROOT_G1;
    }

    /// @inheritdoc IAttestationVerifier
    /// @dev `aux`: the y coordinates of R, 48 bytes each, for the signatures of the certificates under the root, first to
    /// last, and of the document. Those in front may be left out if they are cached; where they are not left out, it does
    /// not matter that somebody cached them meanwhile. Errors: those here and in `NitroChain`, and those of `CoseSign1`,
    /// `CborReader`, `NitroDocument`, `X509Reader`, `X509Extensions`, `X509Time`, `DerReader` and `IP384`.
    function verify(bytes calldata document, bytes calldata aux) external view override returns (Claims memory claims) {
        (claims, ) = _verify(document, aux);
    }

    /// @notice Verifies a document as `verify` does, and remembers that the signatures of its CA certificates are valid.
    /// Anyone may; it saves the next document of these CAs about 0.9 million gas for each.
    function cacheCertificates(bytes calldata document, bytes calldata aux) external {
        (, NitroPath memory path) = _verify(document, aux);
        _remember(path);
    }

    /// @notice A measurement of a document, 48 bytes; reverts if it has none of this index.
    /// @dev Reads only: whether the document is genuine is for `verify` to say. For policies beyond PCR0 to PCR2.
    function pcrOf(bytes calldata document, uint256 index) external pure returns (bytes memory) {
        (bytes calldata payload, ) = CoseSign1.decode(document, CoseSign1.ES384, SIGNATURE_BYTES);
        return NitroDocument.pcr(NitroDocument.decode(payload), index);
    }

    function _verify(
        bytes calldata document,
        bytes calldata aux
    ) private view returns (Claims memory claims, NitroPath memory path) {
        (bytes calldata payload, bytes calldata signature) = CoseSign1.decode(
            document,
            CoseSign1.ES384,
            SIGNATURE_BYTES
        );
        NitroPayload memory fields = NitroDocument.decode(payload);
        if (fields.certificate.length() == 0) revert NitroCertificateMissing();
        if (fields.cabundleCount == 0) revert NitroBundleMissing();
        (path, claims.rootId) = _walk(fields, aux);
        bytes memory signed = CoseSign1.signedBytes(CoseSign1.ES384, payload);
        _addSignature(path, ByteViews.ofMemory(signed), _rs(signature), 0, aux, fields.cabundleCount);
        _verifySignatures(path);

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

    /// @dev r ‖ s of 96 bytes, each as its upper 128 and its lower 256 bits.
    function _rs(bytes calldata signature) private pure returns (uint256[4] memory) {
        return
            [
                uint256(uint128(bytes16(signature[0:16]))),
                uint256(bytes32(signature[16:48])),
                uint256(uint128(bytes16(signature[48:64]))),
                uint256(bytes32(signature[64:96]))
            ];
    }
}
