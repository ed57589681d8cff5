// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Natural logarithm of fixed-point numbers, for features that models want as logarithms
library FixedLog {
    /// @notice There is no logarithm of zero.
    error FixedLogOfZero();

    /// @dev log2(1e18) * 2^64 and ln(2) * 1e18, both rounded down; a test recomputes them.
    uint256 private constant LOG2_UNIT = 1103017633157748823940;
    int256 private constant LN_2 = 693147180559945309;

    /// @notice ln(value / 1e18) in units of 1e-18, to within 1e-15.
    /// @dev One binary digit per squaring: 64 of them, about 7,000 gas.
    function ln(uint256 value) internal pure returns (int256) {
        if (value == 0) revert FixedLogOfZero();
        uint256 top;
        assembly ("memory-safe") {
            top := sub(255, clz(value))
        }
        // `mantissa` is kept in 2^127 .. 2^128, so that its square fits; the shifts are at most 128.
        unchecked {
            uint256 mantissa = top < 127 ? value << (127 - top) : value >> (top - 127);
            uint256 log2 = top << 64;
            for (uint256 bit = 1 << 63; bit != 0; bit >>= 1) {
                mantissa = (mantissa * mantissa) >> 127;
                if (mantissa >> 128 != 0) (mantissa, log2) = (mantissa >> 1, log2 | bit);
            }
            // Both are below 2^72 and LN_2 is below 2^60. An arithmetic shift rounds down, on either side of zero.
            return ((int256(log2) - int256(LOG2_UNIT)) * LN_2) >> 64;
        }
    }
}
