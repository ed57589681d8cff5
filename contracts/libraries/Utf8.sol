// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView } from "./ByteView.sol";

/// @notice Strict UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF.
library Utf8 {
    uint256 private constant HIGH_BITS = 0x8080808080808080808080808080808080808080808080808080808080808080;
    uint256 private constant ONES = 0x0101010101010101010101010101010101010101010101010101010101010101;

    /// @notice Whether the bytes are UTF-8, and whether a U+0000 is among them.
    /// @dev ASCII is looked at a word at a time, anything else a character at a time.
    /// @param text The bytes.
    /// @return valid Whether all of them are characters.
    /// @return hasNul Whether one is U+0000; means nothing where `valid` is false.
    function scan(ByteView text) internal pure returns (bool valid, bool hasNul) {
        uint256 end = text.length();
        uint256 at = 0;
        // `at` grows by at most 32 while it is below `end`, which is below 2^64.
        unchecked {
            while (at < end) {
                uint256 word = text.wordAt(at);
                uint256 left = end - at;
                // What lies past the end is replaced by ones, which are ASCII and not zero.
                uint256 past = left < 32 ? type(uint256).max >> (8 * left) : 0;
                uint256 inside = (word & ~past) | (ONES & past);
                if (inside & HIGH_BITS == 0) {
                    // All ASCII. Subtracting one from each byte borrows out of bit 7 first at a zero byte.
                    if ((inside - ONES) & ~inside & HIGH_BITS != 0) hasNul = true;
                    at += 32;
                    continue;
                }
                uint256 size = _sequence(word);
                if (size == 0 || size > left) return (false, hasNul);
                if (word >> 248 == 0) hasNul = true;
                at += size;
            }
        }
        return (true, hasNul);
    }

    /// @dev The length of the character that the word begins with, or 0 if none does. Table 3-7 of the Unicode standard.
    /// Bytes past the end of the text may be looked at; the caller then refuses by the length.
    function _sequence(uint256 word) private pure returns (uint256) {
        uint256 lead = word >> 248;
        if (lead < 0x80) return 1;
        // 0x80-0xbf continue a character; 0xc0 and 0xc1 could only begin an overlong one.
        if (lead < 0xc2) return 0;
        uint256 second = (word >> 240) & 0xff;
        if (lead < 0xe0) return second & 0xc0 == 0x80 ? 2 : 0;
        bool third = (word >> 232) & 0xc0 == 0x80;
        if (lead < 0xf0) {
            // 0xe0 must not be overlong, 0xed must not be a surrogate.
            uint256 low = lead == 0xe0 ? 0xa0 : 0x80;
            uint256 high = lead == 0xed ? 0x9f : 0xbf;
            return second >= low && second <= high && third ? 3 : 0;
        }
        if (lead > 0xf4) return 0;
        // 0xf0 must not be overlong, 0xf4 must not pass U+10FFFF.
        uint256 least = lead == 0xf0 ? 0x90 : 0x80;
        uint256 most = lead == 0xf4 ? 0x8f : 0xbf;
        bool fourth = (word >> 224) & 0xc0 == 0x80;
        return second >= least && second <= most && third && fourth ? 4 : 0;
    }
}
