// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Arithmetic modulo n, the order of P-384
/// @notice Numbers are two words, high below 2^128 and low; results are below n. n has no shape that helps, so that MODEXP
/// (EIP-198) reduces: about 1,000 gas a product, 37,000 an inverse.
library P384Scalar {
    /// @notice n, high and low word.
    uint256 internal constant N_HI = 0xffffffffffffffffffffffffffffffff;
    uint256 internal constant N_LO = 0xffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973;

    /// @notice a * b mod n.
    function product(uint256 ah, uint256 al, uint256 bh, uint256 bl) internal view returns (uint256 high, uint256 low) {
        // Writes 241 bytes behind the free pointer and gives them up.
        assembly ("memory-safe") {
            let input := mload(0x40)
            let m := not(0)
            let bottom := mul(al, bl)
            let mid := mulmod(al, bl, m)
            mid := sub(sub(mid, bottom), lt(mid, bottom))
            // cross is below 2^385; its upper word is the difference of its remainders.
            let cross := add(mul(ah, bl), mul(al, bh))
            let top := addmod(mulmod(ah, bl, m), mulmod(al, bh, m), m)
            top := add(sub(sub(top, cross), lt(top, cross)), mul(ah, bh))
            mid := add(mid, cross)
            top := add(top, lt(mid, cross))
            // base: 96 bytes, exponent: 1, modulus: 48 bytes.
            mstore(input, 96)
            mstore(add(input, 0x20), 1)
            mstore(add(input, 0x40), 48)
            mstore(add(input, 96), top)
            mstore(add(input, 128), mid)
            mstore(add(input, 160), bottom)
            mstore8(add(input, 192), 1)
            mstore(add(input, 193), shl(128, N_HI))
            mstore(add(input, 209), N_LO)
            // The precompile fails for want of gas only, of which this frame then has next to none left.
            if iszero(staticcall(gas(), 5, input, 241, input, 48)) {
                revert(0, 0)
            }
            high := shr(128, mload(input))
            low := mload(add(input, 16))
        }
    }

    /// @notice 1 / a mod n, and 0 for 0: a to the power of n - 2.
    function inverse(uint256 ah, uint256 al) internal view returns (uint256 high, uint256 low) {
        // Writes 240 bytes behind the free pointer and gives them up.
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 48)
            mstore(add(input, 0x20), 48)
            mstore(add(input, 0x40), 48)
            mstore(add(input, 96), shl(128, ah))
            mstore(add(input, 112), al)
            mstore(add(input, 144), shl(128, N_HI))
            mstore(add(input, 160), sub(N_LO, 2))
            mstore(add(input, 192), shl(128, N_HI))
            mstore(add(input, 208), N_LO)
            if iszero(staticcall(gas(), 5, input, 240, input, 48)) {
                revert(0, 0)
            }
            high := shr(128, mload(input))
            low := mload(add(input, 16))
        }
    }

    /// @notice a + b mod n, for a and b below n.
    function sum(uint256 ah, uint256 al, uint256 bh, uint256 bl) internal pure returns (uint256 high, uint256 low) {
        // Both high words are below 2^128, and the difference is taken only where it is not negative.
        unchecked {
            low = al + bl;
            high = ah + bh + (low < al ? 1 : 0);
            if (high < N_HI || (high == N_HI && low < N_LO)) return (high, low);
            high = high - N_HI - (low < N_LO ? 1 : 0);
            low -= N_LO;
        }
    }

    /// @notice Whether 0 < a < n, as r and s of a signature must be.
    function inRange(uint256 ah, uint256 al) internal pure returns (bool) {
        return (ah | al) != 0 && (ah < N_HI || (ah == N_HI && al < N_LO));
    }
}
