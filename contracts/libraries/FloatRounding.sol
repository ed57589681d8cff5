// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title What the three binary formats share
/// @notice "Fixed point" is a signed integer in units of 1e-18 throughout, as tokens and prices use it.
library FloatRounding {
    uint256 internal constant UNIT = 1e18;

    /// @notice The significand nearest to a fixed-point magnitude, ties to even.
    /// @param magnitude 1 .. 2^255, in units of 1e-18.
    /// @param fractionBits 23 or 52.
    /// @return significand `2^fractionBits .. 2^(fractionBits + 1)`; the upper end when rounding carries.
    /// @return exponent Of the leading bit before rounding: the value is about `significand * 2^(exponent - fractionBits)`.
    /// @dev Denormals can not occur: 1e-18 is above 2^-60, the least normal float32 is 2^-126.
    function fromFixed(
        uint256 magnitude,
        uint256 fractionBits
    ) internal pure returns (uint256 significand, int256 exponent) {
        // Every number here is below 2^256: the numerator is at most max(magnitude, 2^(fractionBits + 64)).
        unchecked {
            uint256 top = _log2(magnitude);
            // 1e18 < 2^60, so a numerator of this size leaves three bits below the significand, and a remainder.
            uint256 wanted = fractionBits + 63;
            uint256 lift = top < wanted ? wanted - top : 0;
            uint256 numerator = magnitude << lift;
            uint256 quotient = numerator / UNIT;
            uint256 quotientTop = _log2(quotient);
            uint256 drop = quotientTop - fractionBits;
            significand = quotient >> drop;
            uint256 rest = quotient & ((1 << drop) - 1);
            uint256 half = 1 << (drop - 1);
            // At exactly half the remainder of the division decides, and without one the even neighbour wins.
            bool up = rest > half || (rest == half && (numerator % UNIT != 0 || significand & 1 == 1));
            if (up) ++significand;
            exponent = int256(quotientTop) - int256(lift);
        }
    }

    /// @notice A key that orders the values of one format as numbers: less means smaller, and -0 equals +0.
    /// @param bits Not a NaN.
    /// @param sign The sign bit of the format.
    function orderKey(uint256 bits, uint256 sign) internal pure returns (uint256) {
        // Negative numbers grow downwards, so their bits are flipped; sign | (sign - 1) is the mask of the format.
        unchecked {
            if (bits & (sign - 1) == 0) return sign;
            return bits & sign == 0 ? bits | sign : bits ^ (sign | (sign - 1));
        }
    }

    /// @notice The absolute value; right for the least int256 too.
    function abs(int256 value) internal pure returns (uint256) {
        // Negating in two's complement turns -2^255 into 2^255 as an unsigned number.
        unchecked {
            return value < 0 ? 0 - uint256(value) : uint256(value);
        }
    }

    /// @dev The index of the highest bit, by the CLZ instruction (EIP-7939). `value` is not zero.
    function _log2(uint256 value) private pure returns (uint256 index) {
        assembly ("memory-safe") {
            index := sub(255, clz(value))
        }
    }
}
