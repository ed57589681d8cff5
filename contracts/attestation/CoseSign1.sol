// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { CborReader } from "./CborReader.sol";

/// @title Reading COSE_Sign1 (RFC 9052, section 4.2) of exactly one spelling
/// @notice Untagged, the algorithm alone in the protected header, nothing in the unprotected one, shortest heads, no
/// trailing byte. So nothing that is not signed can be varied, but for the signature itself.
/// @dev NOT CHECKED: the signature. Whoever holds the key's curve does that over `signedBytes`.
library CoseSign1 {
    /// @notice Not an array of four; a tagged message (0xd2) is refused too.
    error CoseNotSign1();
    /// @notice The protected header is not, byte for byte, that of the demanded algorithm.
    error CoseProtectedHeader();
    /// @notice The unprotected header is not the empty map.
    error CoseUnprotectedHeader();
    /// @notice The payload is empty or longer than 16,384 bytes.
    error CosePayloadLength(uint256 length);
    /// @notice The signature has another length than the algorithm's.
    error CoseSignatureLength(uint256 expected, uint256 actual);

    /// @notice `{1: -7}` as a byte string: ECDSA with SHA-256, 64-byte signatures.
    bytes internal constant ES256 = hex"43a10126";
    /// @notice `{1: -35}` as a byte string: ECDSA with SHA-384, 96-byte signatures; AWS Nitro's.
    bytes internal constant ES384 = hex"44a1013822";
    /// @notice The bound that AWS documents; it keeps parsing and hashing cheap to refuse.
    uint256 internal constant MAX_PAYLOAD_BYTES = 16_384;

    /// @notice Reads a message.
    /// @param protectedHeader `ES256` or `ES384`.
    /// @param signatureBytes 64 or 96.
    /// @return payload The signed payload, in place.
    /// @return signature r ‖ s, in place.
    function decode(
        bytes calldata document,
        bytes memory protectedHeader,
        uint256 signatureBytes
    ) internal pure returns (bytes calldata payload, bytes calldata signature) {
        bool found;
        uint256 cursor;
        (found, cursor) = CborReader.skipExactly(document, 0, hex"84", 1);
        if (!found) revert CoseNotSign1();
        (found, cursor) = CborReader.skipExactly(document, cursor, bytes32(protectedHeader), protectedHeader.length);
        if (!found) revert CoseProtectedHeader();
        (found, cursor) = CborReader.skipExactly(document, cursor, hex"a0", 1);
        if (!found) revert CoseUnprotectedHeader();

        uint256 length;
        (length, cursor) = CborReader.head(document, cursor, CborReader.BYTES);
        if (length == 0 || length > MAX_PAYLOAD_BYTES) revert CosePayloadLength(length);
        uint256 next = CborReader.skip(document, cursor, length);
        payload = document[cursor:next];

        (length, cursor) = CborReader.head(document, next, CborReader.BYTES);
        if (length != signatureBytes) revert CoseSignatureLength(signatureBytes, length);
        next = CborReader.skip(document, cursor, length);
        signature = document[cursor:next];
        CborReader.end(document, next);
    }

    /// @notice What the signature covers: `Sig_structure` of RFC 9052, section 4.4, without external data.
    function signedBytes(bytes memory protectedHeader, bytes calldata payload) internal pure returns (bytes memory) {
        // 84 array of four, 6a text of ten; then the header, an empty byte string (0x40) and the payload.
        return bytes.concat(hex"846a", "Signature1", protectedHeader, hex"40", _bytesHead(payload.length), payload);
    }

    /// @dev The shortest head of a byte string of at most 16,384 bytes.
    function _bytesHead(uint256 length) private pure returns (bytes memory) {
        if (length < 24) return abi.encodePacked(uint8(0x40 + length));
        if (length < 256) return abi.encodePacked(uint8(0x58), uint8(length));
        return abi.encodePacked(uint8(0x59), uint16(length));
    }
}
