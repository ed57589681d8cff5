// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { P384BasePoint } from "./P384BasePoint.sol";
import { P384Digits } from "./P384Digits.sol";
import { P384Field } from "./P384Field.sol";
import { P384Point } from "./P384Point.sol";
import { P384Tables } from "./P384Tables.sol";

/// @title Sums of multiples of points of P-384, the base point among them
/// @notice One Straus pass: all terms share the doublings.
/// @dev Memory is an arena at fixed addresses, which are cheaper than computed ones. Use: `reserve`, then `setTerm` for each
/// term, then `run`. The order of calls and the preconditions of `setTerm` are not checked.
library P384Sum {
    /// @notice More memory was in use than lies below the arena, or too many terms: a mistake in the calling code.
    error P384ArenaMisused();

    /// @notice Nine signatures: a key and an R each. The base point comes on top.
    uint256 internal constant MAX_TERMS = 18;

    /// @dev The first word of what `P384Point` uses; everything else lies behind.
    uint256 private constant ARENA = 0x4000;
    /// @dev Scalar j, two words.
    uint256 private constant SCALARS = 0x4400;
    uint256 private constant INVERSES = 0x4900;
    uint256 private constant PREFIXES = 0x4e00;
    uint256 private constant GROWTH = 0x5400;
    /// @dev One word for each bit of a scalar; byte j is the digit of term j there: its absolute value, 128 if negative.
    uint256 private constant DIGITS = 0x7800;
    uint256 private constant DIGITS_TOP = 0x7800 + 0x20 * 384;
    /// @dev Table j; the last one is the base point's.
    uint256 private constant TABLES = 0xa880;

    uint256 private constant WIDTH = 5;

    /// @notice Takes the arena for `terms` points besides the base point.
    function reserve(uint256 terms) internal pure {
        uint256 end = TABLES + P384Tables.TABLE_BYTES * terms + P384BasePoint.TABLE_BYTES;
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        if (free > ARENA || terms > MAX_TERMS) revert P384ArenaMisused();
        // From here on everything up to `end` is allocated; since it never was before, it is zero.
        assembly ("memory-safe") {
            mstore(0x40, end)
        }
    }

    /// @notice Sets term `j`, from 0.
    /// @dev PRECONDITION: the point is on the curve, its coordinates below p, and the scalar below 2^384.
    function setTerm(uint256 j, uint256[4] memory point, uint256 scalarHigh, uint256 scalarLow) internal pure {
        uint256 table = TABLES + P384Tables.TABLE_BYTES * j;
        P384Tables.store(table, point[0], point[1]);
        P384Tables.store(table + 0x40, point[2], point[3]);
        P384Tables.store(SCALARS + 0x40 * j, scalarHigh, scalarLow);
    }

    /// @notice The sum of all `terms` and `baseHigh`, `baseLow` times the base point; it is then in `P384Point`.
    function run(uint256 terms, uint256 baseHigh, uint256 baseLow) internal view {
        _fillTables(terms);
        unchecked {
            for (uint256 j = 0; j < terms; ++j) {
                (uint256 high, uint256 low) = P384Tables.load(SCALARS + 0x40 * j);
                P384Digits.write(DIGITS, j, high, low, WIDTH);
            }
            P384BasePoint.writeTable(TABLES + P384Tables.TABLE_BYTES * terms);
        }
        P384Digits.write(DIGITS, terms, baseHigh, baseLow, P384BasePoint.WIDTH);
        P384Point.setInfinite();
        _pass();
    }

    /// @dev A scalar of 1 needs the point alone.
    function _fillTables(uint256 terms) private view {
        unchecked {
            for (uint256 j = 0; j < terms; ++j) {
                uint256 z = INVERSES + 0x40 * j;
                if (_isOne(j)) P384Tables.store(z, 0, 1);
                else P384Tables.extend(TABLES + P384Tables.TABLE_BYTES * j, GROWTH + P384Tables.GROWTH_BYTES * j, z);
            }
            P384Tables.invertAll(INVERSES, PREFIXES, terms);
            for (uint256 j = 0; j < terms; ++j) {
                if (_isOne(j)) continue;
                uint256 table = TABLES + P384Tables.TABLE_BYTES * j;
                P384Tables.normalise(table, GROWTH + P384Tables.GROWTH_BYTES * j, INVERSES + 0x40 * j);
            }
        }
    }

    function _isOne(uint256 j) private pure returns (bool) {
        (uint256 high, uint256 low) = P384Tables.load(SCALARS + 0x40 * j);
        return high == 0 && low == 1;
    }

    /// @dev From the top bit down: double, then add what the digits of this bit say.
    function _pass() private pure {
        uint256 at = DIGITS_TOP;
        uint256 digits;
        unchecked {
            while (true) {
                assembly ("memory-safe") {
                    digits := mload(at)
                }
                if (digits != 0 || at == DIGITS) break;
                at -= 0x20;
            }
            while (true) {
                while (digits != 0) digits = _addFirst(digits);
                if (at == DIGITS) break;
                at -= 0x20;
                P384Point.double();
                assembly ("memory-safe") {
                    digits := mload(at)
                }
            }
        }
    }

    /// @dev Adds the multiple that the first digit of the word means; returns the rest.
    function _addFirst(uint256 digits) private pure returns (uint256 rest) {
        uint256 point;
        uint256 negative;
        assembly ("memory-safe") {
            let j := shr(3, clz(digits))
            let digit := byte(j, digits)
            rest := and(digits, shr(shl(3, add(j, 1)), not(0)))
            // Digit 2i + 1 is entry i of 128 bytes.
            point := add(add(TABLES, shl(10, j)), shl(6, and(digit, 0x7e)))
            negative := shr(7, digit)
        }
        (uint256 yh, uint256 yl) = P384Tables.load(point + 0x40);
        if (negative != 0) (yh, yl) = P384Field.negative(yh, yl);
        P384Tables.store(P384Point.NEXT_Y, yh, yl);
        P384Point.add(point);
    }
}
