// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title ECDSA over P-384 (FIPS 186-5, section 6.4.2) with digests of 48 bytes
/// @notice A signature is 240 bytes, in the order of P256VERIFY: digest ‖ r ‖ s ‖ x ‖ y, 48 bytes each, big-endian. Ranges are
/// checked in full (0 < r, s < n; x, y < p), and that the key is on the curve. A high s is accepted, as FIPS has it: half
/// of all signatures of AWS have one.
/// @dev NOT CHECKED: who holds the key, what the digest is of, that a signature is the only one of its message ((r, n - s)
/// verifies too). INTEGRATOR RESPONSIBILITIES: never key replay protection on a signature.
interface IP384 {
    /// @notice Not a multiple of 240 bytes, none, more than nine signatures, or not 48 bytes of hint for each.
    error P384Length(uint256 signatureBytes, uint256 hintBytes);
    /// @notice r or s of signature `index` is 0, or n and above.
    error P384ScalarOutOfRange(uint256 index);
    /// @notice The key of signature `index` is not a point of the curve with coordinates below p.
    error P384KeyInvalid(uint256 index);
    /// @notice The hint of signature `index` is not the y of a point with its r for x.
    error P384HintInvalid(uint256 index);
    /// @notice All are well formed, and at least one is not valid; or a hint has the wrong sign.
    error P384SignaturesInvalid();

    /// @notice Whether one signature is valid. About 2.65 million gas.
    /// @param signature 240 bytes; another length is not valid.
    function verify(bytes calldata signature) external view returns (bool);

    /// @notice Reverts unless all signatures are valid. About 1.9 million gas, and 0.77 million for each.
    /// @param signatures 240 bytes each, at most nine.
    /// @param hints For each the y of R = u1 G + u2 Q, 48 bytes: what the verification would compute anyway. A wrong one
    /// can only make it fail. If r and r + n are both below p, the y tells which of them is the x.
    function verifyAll(bytes calldata signatures, bytes calldata hints) external view;
}
