// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { FloatNotANumber } from "./FloatErrors.sol";
import { Tensor, TensorType } from "./Tensor.sol";
import { TensorReader } from "./TensorReader.sol";

/// @title Which element is the largest
library TensorArgmax {
    /// @notice An empty tensor has no largest element.
    error TensorEmpty();

    /// @dev The lower half of every lane of 16, 32 and 64 bits.
    uint256 private constant LOW_8 = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant LOW_16 = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    uint256 private constant LOW_32 = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;

    /// @notice The index of the largest element of a numeric tensor; the first one wins among equals, -0 equals +0.
    /// @dev Reverts with `FloatNotANumber` if any element is a NaN, even one that a maximum precedes: a model that gives
    /// one has failed, and no class follows from that. Take a row first (`TensorReader.row`) to get the class of one item.
    function argmax(Tensor memory tensor) internal pure returns (uint256 best) {
        uint256 width = TensorType.width(tensor.dtype);
        if (width == 0) revert TensorReader.TensorTypeMismatch(tensor.dtype);
        if (tensor.count == 0) revert TensorEmpty();
        uint256 sign = 1 << (8 * width - 1);
        if (TensorType.isFloat(tensor.dtype)) return _largestFloat(tensor, width, sign);
        return _largestInteger(tensor, width, TensorType.isSigned(tensor.dtype) ? sign : 0);
    }

    /// @dev One load and one byte swap for every 32 bytes; about 310 gas an element.
    function _largestFloat(Tensor memory tensor, uint256 width, uint256 sign) private pure returns (uint256 best) {
        uint256 infinity =
            width == 4
                ? 0x7f800000
                : width == 8
                    ? 0x7ff0000000000000
                    : 0x7c00;
        uint256 bitsWide = 8 * width;
        uint256 count = tensor.count;
        uint256 highest = 0;
        uint256 word = 0;
        uint256 left = 0;
        // Indexes stay below 2^24, `left` counts the bits of `word` that are unread, and `sign` is a power of two.
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                if (left == 0) (word, left) = (_swapLanes(tensor.data.wordAt(i * width), width), 256);
                left -= bitsWide;
                uint256 bits = (word >> left) & (2 * sign - 1);
                uint256 magnitude = bits & (sign - 1);
                if (magnitude > infinity) revert FloatNotANumber(bits);
                // The order key of `FloatRounding.orderKey`: above zero for all but NaNs, so that the first one enters.
                uint256 key = bits == magnitude || magnitude == 0 ? sign | magnitude : sign - 1 - magnitude;
                if (key > highest) (highest, best) = (key, i);
            }
        }
    }

    /// @dev `flip` is the sign bit of a signed type, which puts its negative half below the other, or 0.
    function _largestInteger(Tensor memory tensor, uint256 width, uint256 flip) private pure returns (uint256 best) {
        uint256 bitsWide = 8 * width;
        uint256 count = tensor.count;
        uint256 highest = 0;
        uint256 word = 0;
        uint256 left = 0;
        // Indexes stay below 2^24, `left` counts the bits of `word` that are unread. A key of zero is the least value of
        // the type, which index 0 stands for until it is beaten.
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                if (left == 0) (word, left) = (_swapLanes(tensor.data.wordAt(i * width), width), 256);
                left -= bitsWide;
                uint256 key = ((word >> left) & ((1 << bitsWide) - 1)) ^ flip;
                if (key > highest) (highest, best) = (key, i);
            }
        }
    }

    /// @dev Reverses the bytes of every element in a word of 32 / width elements at once.
    function _swapLanes(uint256 word, uint256 width) private pure returns (uint256) {
        if (width == 1) return word;
        word = ((word & LOW_8) << 8) | ((word >> 8) & LOW_8);
        if (width == 2) return word;
        word = ((word & LOW_16) << 16) | ((word >> 16) & LOW_16);
        if (width == 4) return word;
        return ((word & LOW_32) << 32) | ((word >> 32) & LOW_32);
    }
}
