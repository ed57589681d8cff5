// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title Arithmetic modulo p = 2^384 - 2^128 - 2^96 + 2^32 - 1, the field of P-384 (SP 800-186, section 3.2.1.4)
/// @notice An *element* is two words, high below 2^128 and low: any number below 2^384, not only the canonical one below
/// p. A *pair* (lo, md) is a number below 2^510 known modulo 2^256 and modulo 2^256 - 1. Pairs are added, subtracted and
/// multiplied by constants without carries, and `norm` makes an element of one, so that a sum of products costs a single
/// reduction. A product costs about 500 gas, a third of them for moving operands.
/// @dev Why it is right: 2^256 - 1 and 2^256 have no common factor, so the two remainders fix a number below 2^510.
/// INTEGRATOR RESPONSIBILITIES: keep high words below 2^128; keep sums of pairs above zero by adding `K` before
/// subtracting, and below 2^510 (a product is below 2^482). Nothing of that is checked.
library P384Field {
    /// @notice p, high and low word.
    uint256 internal constant P_HI = 0xffffffffffffffffffffffffffffffff;
    uint256 internal constant P_LO = 0xfffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff;
    /// @notice p * 2^100 as a pair: more than eight products, and a multiple of p.
    uint256 internal constant K_LO = 0xffffffeffffffff0000000000000000ffffffff0000000000000000000000000;
    uint256 internal constant K_MD = 0xfffffffffffffff0000000000000000fffffffefffffffffffffffffffffffff;
    /// @notice 2^256 - 1, the modulus of a pair's second half: there, the negative of v is `not(v)`.
    uint256 internal constant M = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff;
    /// @dev p = 2^384 - C, C = 2^128 + D; so p = -C modulo 2^256 and, since 2^384 = 2^128 there, p = -D modulo M.
    uint256 private constant C = 0x100000000ffffffffffffffff00000001;
    uint256 private constant D = 0xffffffffffffffff00000001;

    /// @notice a * b as a pair below 2^482.
    /// @dev With product = 2^512 top + 2^256 cross + .., q = 2^128 top + (what two more parts contribute to the bits from
    /// 384 on, each rounded down) + (top >> 128) is never above product / p, and product - q p is below 2^482.
    function core(uint256 ah, uint256 al, uint256 bh, uint256 bl) internal pure returns (uint256 lo, uint256 md) {
        assembly ("memory-safe") {
            lo := mul(al, bl)
            md := mulmod(al, bl, M)
            let cross := add(mul(ah, bl), mul(al, bh))
            let top := addmod(mulmod(ah, bl, M), mulmod(al, bh, M), M)
            // cross is below 2^385: its upper word is the difference of its two remainders, and fits above ah * bh.
            top := add(sub(sub(top, cross), lt(top, cross)), mul(ah, bh))
            let over := shr(128, top)
            let q := add(add(shr(128, cross), over), shr(128, sub(sub(md, lo), lt(md, lo))))
            md := addmod(addmod(cross, top, M), md, M)
            top := shl(128, top)
            md := addmod(md, mulmod(addmod(top, add(q, over), M), D, M), M)
            lo := add(lo, mul(add(top, q), C))
        }
    }

    /// @notice a * a as a pair below 2^482.
    /// @dev As `core`, but the cross product is one product with the doubled high word.
    function coreSquare(uint256 ah, uint256 al) internal pure returns (uint256 lo, uint256 md) {
        assembly ("memory-safe") {
            lo := mul(al, al)
            md := mulmod(al, al, M)
            let q := add(ah, ah)
            let cross := mul(q, al)
            let top := mulmod(q, al, M)
            top := add(sub(sub(top, cross), lt(top, cross)), mul(ah, ah))
            let over := shr(128, top)
            q := add(add(shr(128, cross), over), shr(128, sub(sub(md, lo), lt(md, lo))))
            md := addmod(addmod(cross, top, M), md, M)
            top := shl(128, top)
            md := addmod(md, mulmod(addmod(top, add(q, over), M), D, M), M)
            lo := add(lo, mul(add(top, q), C))
        }
    }

    /// @notice The element of a pair below 2^510.
    /// @dev What lies above 2^384 comes back as C times it. That may carry into bit 384 again: by chance never, by an
    /// attacker's choice of operands easily; the rest is then so small that a second time is the last.
    function norm(uint256 lo, uint256 md) internal pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            high := sub(sub(md, lo), lt(md, lo))
            let fold := mul(shr(128, high), C)
            low := add(lo, fold)
            high := add(and(high, P_HI), lt(low, fold))
            if shr(128, high) {
                low := add(low, C)
                high := 0
            }
        }
    }

    /// @notice a * b.
    /// @dev `norm` of `core`, written out: a call costs a tenth of a product.
    function product(uint256 ah, uint256 al, uint256 bh, uint256 bl) internal pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            let m := not(0)
            let cross := add(mul(ah, bl), mul(al, bh))
            let both := addmod(mulmod(ah, bl, m), mulmod(al, bh, m), m)
            let top := add(sub(sub(both, cross), lt(both, cross)), mul(ah, bh))
            let w := mul(al, bl)
            let v := mulmod(al, bl, m)
            let over := shr(128, top)
            let q := add(add(shr(128, cross), over), shr(128, sub(sub(v, w), lt(v, w))))
            let up := shl(128, top)
            w := add(w, mul(add(up, q), C))
            v := addmod(addmod(addmod(cross, top, m), v, m), mulmod(addmod(up, add(q, over), m), D, m), m)
            v := sub(sub(v, w), lt(v, w))
            q := mul(shr(128, v), C)
            low := add(w, q)
            high := add(and(v, P_HI), lt(low, q))
            if shr(128, high) {
                low := add(low, C)
                high := 0
            }
        }
    }

    /// @notice a * a.
    /// @dev `norm` of `coreSquare`, written out.
    function square(uint256 ah, uint256 al) internal pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            let m := not(0)
            let twice := add(ah, ah)
            let cross := mul(twice, al)
            let both := mulmod(twice, al, m)
            let top := add(sub(sub(both, cross), lt(both, cross)), mul(ah, ah))
            let w := mul(al, al)
            let v := mulmod(al, al, m)
            let over := shr(128, top)
            let q := add(add(shr(128, cross), over), shr(128, sub(sub(v, w), lt(v, w))))
            let up := shl(128, top)
            w := add(w, mul(add(up, q), C))
            v := addmod(addmod(addmod(cross, top, m), v, m), mulmod(addmod(up, add(q, over), m), D, m), m)
            v := sub(sub(v, w), lt(v, w))
            q := mul(shr(128, v), C)
            low := add(w, q)
            high := add(and(v, P_HI), lt(low, q))
            if shr(128, high) {
                low := add(low, C)
                high := 0
            }
        }
    }

    /// @notice a - b.
    /// @dev Adds p until it is not negative: at most twice, since both are below 2^384.
    function difference(
        uint256 ah,
        uint256 al,
        uint256 bh,
        uint256 bl
    ) internal pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            low := sub(al, bl)
            high := sub(sub(ah, bh), lt(al, bl))
            for {} shr(128, high) {} {
                low := add(low, P_LO)
                high := add(add(high, P_HI), lt(low, P_LO))
            }
        }
    }

    /// @notice -a as a pair, `K` included.
    function negativePair(uint256 ah, uint256 al) internal pure returns (uint256 lo, uint256 md) {
        assembly ("memory-safe") {
            lo := sub(K_LO, al)
            md := addmod(sub(K_MD, ah), not(al), M)
        }
    }

    /// @notice p - a, for a at most p.
    function negative(uint256 ah, uint256 al) internal pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            low := sub(P_LO, al)
            high := sub(sub(P_HI, ah), lt(P_LO, al))
        }
    }

    /// @notice The canonical form of an element: below p.
    function canonical(uint256 ah, uint256 al) internal pure returns (uint256 high, uint256 low) {
        return ah == P_HI && al >= P_LO ? (0, al - P_LO) : (ah, al);
    }

    /// @notice Whether an element is a multiple of p: 0 or p itself.
    function isZero(uint256 ah, uint256 al) internal pure returns (bool zero) {
        assembly ("memory-safe") {
            zero := or(iszero(or(ah, al)), and(eq(ah, P_HI), eq(al, P_LO)))
        }
    }

    /// @notice 1 / a, and 0 for a multiple of p: a to the power of p - 2, by MODEXP (EIP-198).
    function inverse(uint256 ah, uint256 al) internal view returns (uint256 high, uint256 low) {
        // Writes 240 bytes behind the free pointer and gives them up.
        assembly ("memory-safe") {
            let input := mload(0x40)
            mstore(input, 48)
            mstore(add(input, 0x20), 48)
            mstore(add(input, 0x40), 48)
            mstore(add(input, 96), shl(128, ah))
            mstore(add(input, 112), al)
            mstore(add(input, 144), shl(128, P_HI))
            mstore(add(input, 160), sub(P_LO, 2))
            mstore(add(input, 192), shl(128, P_HI))
            mstore(add(input, 208), P_LO)
            // The precompile fails for want of gas only, of which this frame then has next to none left.
            if iszero(staticcall(gas(), 5, input, 240, input, 48)) {
                revert(0, 0)
            }
            high := shr(128, mload(input))
            low := mload(add(input, 16))
        }
    }
}
