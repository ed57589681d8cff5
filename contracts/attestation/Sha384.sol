// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView } from "../libraries/ByteView.sol";

/// @title SHA-384 (FIPS 180-4)
/// @notice About 25,000 gas for each block of 128 bytes; there is no precompile.
/// @dev A word of 64 bits sits in the low half of a lane of 128 bits. Shifting right what has a copy of itself above is then
/// a rotation, and the message schedule computes two words, one in each lane, at once. Whatever collects above the 64
/// bits is cut off before it could carry into the other lane.
/// No line of this library but its entry is seen by coverage tools; the NIST vectors stand in for that.
library Sha384 {
    /// @dev The fractional parts of the cube roots of the first 80 primes (section 4.2.3), each in a lane.
    bytes private constant ROUND_CONSTANTS =
        hex"0000000000000000428a2f98d728ae2200000000000000007137449123ef65cd"
        hex"0000000000000000b5c0fbcfec4d3b2f0000000000000000e9b5dba58189dbbc"
        hex"00000000000000003956c25bf348b538000000000000000059f111f1b605d019"
        hex"0000000000000000923f82a4af194f9b0000000000000000ab1c5ed5da6d8118"
        hex"0000000000000000d807aa98a3030242000000000000000012835b0145706fbe"
        hex"0000000000000000243185be4ee4b28c0000000000000000550c7dc3d5ffb4e2"
        hex"000000000000000072be5d74f27b896f000000000000000080deb1fe3b1696b1"
        hex"00000000000000009bdc06a725c712350000000000000000c19bf174cf692694"
        hex"0000000000000000e49b69c19ef14ad20000000000000000efbe4786384f25e3"
        hex"00000000000000000fc19dc68b8cd5b50000000000000000240ca1cc77ac9c65"
        hex"00000000000000002de92c6f592b027500000000000000004a7484aa6ea6e483"
        hex"00000000000000005cb0a9dcbd41fbd4000000000000000076f988da831153b5"
        hex"0000000000000000983e5152ee66dfab0000000000000000a831c66d2db43210"
        hex"0000000000000000b00327c898fb213f0000000000000000bf597fc7beef0ee4"
        hex"0000000000000000c6e00bf33da88fc20000000000000000d5a79147930aa725"
        hex"000000000000000006ca6351e003826f0000000000000000142929670a0e6e70"
        hex"000000000000000027b70a8546d22ffc00000000000000002e1b21385c26c926"
        hex"00000000000000004d2c6dfc5ac42aed000000000000000053380d139d95b3df"
        hex"0000000000000000650a73548baf63de0000000000000000766a0abb3c77b2a8"
        hex"000000000000000081c2c92e47edaee6000000000000000092722c851482353b"
        hex"0000000000000000a2bfe8a14cf103640000000000000000a81a664bbc423001"
        hex"0000000000000000c24b8b70d0f897910000000000000000c76c51a30654be30"
        hex"0000000000000000d192e819d6ef52180000000000000000d69906245565a910"
        hex"0000000000000000f40e35855771202a0000000000000000106aa07032bbd1b8"
        hex"000000000000000019a4c116b8d2d0c800000000000000001e376c085141ab53"
        hex"00000000000000002748774cdf8eeb99000000000000000034b0bcb5e19b48a8"
        hex"0000000000000000391c0cb3c5c95a6300000000000000004ed8aa4ae3418acb"
        hex"00000000000000005b9cca4f7763e3730000000000000000682e6ff3d6b2b8a3"
        hex"0000000000000000748f82ee5defb2fc000000000000000078a5636f43172f60"
        hex"000000000000000084c87814a1f0ab7200000000000000008cc702081a6439ec"
        hex"000000000000000090befffa23631e280000000000000000a4506cebde82bde9"
        hex"0000000000000000bef9a3f7b2c679150000000000000000c67178f2e372532b"
        hex"0000000000000000ca273eceea26619c0000000000000000d186b8c721c0c207"
        hex"0000000000000000eada7dd6cde0eb1e0000000000000000f57d4f7fee6ed178"
        hex"000000000000000006f067aa72176fba00000000000000000a637dc5a2c898a6"
        hex"0000000000000000113f9804bef90dae00000000000000001b710b35131c471b"
        hex"000000000000000028db77f523047d84000000000000000032caab7b40c72493"
        hex"00000000000000003c9ebe0a15c9bebc0000000000000000431d67c49c100d4c"
        hex"00000000000000004cc5d4becb3e42b60000000000000000597f299cfc657e2a"
        hex"00000000000000005fcb6fab3ad6faec00000000000000006c44198c4a475817";

    uint256 private constant MASK = 0xffffffffffffffff;
    uint256 private constant LANES = 0xffffffffffffffff0000000000000000ffffffffffffffff;
    /// @dev Where things are behind the round constants (0x500 bytes): the words of the schedule, 0x500; each of them plus
    /// its constant, 0x500, with room for a word before; the state, eight words; the padded message.
    uint256 private constant WORDS = 0x500;
    uint256 private constant SUMS = 0xa20;
    uint256 private constant STATE = 0xf20;
    uint256 private constant MESSAGE = 0x1020;

    /// @notice The digest as a number of 384 bits: its upper 128 and its lower 256.
    /// @dev Writes behind the free pointer and gives everything up again: 4,128 bytes and the message.
    function hash(ByteView message) internal pure returns (uint256 high, uint256 low) {
        uint256 length = message.length();
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        bytes memory constants = ROUND_CONSTANTS;
        uint256 base;
        uint256 end;
        assembly ("memory-safe") {
            base := add(constants, 0x20)
            let at := add(base, MESSAGE)
            // A bit of 1, zeros, and the length in bits as 128 bits, up to a whole block (section 5.1.2).
            end := add(at, and(add(length, 144), not(127)))
            // Reading behind the end of calldata gives zeros: the memory may be dirty.
            calldatacopy(add(at, length), calldatasize(), sub(end, add(at, length)))
            mstore8(add(at, length), 0x80)
            mstore(sub(end, 0x20), or(mload(sub(end, 0x20)), shl(3, length)))
        }
        message.copyTo(base + MESSAGE);
        _initialise(base + STATE);
        for (uint256 at = base + MESSAGE; at != end; at += 128) {
            _schedule(base, at);
            _compress(base);
        }
        assembly ("memory-safe") {
            let s := add(base, STATE)
            high := or(shl(64, mload(s)), mload(add(s, 0x20)))
            low := or(shl(64, mload(add(s, 0x40))), mload(add(s, 0x60)))
            low := or(shl(128, low), or(shl(64, mload(add(s, 0x80))), mload(add(s, 0xa0))))
            mstore(0x40, free)
        }
    }

    /// @dev The fractional parts of the square roots of the ninth to sixteenth prime (section 5.3.4).
    function _initialise(uint256 s) private pure {
        assembly ("memory-safe") {
            mstore(s, 0xcbbb9d5dc1059ed8)
            mstore(add(s, 0x20), 0x629a292a367cd507)
            mstore(add(s, 0x40), 0x9159015a3070dd17)
            mstore(add(s, 0x60), 0x152fecd8f70e5939)
            mstore(add(s, 0x80), 0x67332667ffc00b31)
            mstore(add(s, 0xa0), 0x8eb44a8768581511)
            mstore(add(s, 0xc0), 0xdb0c2e0d64f98fa7)
            mstore(add(s, 0xe0), 0x47b5481dbefa4fa4)
        }
    }

    /// @dev The words of the block at `at`, and each plus its round constant (section 6.4.2, step 1).
    function _schedule(uint256 base, uint256 at) private pure {
        // Writes the words and sums, both behind the free pointer.
        assembly ("memory-safe") {
            let w := add(base, WORDS)
            for {
                let last := add(at, 128)
            } lt(at, last) {
                at := add(at, 0x20)
            } {
                let four := mload(at)
                let two := or(shl(128, shr(192, four)), and(shr(128, four), MASK))
                mstore(w, two)
                mstore(add(w, 0x520), add(two, mload(sub(w, 0x500))))
                two := or(shl(128, and(shr(64, four), MASK)), and(four, MASK))
                mstore(add(w, 0x20), two)
                mstore(add(w, 0x540), add(two, mload(sub(w, 0x4e0))))
                w := add(w, 0x40)
            }
            for {
                let last := add(base, 0xa00)
            } lt(w, last) {
                w := add(w, 0x40)
            } {
                // W[t] = s1(W[t - 2]) + W[t - 7] + s0(W[t - 15]) + W[t - 16], for t and t + 1
                {
                    let x := mload(sub(w, 0xf0))
                    let y := or(x, shl(64, x))
                    let sum := and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), LANES)
                    x := mload(sub(w, 0x20))
                    y := or(x, shl(64, x))
                    sum := add(sum, and(xor(xor(shr(19, y), shr(61, y)), shr(6, x)), LANES))
                    sum := and(add(sum, add(mload(sub(w, 0x70)), mload(sub(w, 0x100)))), LANES)
                    mstore(w, sum)
                    mstore(add(w, 0x520), add(sum, mload(sub(w, 0x500))))
                }
                {
                    let x := mload(sub(w, 0xd0))
                    let y := or(x, shl(64, x))
                    let sum := and(xor(xor(shr(1, y), shr(8, y)), shr(7, x)), LANES)
                    x := mload(w)
                    y := or(x, shl(64, x))
                    sum := add(sum, and(xor(xor(shr(19, y), shr(61, y)), shr(6, x)), LANES))
                    sum := and(add(sum, add(mload(sub(w, 0x50)), mload(sub(w, 0xe0)))), LANES)
                    mstore(add(w, 0x20), sum)
                    mstore(add(w, 0x540), add(sum, mload(sub(w, 0x4e0))))
                }
            }
        }
    }

    /// @dev Eighty rounds and the addition to the state (section 6.4.2, steps 2 to 4), eight at a time, after which the
    /// eight variables have their names again.
    function _compress(uint256 base) private pure {
        // Writes the state, behind the free pointer, and the scratch word at 0.
        assembly ("memory-safe") {
            function rounds(k, s) {
                mstore(0, add(k, 0x500))
                let a := mload(s)
                let b := mload(add(s, 0x20))
                let c := mload(add(s, 0x40))
                let d := mload(add(s, 0x60))
                let e := mload(add(s, 0x80))
                let f := mload(add(s, 0xa0))
                let g := mload(add(s, 0xc0))
                let h := mload(add(s, 0xe0))
                // The word before a sum's lane is some other sum: it stays above and is cut off.
                for {} lt(k, mload(0)) {
                    k := add(k, 0x80)
                } {
                    {
                        let x := or(e, shl(64, e))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(g, and(e, xor(f, g))))
                        t := add(t, add(h, mload(k)))
                        d := and(add(d, t), MASK)
                        x := or(a, shl(64, a))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(a, b), and(c, or(a, b))))
                        h := and(add(t, x), MASK)
                    }
                    {
                        let x := or(d, shl(64, d))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(f, and(d, xor(e, f))))
                        t := add(t, add(g, mload(add(k, 0x10))))
                        c := and(add(c, t), MASK)
                        x := or(h, shl(64, h))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(h, a), and(b, or(h, a))))
                        g := and(add(t, x), MASK)
                    }
                    {
                        let x := or(c, shl(64, c))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(e, and(c, xor(d, e))))
                        t := add(t, add(f, mload(add(k, 0x20))))
                        b := and(add(b, t), MASK)
                        x := or(g, shl(64, g))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(g, h), and(a, or(g, h))))
                        f := and(add(t, x), MASK)
                    }
                    {
                        let x := or(b, shl(64, b))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(d, and(b, xor(c, d))))
                        t := add(t, add(e, mload(add(k, 0x30))))
                        a := and(add(a, t), MASK)
                        x := or(f, shl(64, f))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(f, g), and(h, or(f, g))))
                        e := and(add(t, x), MASK)
                    }
                    {
                        let x := or(a, shl(64, a))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(c, and(a, xor(b, c))))
                        t := add(t, add(d, mload(add(k, 0x40))))
                        h := and(add(h, t), MASK)
                        x := or(e, shl(64, e))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(e, f), and(g, or(e, f))))
                        d := and(add(t, x), MASK)
                    }
                    {
                        let x := or(h, shl(64, h))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(b, and(h, xor(a, b))))
                        t := add(t, add(c, mload(add(k, 0x50))))
                        g := and(add(g, t), MASK)
                        x := or(d, shl(64, d))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(d, e), and(f, or(d, e))))
                        c := and(add(t, x), MASK)
                    }
                    {
                        let x := or(g, shl(64, g))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(a, and(g, xor(h, a))))
                        t := add(t, add(b, mload(add(k, 0x60))))
                        f := and(add(f, t), MASK)
                        x := or(c, shl(64, c))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(c, d), and(e, or(c, d))))
                        b := and(add(t, x), MASK)
                    }
                    {
                        let x := or(f, shl(64, f))
                        let t := add(xor(xor(shr(14, x), shr(18, x)), shr(41, x)), xor(h, and(f, xor(g, h))))
                        t := add(t, add(a, mload(add(k, 0x70))))
                        e := and(add(e, t), MASK)
                        x := or(b, shl(64, b))
                        x := add(xor(xor(shr(28, x), shr(34, x)), shr(39, x)), or(and(b, c), and(d, or(b, c))))
                        a := and(add(t, x), MASK)
                    }
                }
                addTo(s, a)
                addTo(add(s, 0x20), b)
                addTo(add(s, 0x40), c)
                addTo(add(s, 0x60), d)
                addTo(add(s, 0x80), e)
                addTo(add(s, 0xa0), f)
                addTo(add(s, 0xc0), g)
                addTo(add(s, 0xe0), h)
            }
            function addTo(at, value) {
                mstore(at, and(add(mload(at), value), MASK))
            }
            rounds(add(base, sub(SUMS, 0x10)), add(base, STATE))
        }
    }
}
