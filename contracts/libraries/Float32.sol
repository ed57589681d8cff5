// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { FloatInfinite, FloatNotANumber, FloatOverflow } from "./FloatErrors.sol";
import { FloatRounding } from "./FloatRounding.sol";

/// @title IEEE 754 binary32 as its 32 bits
library Float32 {
    uint32 internal constant SIGN = 0x80000000;
    uint32 internal constant INFINITY = 0x7f800000;

    /// @notice The value in units of 1e-18, truncated towards zero: less than 1e-18 is lost, nothing else.
    /// @dev Reverts with `FloatNotANumber` or `FloatInfinite`. Every finite float32 fits, the largest is below 2^188.
    function toFixed(uint32 bits) internal pure returns (int256) {
        uint256 exponent = (bits >> 23) & 0xff;
        uint256 significand = bits & 0x7fffff;
        if (exponent == 0xff) {
            if (significand != 0) revert FloatNotANumber(bits);
            revert FloatInfinite(bits);
        }
        // Denormals have the exponent of the least normal numbers and no hidden bit.
        if (exponent == 0) exponent = 1;
        else significand |= 0x800000;
        // 24 + 60 bits shifted by at most 104 stay below 2^188. A right shift of 256 or more is never reached.
        unchecked {
            uint256 scaled = significand * FloatRounding.UNIT;
            scaled = exponent < 150 ? scaled >> (150 - exponent) : scaled << (exponent - 150);
            return bits & SIGN == 0 ? int256(scaled) : -int256(scaled);
        }
    }

    /// @notice The float32 nearest to a value in units of 1e-18, ties to even. Zero becomes +0.
    /// @dev Reverts with `FloatOverflow` where rounding would give an infinity.
    function fromFixed(int256 value) internal pure returns (uint32) {
        if (value == 0) return 0;
        (uint256 significand, int256 exponent) = FloatRounding.fromFixed(FloatRounding.abs(value), 23);
        // -60 <= exponent <= 196. Adding the significand adds its hidden bit, and a carry, to the exponent.
        unchecked {
            uint256 bits = (uint256(exponent + 126) << 23) + significand;
            if (bits >= INFINITY) revert FloatOverflow(uint256(value));
            return uint32(value < 0 ? bits | SIGN : bits);
        }
    }

    /// @notice A key that orders float32 values as numbers without converting them; -0 equals +0.
    /// @dev Reverts with `FloatNotANumber`: a NaN has no place in an order, and must not win a comparison silently.
    function orderKey(uint32 bits) internal pure returns (uint256) {
        if (isNan(bits)) revert FloatNotANumber(bits);
        return FloatRounding.orderKey(bits, SIGN);
    }

    /// @notice True if the bits are a NaN.
    function isNan(uint32 bits) internal pure returns (bool) {
        return bits & ~SIGN > INFINITY;
    }
}
