// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { Float32 } from "./Float32.sol";
import { Float64 } from "./Float64.sol";
import { TensorType } from "./Tensor.sol";
import { TensorCodec } from "./TensorCodec.sol";
import { TensorReader } from "./TensorReader.sol";

/// @title Writing AT1 tensors and sets, for features that a contract computes itself
/// @notice A shape is the list of dimensions, outermost first; an empty list is a scalar. The number of values must be
/// the product of the dimensions.
library TensorEncoder {
    /// @notice A value does not fit the element type.
    error TensorValueOutOfRange(uint256 index, int256 value);
    /// @notice A name is empty or longer than 255 bytes.
    error TensorSetNameLength(uint256 index, uint256 length);
    /// @notice More than 255 tensors, or not one name for each.
    error TensorSetShape(uint256 names, uint256 tensors);

    /// @notice The shape of a vector.
    function shape(uint32 a) internal pure returns (uint32[] memory dims) {
        dims = new uint32[](1);
        dims[0] = a;
    }

    /// @notice The shape of a matrix: what most models take, with `a` = 1 for one row.
    function shape(uint32 a, uint32 b) internal pure returns (uint32[] memory dims) {
        dims = new uint32[](2);
        (dims[0], dims[1]) = (a, b);
    }

    /// @notice The shape of a cube.
    function shape(uint32 a, uint32 b, uint32 c) internal pure returns (uint32[] memory dims) {
        dims = new uint32[](3);
        (dims[0], dims[1], dims[2]) = (a, b, c);
    }

    /// @notice A float tensor of values in units of 1e-18, each rounded to the nearest float32.
    /// @dev Reverts with `FloatOverflow` beyond float32's largest number.
    /// @param dims The shape.
    /// @param values As many as the shape has elements, row-major.
    /// @return encoded The AT1 tensor, bit for bit what TypeScript's `fixedTensor` makes.
    function float32(uint32[] memory dims, int256[] memory values) internal pure returns (bytes memory encoded) {
        uint256 at;
        (encoded, at) = _allocate({ dtype: TensorType.FLOAT, dims: dims, count: values.length, width: 4 });
        for (uint256 i = 0; i < values.length; ++i) at = _put(at, Float32.fromFixed(values[i]), 4);
    }

    /// @notice A double tensor of values in units of 1e-18, each rounded to the nearest double.
    /// @param dims The shape.
    /// @param values As many as the shape has elements, row-major.
    /// @return encoded The AT1 tensor.
    function float64(uint32[] memory dims, int256[] memory values) internal pure returns (bytes memory encoded) {
        uint256 at;
        (encoded, at) = _allocate({ dtype: TensorType.DOUBLE, dims: dims, count: values.length, width: 8 });
        for (uint256 i = 0; i < values.length; ++i) at = _put(at, Float64.fromFixed(values[i]), 8);
    }

    /// @notice A tensor of an integer type or bool. A value outside the type reverts; nothing wraps around.
    /// @param dtype One of `TensorType`, neither a float nor string.
    /// @param dims The shape.
    /// @param values As many as the shape has elements, row-major.
    /// @return encoded The AT1 tensor.
    function integers(
        uint8 dtype,
        uint32[] memory dims,
        int256[] memory values
    ) internal pure returns (bytes memory encoded) {
        uint256 width = TensorType.width(dtype);
        if (width == 0 || TensorType.isFloat(dtype)) revert TensorReader.TensorTypeMismatch(dtype);
        (int256 least, int256 most) = _range(dtype, width);
        uint256 at;
        (encoded, at) = _allocate({ dtype: dtype, dims: dims, count: values.length, width: width });
        uint256 mask = (1 << (8 * width)) - 1;
        for (uint256 i = 0; i < values.length; ++i) {
            if (values[i] < least || values[i] > most) revert TensorValueOutOfRange(i, values[i]);
            at = _put(at, uint256(values[i]) & mask, width);
        }
    }

    /// @notice A tensor of any type over elements that are already encoded: images as uint8, say. Checked in full.
    function raw(uint8 dtype, uint32[] memory dims, bytes memory data) internal pure returns (bytes memory encoded) {
        encoded = bytes.concat(_head(dtype, dims), data);
        TensorCodec.decodeMemory(encoded);
    }

    /// @notice A string tensor. Each text must be strict UTF-8 without U+0000.
    function strings(uint32[] memory dims, string[] memory texts) internal pure returns (bytes memory encoded) {
        bytes memory data;
        for (uint256 i = 0; i < texts.length; ++i) {
            data = bytes.concat(data, bytes4(uint32(bytes(texts[i]).length)), bytes(texts[i]));
        }
        return raw(TensorType.STRING, dims, data);
    }

    /// @notice A set of one tensor.
    /// @dev Not checked here nor below: that names are UTF-8 and differ, and that tensors are canonical. An enclave
    /// refuses a set that is not, and the escrow comes back.
    function set(string memory name, bytes memory tensor) internal pure returns (bytes memory) {
        return bytes.concat(hex"0101", _entry(0, name, tensor));
    }

    /// @notice A set of tensors in the model's declared order.
    function set(string[] memory names, bytes[] memory tensors) internal pure returns (bytes memory encoded) {
        if (names.length != tensors.length || names.length > 255) revert TensorSetShape(names.length, tensors.length);
        encoded = bytes.concat(hex"01", bytes1(uint8(names.length)));
        for (uint256 i = 0; i < names.length; ++i) encoded = bytes.concat(encoded, _entry(i, names[i], tensors[i]));
    }

    /// @dev One named tensor of a set. Its length is below 2^32: memory of that size can not be paid for.
    function _entry(uint256 index, string memory name, bytes memory tensor) private pure returns (bytes memory) {
        uint256 length = bytes(name).length;
        if (length == 0 || length > 255) revert TensorSetNameLength(index, length);
        return bytes.concat(bytes1(uint8(length)), bytes(name), bytes4(uint32(tensor.length)), tensor);
    }

    /// @dev Version, type, rank and dimensions.
    function _head(uint8 dtype, uint32[] memory dims) private pure returns (bytes memory head) {
        if (dims.length > TensorCodec.MAX_RANK) revert TensorCodec.TensorRankTooHigh(dims.length);
        head = abi.encodePacked(uint8(TensorCodec.VERSION), dtype, uint8(dims.length));
        for (uint256 i = 0; i < dims.length; ++i) head = bytes.concat(head, bytes4(dims[i]));
    }

    /// @dev Writes the head, with room for the payload, and returns where in memory the payload goes.
    function _allocate(
        uint8 dtype,
        uint32[] memory dims,
        uint256 count,
        uint256 width
    ) private pure returns (bytes memory encoded, uint256 at) {
        bytes memory head = _head(dtype, dims);
        uint256 packed = 0;
        for (uint256 i = 0; i < dims.length; ++i) packed |= uint256(dims[i]) << (224 - 32 * i);
        uint256 expected = TensorCodec.elementCount(packed, dims.length) * width;
        if (expected != count * width) revert TensorCodec.TensorLengthMismatch(expected, count * width);
        uint256 size = head.length + expected;
        // One word more than needed, because `_put` writes whole words; then the length is set right.
        encoded = bytes.concat(head, new bytes(expected + 32));
        assembly ("memory-safe") {
            mstore(encoded, size)
            at := add(add(encoded, 0x20), mload(head))
        }
    }

    /// @dev Writes one element, little-endian, at a memory address and returns the next address.
    function _put(uint256 at, uint256 bits, uint256 width) private pure returns (uint256) {
        uint256 word = TensorReader.reverseBytes(bits, width) << (256 - 8 * width);
        // The bytes behind the element are those of elements yet to be written, or the spare word.
        assembly ("memory-safe") {
            mstore(at, word)
        }
        return at + width;
    }

    /// @dev The least and the greatest value of an integer type.
    function _range(uint8 dtype, uint256 width) private pure returns (int256 least, int256 most) {
        if (dtype == TensorType.BOOL) return (0, 1);
        uint256 bits = 8 * width;
        if (!TensorType.isSigned(dtype)) return (0, int256(1 << bits) - 1);
        return (-int256(1 << (bits - 1)), int256(1 << (bits - 1)) - 1);
    }
}
