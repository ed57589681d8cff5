// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Strict CBOR (RFC 8949), as attestation documents use it
/// @notice Reads front to back over calldata: every function takes a cursor and returns the next one. Each head has its
/// one shortest form (section 4.2.1) and a definite length; only `mapHead` takes an indefinite map, because AWS's own
/// documents open with one since 2025. Nothing is allocated, so a length that lies costs its sender alone.
/// @dev Its TypeScript twin is `executor/protocol/cbor.ts`; errors have the same names.
/// INTEGRATOR RESPONSIBILITIES: call `end` after the last value, or trailing bytes go unseen; refuse keys that repeat,
/// which is easiest by demanding them in one order (`skipExactly`).
library CborReader {
    /// @notice The bytes end inside the value at `cursor`.
    error CborTruncated(uint256 cursor);
    /// @notice Another major type than the place demands.
    error CborTypeUnexpected(uint256 cursor, uint256 expected, uint256 actual);
    /// @notice Additional information 28-31: reserved, or an indefinite length where none is allowed.
    error CborHeadUnsupported(uint256 cursor);
    /// @notice The head is longer than its number needs: a second spelling of the same value.
    error CborHeadNotMinimal(uint256 cursor);
    /// @notice Bytes follow the last value.
    error CborTrailingBytes(uint256 cursor);

    uint256 internal constant UNSIGNED = 0;
    uint256 internal constant BYTES = 2;
    uint256 internal constant TEXT = 3;
    uint256 internal constant ARRAY = 4;
    uint256 internal constant MAP = 5;

    bytes1 private constant INDEFINITE_MAP = 0xbf;
    bytes1 private constant BREAK = 0xff;
    bytes1 private constant NULL = 0xf6;

    /// @notice Reads a head of the demanded major type.
    /// @return value Its number: a value, a length or a count, below 2^64.
    /// @return next The cursor behind the head.
    function head(
        bytes calldata data,
        uint256 cursor,
        uint256 major
    ) internal pure returns (uint256 value, uint256 next) {
        uint256 initial = uint8(peek(data, cursor));
        if (initial >> 5 != major) revert CborTypeUnexpected(cursor, major, initial >> 5);
        uint256 info = initial & 0x1f;
        // cursor < data.length < 2^64 and at most 8 bytes follow. A value below 24 sits in the initial byte.
        unchecked {
            if (info < 24) return (info, cursor + 1);
            if (info > 27) revert CborHeadUnsupported(cursor);
            uint256 width = 1 << (info - 24);
            next = cursor + 1 + width;
            if (next > data.length) revert CborTruncated(cursor);
            // calldataload past the end of calldata is zero; the bytes that are kept were just found to be there.
            assembly ("memory-safe") {
                value := shr(sub(256, shl(3, width)), calldataload(add(data.offset, add(cursor, 1))))
            }
            // The number would have fitted the next shorter head: the initial byte, or half the width.
            if (value < (width == 1 ? 24 : 1 << (4 * width))) revert CborHeadNotMinimal(cursor);
        }
    }

    /// @notice Reads the head of a map, definite or not.
    /// @return entries How many entries follow; `type(uint256).max` if they run up to a break.
    function mapHead(bytes calldata data, uint256 cursor) internal pure returns (uint256 entries, uint256 next) {
        if (peek(data, cursor) == INDEFINITE_MAP) return (type(uint256).max, cursor + 1);
        return head(data, cursor, MAP);
    }

    /// @notice The cursor behind `length` bytes that must all be there.
    function skip(bytes calldata data, uint256 cursor, uint256 length) internal pure returns (uint256 next) {
        if (length > data.length - cursor) revert CborTruncated(cursor);
        // The line above bounds the sum by data.length.
        unchecked {
            return cursor + length;
        }
    }

    /// @notice Whether a null is next, and the cursor behind it if so.
    function skipNull(bytes calldata data, uint256 cursor) internal pure returns (bool found, uint256 next) {
        found = peek(data, cursor) == NULL;
        next = found ? cursor + 1 : cursor;
    }

    /// @notice Whether the break of an indefinite map is next, and the cursor behind it if so.
    function skipBreak(bytes calldata data, uint256 cursor) internal pure returns (bool found, uint256 next) {
        found = peek(data, cursor) == BREAK;
        next = found ? cursor + 1 : cursor;
    }

    /// @notice Whether exactly these bytes are next, and the cursor behind them if so.
    /// @param expected At most 32 bytes, left-aligned.
    function skipExactly(
        bytes calldata data,
        uint256 cursor,
        bytes32 expected,
        uint256 length
    ) internal pure returns (bool found, uint256 next) {
        if (length > data.length - cursor) return (false, cursor);
        bytes32 word;
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, cursor))
        }
        // The shift drops what follows the compared bytes; lengths are constants of 1 to 32.
        unchecked {
            found = (uint256(word) ^ uint256(expected)) >> (256 - 8 * length) == 0;
            next = found ? cursor + length : cursor;
        }
    }

    /// @notice The byte at the cursor.
    function peek(bytes calldata data, uint256 cursor) internal pure returns (bytes1) {
        if (cursor >= data.length) revert CborTruncated(cursor);
        return data[cursor];
    }

    /// @notice Reverts unless everything was read.
    function end(bytes calldata data, uint256 cursor) internal pure {
        if (cursor != data.length) revert CborTrailingBytes(cursor);
    }
}
