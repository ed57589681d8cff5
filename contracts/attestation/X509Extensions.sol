// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { DerReader } from "./DerReader.sol";
import { X509Certificate } from "./X509Certificate.sol";

/// @title Extensions of certificates: basicConstraints and keyUsage (RFC 5280, sections 4.2.1.3 and 4.2.1.9)
/// @notice Each at most once. What is critical and not one of the two is refused: not to understand it is not to know what
/// the certificate may be used for. What is not critical is skipped.
library X509Extensions {
    /// @notice An extension that is critical and not understood.
    error X509ExtensionCritical(uint256 cursor);
    /// @notice basicConstraints or keyUsage comes twice.
    error X509ExtensionRepeated(uint256 cursor);
    /// @notice A critical flag that is not the BOOLEAN true; its default, false, has no spelling in DER.
    error X509ExtensionFlag(uint256 cursor);
    /// @notice basicConstraints of another form: cA spelled as false, a path length without cA, negative or above 127.
    error X509BasicConstraints(uint256 cursor);
    /// @notice keyUsage of another form than one byte of bits, the unused ones cut off and zero, at least one set.
    error X509KeyUsage(uint256 cursor);

    uint8 private constant NO_PATH_LENGTH = 255;
    /// @dev 2.5.29.19 and 2.5.29.15.
    uint256 private constant BASIC_CONSTRAINTS = 0x551d13;
    uint256 private constant KEY_USAGE = 0x551d0f;

    /// @notice Reads the extensions that are in `data` from `cursor` to the end.
    /// @param c Gets `isCa`, `pathLength` and `keyUsage`. A CA whose basicConstraints are not critical is none: RFC 5280 and
    /// AWS demand that they are.
    function read(bytes calldata data, uint256 cursor, X509Certificate memory c) internal pure {
        c.pathLength = NO_PATH_LENGTH;
        uint256 limit;
        (cursor, limit) = DerReader.enter(data, cursor, data.length, DerReader.SEQUENCE);
        DerReader.finish(limit, data.length);
        bool constrained;
        while (cursor != limit) {
            (uint256 at, uint256 end) = DerReader.enter(data, cursor, limit, DerReader.SEQUENCE);
            uint256 id;
            bool critical;
            (id, critical, at) = _head(data, at, end);
            uint256 last;
            (at, last) = DerReader.enter(data, at, end, DerReader.OCTET_STRING);
            DerReader.finish(last, end);
            if (id == BASIC_CONSTRAINTS) {
                if (constrained) revert X509ExtensionRepeated(cursor);
                constrained = true;
                (bool ca, uint8 pathLength) = _basicConstraints(data, at, end);
                c.isCa = ca && critical;
                c.pathLength = pathLength;
            } else if (id == KEY_USAGE) {
                if (c.keyUsage != 0) revert X509ExtensionRepeated(cursor);
                c.keyUsage = _keyUsage(data, at, end);
            } else if (critical) {
                revert X509ExtensionCritical(cursor);
            }
            cursor = end;
        }
    }

    /// @dev The identifier, as a number if it has three bytes and else 0, and the flag.
    function _head(
        bytes calldata data,
        uint256 cursor,
        uint256 limit
    ) private pure returns (uint256 id, bool critical, uint256 next) {
        (uint256 start, uint256 end) = DerReader.enter(data, cursor, limit, DerReader.OBJECT_IDENTIFIER);
        if (end - start == 3) id = uint24(bytes3(data[start:end]));
        next = end;
        if (DerReader.peek(data, end, limit) == DerReader.BOOLEAN) {
            (start, next) = DerReader.enter(data, end, limit, DerReader.BOOLEAN);
            if (next - start != 1 || data[start] != 0xff) revert X509ExtensionFlag(end);
            critical = true;
        }
    }

    /// @dev SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }, which ends at `limit`.
    function _basicConstraints(
        bytes calldata data,
        uint256 cursor,
        uint256 limit
    ) private pure returns (bool ca, uint8 pathLength) {
        pathLength = NO_PATH_LENGTH;
        (uint256 at, uint256 end) = DerReader.enter(data, cursor, limit, DerReader.SEQUENCE);
        DerReader.finish(end, limit);
        if (at == end) return (false, pathLength);
        uint256 start;
        (start, at) = DerReader.enter(data, at, end, DerReader.BOOLEAN);
        if (at - start != 1 || data[start] != 0xff) revert X509BasicConstraints(cursor);
        if (at == end) return (true, pathLength);
        (start, at) = DerReader.enter(data, at, end, DerReader.INTEGER);
        // One byte without a sign bit: what is longer would be above any chain, and what wraps would be below.
        if (at - start != 1 || uint8(data[start]) > 127 || at != end) revert X509BasicConstraints(cursor);
        return (true, uint8(data[start]));
    }

    /// @dev BIT STRING { unused bits, one byte }, which ends at `limit`.
    function _keyUsage(bytes calldata data, uint256 cursor, uint256 limit) private pure returns (uint8) {
        (uint256 start, uint256 end) = DerReader.enter(data, cursor, limit, DerReader.BIT_STRING);
        DerReader.finish(end, limit);
        if (end - start != 2) revert X509KeyUsage(cursor);
        uint256 unused = uint8(data[start]);
        uint256 bits = uint8(data[start + 1]);
        // A list of named bits ends with a set one (X.690, section 11.2.2): its last bit is the lowest that is used.
        if (unused > 7 || bits & ((2 << unused) - 1) != 1 << unused) revert X509KeyUsage(cursor);
        return uint8(bits);
    }
}
