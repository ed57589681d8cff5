// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Strict DER (ITU-T X.690, section 10), as certificates use it
/// @notice Reads over calldata: a cursor goes in, the limits of a value's content come out. Each length has its one shortest
/// form, so that no byte outside the signed part of a certificate is free to choose. Nothing is allocated.
/// @dev Tags are single bytes; that covers everything in X.509. INTEGRATOR RESPONSIBILITIES: compare the end of the last
/// value with the end of what holds it (`finish`), or trailing bytes go unseen.
library DerReader {
    /// @notice The value at `cursor` does not end where, at the latest, it must.
    error DerTruncated(uint256 cursor);
    /// @notice Another tag than the place demands.
    error DerTagUnexpected(uint256 cursor, uint256 expected, uint256 actual);
    /// @notice The length is indefinite, not the shortest, or above 65,535.
    error DerLengthInvalid(uint256 cursor);
    /// @notice Bytes follow the last value.
    error DerTrailingBytes(uint256 cursor);
    /// @notice An INTEGER that is empty, negative, or has a zero in front that it does not need.
    error DerIntegerInvalid(uint256 cursor);

    uint256 internal constant BOOLEAN = 0x01;
    uint256 internal constant INTEGER = 0x02;
    uint256 internal constant BIT_STRING = 0x03;
    uint256 internal constant OCTET_STRING = 0x04;
    uint256 internal constant OBJECT_IDENTIFIER = 0x06;
    uint256 internal constant SEQUENCE = 0x30;
    uint256 internal constant UTC_TIME = 0x17;
    uint256 internal constant GENERALIZED_TIME = 0x18;

    /// @notice Enters the value at `cursor`, which has to have this tag and to end at `limit` or before.
    /// @return start Where its content starts.
    /// @return end Where it ends: the cursor of what follows.
    function enter(
        bytes calldata data,
        uint256 cursor,
        uint256 limit,
        uint256 tag
    ) internal pure returns (uint256 start, uint256 end) {
        uint256 actual = peek(data, cursor, limit);
        if (actual != tag) revert DerTagUnexpected(cursor, tag, actual);
        // Cursors are below data.length, far from 2^256.
        unchecked {
            uint256 length = peek(data, cursor + 1, limit);
            start = cursor + 2;
            if (length >= 0x80) {
                // 0x81: one byte of length, from 128 on; 0x82: two, from 256 on. Nothing longer has room in a document.
                uint256 width = length - 0x80;
                if (width != 1 && width != 2) revert DerLengthInvalid(cursor);
                length = peek(data, start, limit);
                if (width == 2) length = (length << 8) | peek(data, start + 1, limit);
                if (length < (width == 1 ? 0x80 : 0x100)) revert DerLengthInvalid(cursor);
                start += width;
            }
            end = start + length;
        }
        if (end > limit) revert DerTruncated(cursor);
    }

    /// @notice The byte at the cursor, which has to be before `limit`.
    function peek(bytes calldata data, uint256 cursor, uint256 limit) internal pure returns (uint256) {
        if (cursor >= limit) revert DerTruncated(cursor);
        return uint8(data[cursor]);
    }

    /// @notice Enters an INTEGER that is not negative.
    /// @return start Where its first byte is that is not a zero for the sign only.
    /// @return end Where it ends. The number 0 is one zero byte.
    function enterUnsigned(
        bytes calldata data,
        uint256 cursor,
        uint256 limit
    ) internal pure returns (uint256 start, uint256 end) {
        (start, end) = enter(data, cursor, limit, INTEGER);
        if (start == end) revert DerIntegerInvalid(cursor);
        uint256 first = uint8(data[start]);
        if (first >= 0x80) revert DerIntegerInvalid(cursor);
        unchecked {
            if (first == 0 && end - start > 1) {
                // The zero keeps the number from being negative, or it is one too many.
                if (uint8(data[++start]) < 0x80) revert DerIntegerInvalid(cursor);
            }
        }
    }

    /// @notice Reverts unless everything was read.
    function finish(uint256 cursor, uint256 limit) internal pure {
        if (cursor != limit) revert DerTrailingBytes(cursor);
    }
}
