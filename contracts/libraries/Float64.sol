// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { FloatInfinite, FloatNotANumber, FloatOverflow } from "./FloatErrors.sol";
import { FloatRounding } from "./FloatRounding.sol";

/// @title IEEE 754 binary64 as its 64 bits
library Float64 {
    uint64 internal constant SIGN = 0x8000000000000000;
    uint64 internal constant INFINITY = 0x7ff0000000000000;

    /// @notice The value in units of 1e-18, truncated towards zero: less than 1e-18 is lost, nothing else.
    /// @dev Reverts with `FloatNotANumber`, `FloatInfinite`, or `FloatOverflow` where the result passes 2^255.
    function toFixed(uint64 bits) internal pure returns (int256) {
        uint256 exponent = (bits >> 52) & 0x7ff;
        uint256 significand = bits & 0xfffffffffffff;
        if (exponent == 0x7ff) {
            if (significand != 0) revert FloatNotANumber(bits);
            revert FloatInfinite(bits);
        }
        // Denormals have the exponent of the least normal numbers and no hidden bit.
        if (exponent == 0) exponent = 1;
        else significand |= 0x10000000000000;
        // 53 + 60 bits are below 2^113. A right shift of 256 or more yields zero, which is the right truncation.
        unchecked {
            uint256 scaled = significand * FloatRounding.UNIT;
            if (exponent < 1075) {
                scaled >>= 1075 - exponent;
            } else {
                uint256 shift = exponent - 1075;
                // The bits that the shift pushes to 255 or above must be none; it has a significand, so it is not zero.
                if (shift > 255 || scaled >> (255 - shift) != 0) revert FloatOverflow(bits);
                scaled <<= shift;
            }
            return bits & SIGN == 0 ? int256(scaled) : -int256(scaled);
        }
    }

    /// @notice The double nearest to a value in units of 1e-18, ties to even. Zero becomes +0.
    /// @dev Never overflows: 2^255 / 1e18 is below 2^196, a double reaches 2^1024.
    function fromFixed(int256 value) internal pure returns (uint64) {
        if (value == 0) return 0;
        (uint256 significand, int256 exponent) = FloatRounding.fromFixed(FloatRounding.abs(value), 52);
        // -60 <= exponent <= 196. Adding the significand adds its hidden bit, and a carry, to the exponent.
        unchecked {
            uint256 bits = (uint256(exponent + 1022) << 52) + significand;
            return uint64(value < 0 ? bits | SIGN : bits);
        }
    }

    /// @notice A key that orders doubles as numbers without converting them; -0 equals +0.
    /// @dev Reverts with `FloatNotANumber`: a NaN has no place in an order, and must not win a comparison silently.
    function orderKey(uint64 bits) internal pure returns (uint256) {
        if (isNan(bits)) revert FloatNotANumber(bits);
        return FloatRounding.orderKey(bits, SIGN);
    }

    /// @notice True if the bits are a NaN.
    function isNan(uint64 bits) internal pure returns (bool) {
        return bits & ~SIGN > INFINITY;
    }
}
