// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Windowed non-adjacent form of scalars of 384 bits
/// @notice Odd digits, each followed by zeros of at least the window's width: about one in width + 1 bits has one.
library P384Digits {
    /// @dev Writes the digits of a scalar: for bit i, byte `term` of the word at `at + 32 i` becomes the absolute value of
    /// the digit, with 128 added if it is negative. Other bytes are left alone.
    /// PRECONDITION: 385 zero words are allocated at `at`; `width` is 2 to 8 and `term` below 32.
    /// @param high The scalar's upper bits, below 2^128.
    /// @param low Its lower 256 bits.
    function write(uint256 at, uint256 term, uint256 high, uint256 low, uint256 width) internal pure {
        // Writes bytes of the 385 words of the precondition: the scalar plus a carry has 385 bits at most.
        assembly ("memory-safe") {
            at := add(at, term)
            let span := shl(width, 1)
            for {} or(high, low) {} {
                if iszero(low) {
                    low := high
                    high := 0
                    at := add(at, 0x2000)
                }
                // Down to the lowest set bit, below 256 because `low` has one.
                let zeros := sub(255, clz(and(low, sub(0, low))))
                low := or(shr(zeros, low), shl(sub(256, zeros), high))
                high := shr(zeros, high)
                at := add(at, shl(5, zeros))
                let digit := and(low, sub(span, 1))
                low := sub(low, digit)
                if gt(digit, shr(1, span)) {
                    // digit - span: what was taken too much goes back, with its carry.
                    low := add(low, span)
                    high := add(high, lt(low, span))
                    digit := or(0x80, sub(span, digit))
                }
                mstore8(at, digit)
            }
        }
    }
}
