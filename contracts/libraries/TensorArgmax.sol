// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import {FloatNotANumber} from "./FloatErrors.sol";
import {FloatRounding} from "./FloatRounding.sol";
import {Tensor, TensorType} from "./Tensor.sol";
import {TensorReader} from "./TensorReader.sol";

/// @title Which element is the largest
library TensorArgmax {
    /// @notice An empty tensor has no largest element.
    error TensorEmpty();

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

    function _largestFloat(Tensor memory tensor, uint256 width, uint256 sign) private pure returns (uint256 best) {
        uint256 infinity = width == 4 ? 0x7f800000 : width == 8 ? 0x7ff0000000000000 : 0x7c00;
        uint256 highest = 0;
        // Indexes stay below 2^24 and `sign` is a power of two.
        unchecked {
            for (uint256 i = 0; i < tensor.count; ++i) {
                uint256 word = tensor.data.wordAt(i * width) >> (256 - 8 * width);
                uint256 bits = TensorReader.reverseBytes(word, width);
                if (bits & (sign - 1) > infinity) revert FloatNotANumber(bits);
                uint256 key = FloatRounding.orderKey(bits, sign);
                // Keys of finite numbers and infinities are above zero, so that the first element always enters.
                if (key > highest) (highest, best) = (key, i);
            }
        }
    }

    function _largestInteger(Tensor memory tensor, uint256 width, uint256 flip) private pure returns (uint256 best) {
        uint256 highest = 0;
        // Indexes stay below 2^24. A key of zero is the least value of the type, which index 0 stands for until beaten.
        unchecked {
            for (uint256 i = 0; i < tensor.count; ++i) {
                uint256 word = tensor.data.wordAt(i * width) >> (256 - 8 * width);
                uint256 key = TensorReader.reverseBytes(word, width) ^ flip;
                if (key > highest) (highest, best) = (key, i);
            }
        }
    }
}
