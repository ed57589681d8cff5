// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { P384Field } from "./P384Field.sol";

/// @title Odd multiples of points of P-384, for digits of five bits
/// @notice {1, 3 .. 15} P of many points, all affine after a single inversion.
/// @dev Works in memory at addresses that its caller reserved. PRECONDITIONS: the points are on the curve, with coordinates
/// below p. Then none of the additions here meets an exception: the order is a prime, so that small multiples of a point
/// are neither infinite nor equal in x.
library P384Tables {
    /// @notice Bytes of one table: eight points of x and y.
    uint256 internal constant TABLE_BYTES = 0x400;
    /// @notice Bytes that a table needs beside itself while it is built.
    uint256 internal constant GROWTH_BYTES = 0x200;

    uint256 private constant POINT_BYTES = 0x80;
    /// @dev Scratch: P and 2P with a common Z, and two elements. It lies where the sum is built later.
    uint256 private constant AX = 0x4000;
    uint256 private constant AY = 0x4040;
    uint256 private constant BX = 0x4080;
    uint256 private constant BY = 0x40c0;
    uint256 private constant S = 0x4100;
    uint256 private constant T = 0x4140;

    /// @notice Completes a table whose first point is filled in, but leaves the other seven in Jacobian coordinates.
    /// @dev Co-Z additions (Meloni 2007), 6M + 2S each: 2P is carried along with the same Z as the latest multiple.
    /// @param at The table.
    /// @param growth Seven elements: the factor by which each step's Z grew.
    /// @param z Where the last point's Z goes.
    function extend(uint256 at, uint256 growth, uint256 z) internal pure {
        _doubleShared(at, z);
        uint256 b = BX;
        unchecked {
            for (uint256 i = 0; i < 7; ++i) {
                at += POINT_BYTES;
                _less(growth, AX, b);
                _times(z, z, growth);
                _times(S, growth, growth);
                _times(T, b, S);
                _times(AX, AX, S);
                // x = dy^2 - AX' - BX', AY' = AY (AX' - BX'), y = dy (AX' - x) - AY'
                _less(S, AY, b + 0x40);
                _times(at, S, S);
                _less(at, at, AX);
                _less(at, at, T);
                _less(T, AX, T);
                _times(AY, AY, T);
                _less(T, AX, at);
                b = at + 0x40;
                _times(b, S, T);
                _less(b, b, AY);
                b = at;
                growth += 0x40;
            }
        }
    }

    /// @notice Makes the seven points affine, the last one first.
    /// @param inverse Where the inverse of the last point's Z is; it is used up.
    function normalise(uint256 at, uint256 growth, uint256 inverse) internal pure {
        unchecked {
            growth += GROWTH_BYTES - 0x40;
            for (uint256 point = at + 7 * POINT_BYTES; point != at; point -= POINT_BYTES) {
                growth -= 0x40;
                _times(S, inverse, inverse);
                _times(point, point, S);
                _times(S, S, inverse);
                (uint256 yh, uint256 yl) = _product(point + 0x40, S);
                // y below p, so that a digit's sign can be given to it by one subtraction.
                (yh, yl) = P384Field.canonical(yh, yl);
                store(point + 0x40, yh, yl);
                _times(inverse, inverse, growth);
            }
        }
    }

    /// @notice Replaces `count` elements, none of which is a multiple of p, by their inverses (Montgomery's trick).
    /// @param prefix `count` + 1 elements of scratch.
    function invertAll(uint256 at, uint256 prefix, uint256 count) internal view {
        store(prefix, 0, 1);
        unchecked {
            uint256 last = prefix + 0x40 * count;
            for (; prefix != last; prefix += 0x40) {
                _times(prefix + 0x40, prefix, at);
                at += 0x40;
            }
            (uint256 high, uint256 low) = load(last);
            (high, low) = P384Field.inverse(high, low);
            store(last, high, low);
            for (; count != 0; --count) {
                at -= 0x40;
                prefix -= 0x40;
                // The running inverse moves down one; what it leaves, times the product before, is this inverse.
                (high, low) = _product(prefix + 0x40, prefix);
                _times(prefix, prefix + 0x40, at);
                store(at, high, low);
            }
        }
    }

    /// @notice Writes an element.
    function store(uint256 at, uint256 high, uint256 low) internal pure {
        assembly ("memory-safe") {
            mstore(at, high)
            mstore(add(at, 0x20), low)
        }
    }

    /// @notice Reads an element.
    function load(uint256 at) internal pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            high := mload(at)
            low := mload(add(at, 0x20))
        }
    }

    /// @dev A = 2P and B = P with the common Z = 2y, for the affine P.
    function _doubleShared(uint256 at, uint256 z) private pure {
        unchecked {
            (uint256 high, uint256 low) = load(at + 0x40);
            (uint256 lo, uint256 md) = P384Field.negative(high, low);
            (high, low) = P384Field.difference(high, low, lo, md);
            store(z, high, low);
            _times(S, z, z);
            _times(BX, at, S);
            _times(S, S, z);
            _times(BY, at + 0x40, S);
            // slope = 3 x^2 - 3, AX = slope^2 - 2 BX, AY = slope (BX - AX) - BY
            (high, low) = load(at);
            (lo, md) = P384Field.coreSquare(high, low);
            lo = 3 * lo + P384Field.K_LO - 3;
            md = addmod(mulmod(3, md, P384Field.M), P384Field.K_MD - 3, P384Field.M);
            (high, low) = P384Field.norm(lo, md);
            store(S, high, low);
            _times(AX, S, S);
            _less(AX, AX, BX);
            _less(AX, AX, BX);
            _less(T, BX, AX);
            _times(AY, S, T);
            _less(AY, AY, BY);
        }
    }

    function _product(uint256 a, uint256 b) private pure returns (uint256 high, uint256 low) {
        (uint256 ah, uint256 al) = load(a);
        (uint256 bh, uint256 bl) = load(b);
        return P384Field.product(ah, al, bh, bl);
    }

    function _times(uint256 to, uint256 a, uint256 b) private pure {
        (uint256 high, uint256 low) = _product(a, b);
        store(to, high, low);
    }

    function _less(uint256 to, uint256 a, uint256 b) private pure {
        (uint256 ah, uint256 al) = load(a);
        (uint256 bh, uint256 bl) = load(b);
        (ah, al) = P384Field.difference(ah, al, bh, bl);
        store(to, ah, al);
    }
}
