// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView } from "./ByteView.sol";
import { Float16 } from "./Float16.sol";
import { Float32 } from "./Float32.sol";
import { Float64 } from "./Float64.sol";
import { FloatRounding } from "./FloatRounding.sol";
import { Tensor, TensorType } from "./Tensor.sol";

/// @title Reading the elements of a decoded tensor
/// @notice An index counts elements row-major from 0. Fixed point is in units of 1e-18. What does not fit reverts; no
/// NaN, infinity, wrong type or index ever turns into a number.
library TensorReader {
    /// @notice There is no such element.
    error TensorIndexOutOfBounds(uint256 index, uint256 count);
    /// @notice The elements have a type that this reader does not read.
    error TensorTypeMismatch(uint256 dtype);
    /// @notice A reader for scalars was given `count` elements.
    error TensorNotSingle(uint256 count);

    /// @notice The element's bits as an unsigned number, of any type but string.
    /// @dev What the other readers stand on. The decoder saw to it that `count` elements are there.
    function bitsAt(Tensor memory tensor, uint256 index) internal pure returns (uint256) {
        uint256 width = TensorType.width(tensor.dtype);
        if (width == 0) revert TensorTypeMismatch(tensor.dtype);
        if (index >= tensor.count) revert TensorIndexOutOfBounds(index, tensor.count);
        // index < 2^24 and width <= 8.
        unchecked {
            return reverseBytes(tensor.data.wordAt(index * width) >> (256 - 8 * width), width);
        }
    }

    /// @notice The element of an unsigned integer type or bool.
    /// @dev A signed type reverts even where its value is positive: the type is part of what was agreed on.
    function uintAt(Tensor memory tensor, uint256 index) internal pure returns (uint256) {
        if (TensorType.isFloat(tensor.dtype) || TensorType.isSigned(tensor.dtype)) {
            revert TensorTypeMismatch(tensor.dtype);
        }
        return bitsAt(tensor, index);
    }

    /// @notice The element of any integer type or bool.
    function intAt(Tensor memory tensor, uint256 index) internal pure returns (int256) {
        if (TensorType.isFloat(tensor.dtype)) revert TensorTypeMismatch(tensor.dtype);
        uint256 bits = bitsAt(tensor, index);
        if (!TensorType.isSigned(tensor.dtype)) return int256(bits);
        uint256 last = TensorType.width(tensor.dtype) - 1;
        // SIGNEXTEND takes the number of the byte that holds the sign; `bits` has nothing above it.
        assembly ("memory-safe") {
            bits := signextend(last, bits)
        }
        return int256(bits);
    }

    /// @notice The element of a bool tensor.
    function boolAt(Tensor memory tensor, uint256 index) internal pure returns (bool) {
        if (tensor.dtype != TensorType.BOOL) revert TensorTypeMismatch(tensor.dtype);
        return bitsAt(tensor, index) == 1;
    }

    /// @notice The element of a string tensor, copied.
    /// @dev Walks from the first element: reading all of a long tensor this way costs quadratically.
    function stringAt(Tensor memory tensor, uint256 index) internal pure returns (string memory) {
        if (tensor.dtype != TensorType.STRING) revert TensorTypeMismatch(tensor.dtype);
        if (index >= tensor.count) revert TensorIndexOutOfBounds(index, tensor.count);
        uint256 at = 0;
        // The lengths were checked by the decoder to add up to the payload's.
        unchecked {
            for (uint256 i = 0; i < index; ++i) {
                at += 4 + (tensor.data.wordAt(at) >> 224);
            }
            return string(tensor.data.slice(at + 4, tensor.data.wordAt(at) >> 224).toBytes());
        }
    }

    /// @notice The element of any type but string in fixed point. Floats are truncated towards zero (see `Float32`).
    function fixedAt(Tensor memory tensor, uint256 index) internal pure returns (int256) {
        uint256 dtype = tensor.dtype;
        if (dtype == TensorType.FLOAT) return Float32.toFixed(uint32(bitsAt(tensor, index)));
        if (dtype == TensorType.DOUBLE) return Float64.toFixed(uint64(bitsAt(tensor, index)));
        if (dtype == TensorType.FLOAT16) return Float16.toFixed(uint16(bitsAt(tensor, index)));
        // An integer of at most 64 bits times 1e18 is below 2^124.
        unchecked {
            return intAt(tensor, index) * int256(FloatRounding.UNIT);
        }
    }

    /// @notice All elements in fixed point, row-major.
    /// @dev Allocates a word for each and converts it: for tensors of tens of elements, not of thousands.
    function fixedAll(Tensor memory tensor) internal pure returns (int256[] memory values) {
        values = new int256[](tensor.count);
        for (uint256 i = 0; i < values.length; ++i) values[i] = fixedAt(tensor, i);
    }

    /// @notice The one element of a tensor that holds exactly one, whatever its rank, in fixed point.
    function fixedSingle(Tensor memory tensor) internal pure returns (int256) {
        if (tensor.count != 1) revert TensorNotSingle(tensor.count);
        return fixedAt(tensor, 0);
    }

    /// @notice A key that orders the elements of one tensor as numbers, for comparing without conversion.
    /// @dev Reverts with `FloatNotANumber` on a NaN.
    function orderKeyAt(Tensor memory tensor, uint256 index) internal pure returns (uint256) {
        uint256 dtype = tensor.dtype;
        uint256 bits = bitsAt(tensor, index);
        if (dtype == TensorType.FLOAT) return Float32.orderKey(uint32(bits));
        if (dtype == TensorType.DOUBLE) return Float64.orderKey(uint64(bits));
        if (dtype == TensorType.FLOAT16) return Float16.orderKey(uint16(bits));
        // Flipping the sign bit puts the negative half of two's complement below the other.
        return TensorType.isSigned(dtype) ? bits ^ (1 << (8 * TensorType.width(dtype) - 1)) : bits;
    }

    /// @notice Elements `start .. start + count - 1` as a tensor of one dimension. Nothing is copied. Not for strings.
    function slice(Tensor memory tensor, uint256 start, uint256 count) internal pure returns (Tensor memory part) {
        uint256 width = TensorType.width(tensor.dtype);
        if (width == 0) revert TensorTypeMismatch(tensor.dtype);
        if (start > tensor.count || count > tensor.count - start) {
            revert TensorIndexOutOfBounds(start, tensor.count);
        }
        ByteView data = tensor.data.slice(start * width, count * width);
        return Tensor({ dtype: tensor.dtype, rank: 1, dims: count << 224, count: count, data: data });
    }

    /// @notice The `index`-th part along the outermost dimension: a row of a matrix, one item of a batch. Not for strings.
    function row(Tensor memory tensor, uint256 index) internal pure returns (Tensor memory part) {
        uint256 rows = tensor.rank == 0 ? 0 : tensor.dims >> 224;
        if (index >= rows) revert TensorIndexOutOfBounds(index, rows);
        uint256 size = tensor.count / rows;
        part = slice(tensor, index * size, size);
        part.rank = tensor.rank - 1;
        part.dims = tensor.dims << 32;
    }

    /// @notice Reverses the order of the lowest `width` bytes (1, 2, 4 or 8); there is nothing above them.
    function reverseBytes(uint256 bits, uint256 width) internal pure returns (uint256) {
        if (width == 1) return bits;
        bits = ((bits & 0x00ff00ff00ff00ff) << 8) | ((bits >> 8) & 0x00ff00ff00ff00ff);
        if (width == 2) return bits & 0xffff;
        bits = ((bits & 0x0000ffff0000ffff) << 16) | ((bits >> 16) & 0x0000ffff0000ffff);
        if (width == 4) return bits & 0xffffffff;
        return ((bits & 0xffffffff) << 32) | (bits >> 32);
    }
}
