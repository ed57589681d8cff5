// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @notice What a verified attestation document says.
/// @param rootId keccak256 of the raw public key (x ‖ y) of the root whose signature chain was verified.
/// @param payloadHash keccak256 of the signed COSE payload: a document is spent once by it.
/// @param timestampMs The platform's clock, milliseconds since 1970.
/// @param moduleId Name of the instance, a label only.
/// @param pcr0 Measurement of the runtime, 48 bytes (not checked by the verifier: the registry does).
/// @param pcr1 Measurement of the boot, 48 bytes.
/// @param pcr2 Measurement of the application, 48 bytes.
/// @param publicKey `public_key` of the document, empty if absent or null.
/// @param userData `user_data` of the document, empty if absent or null.
/// @param nonce `nonce` of the document, empty if absent or null.
struct Claims {
    bytes32 rootId;
    bytes32 payloadHash;
    uint64 timestampMs;
    string moduleId;
    bytes pcr0;
    bytes pcr1;
    bytes pcr2;
    bytes publicKey;
    bytes userData;
    bytes nonce;
}

/// @title Port of the enclave registry: turns an attestation document into claims
/// @notice INTEGRATOR RESPONSIBILITIES: the verifier proves who signed the document and what it says. It does *not*
/// judge the root (a caller accepts root ids), the measurements, the freshness, or the meaning of `userData`.
interface IAttestationVerifier {
    /// @notice Whether what this verifier accepts can be the word of hardware: its root's key lies in no file.
    /// @dev Asked once, when a registry takes the verifier; a root that is flagged as hardware by mistake gives no
    /// hardware level through a verifier that says no.
    /// @return Whether it can.
    function vouchesForHardware() external view returns (bool);

    /// @notice Verifies a document completely or reverts with an error that names the broken rule.
    /// @param document COSE_Sign1 with the AWS Nitro payload layout. No unsigned byte of it may be free to choose.
    /// @param aux Hints that make verification cheaper and that can only make it fail; empty for ES256.
    /// @return claims The parsed claims.
    function verify(bytes calldata document, bytes calldata aux) external view returns (Claims memory claims);
}
