// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { FloatInfinite, FloatNotANumber } from "./FloatErrors.sol";
import { FloatRounding } from "./FloatRounding.sol";

/// @title IEEE 754 binary16 as its 16 bits
library Float16 {
    uint16 internal constant SIGN = 0x8000;
    uint16 internal constant INFINITY = 0x7c00;

    /// @notice The value in units of 1e-18, truncated towards zero.
    /// @dev Reverts with `FloatNotANumber` or `FloatInfinite`. The least denormal, 2^-24, is far above 1e-18.
    function toFixed(uint16 bits) internal pure returns (int256) {
        uint256 exponent = (bits >> 10) & 0x1f;
        uint256 significand = bits & 0x3ff;
        if (exponent == 0x1f) {
            if (significand != 0) revert FloatNotANumber(bits);
            revert FloatInfinite(bits);
        }
        // Denormals have the exponent of the least normal numbers and no hidden bit.
        if (exponent == 0) exponent = 1;
        else significand |= 0x400;
        // 11 + 60 bits shifted by at most 5 stay below 2^76.
        unchecked {
            uint256 scaled = significand * FloatRounding.UNIT;
            scaled = exponent < 25 ? scaled >> (25 - exponent) : scaled << (exponent - 25);
            return bits & SIGN == 0 ? int256(scaled) : -int256(scaled);
        }
    }

    /// @notice A key that orders float16 values as numbers without converting them; -0 equals +0.
    /// @dev Reverts with `FloatNotANumber`: a NaN has no place in an order, and must not win a comparison silently.
    function orderKey(uint16 bits) internal pure returns (uint256) {
        if (isNan(bits)) revert FloatNotANumber(bits);
        return FloatRounding.orderKey(bits, SIGN);
    }

    /// @notice True if the bits are a NaN.
    function isNan(uint16 bits) internal pure returns (bool) {
        return bits & ~SIGN > INFINITY;
    }
}
