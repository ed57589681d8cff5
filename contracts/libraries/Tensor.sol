// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView } from "./ByteView.sol";

/// @notice A tensor that was read from its AT1 encoding and found canonical (docs/protocol.md, section 1).
/// @param dtype ONNX number of the element type, 1..13 (see `TensorType`).
/// @param rank How many dimensions, 0..8; a scalar has none.
/// @param dims The dimensions, 32 bits each, the first one in the highest bits; `TensorCodec.dim` reads one.
/// @param count How many elements.
/// @param data The elements, row-major and little-endian; strings as `u32 length | UTF-8` each.
struct Tensor {
    uint8 dtype;
    uint8 rank;
    uint256 dims;
    uint256 count;
    ByteView data;
}

/// @notice A tensor under the name that the model declares for it.
/// @param name UTF-8, 1 to 255 bytes.
/// @param nameHash keccak256 of the name.
/// @param tensor The tensor.
struct NamedTensor {
    ByteView name;
    bytes32 nameHash;
    Tensor tensor;
}

/// @notice The ONNX numbers (`TensorProto.DataType`) of the element types.
library TensorType {
    uint8 internal constant FLOAT = 1;
    uint8 internal constant UINT8 = 2;
    uint8 internal constant INT8 = 3;
    uint8 internal constant UINT16 = 4;
    uint8 internal constant INT16 = 5;
    uint8 internal constant INT32 = 6;
    uint8 internal constant INT64 = 7;
    uint8 internal constant STRING = 8;
    uint8 internal constant BOOL = 9;
    uint8 internal constant FLOAT16 = 10;
    uint8 internal constant DOUBLE = 11;
    uint8 internal constant UINT32 = 12;
    uint8 internal constant UINT64 = 13;

    /// @notice Bytes of one element; 0 for strings and for numbers that are no type.
    function width(uint256 dtype) internal pure returns (uint256) {
        // One nibble per number, the lowest for 0: 0 4 1 1 2 2 4 8 0 1 2 8 4 8.
        return (0x84821084221140 >> (4 * dtype)) & 15;
    }

    /// @notice True for int8, int16, int32 and int64.
    function isSigned(uint256 dtype) internal pure returns (bool) {
        return (0xe8 >> dtype) & 1 == 1; // Bits 3, 5, 6 and 7.
    }

    /// @notice True for float16, float and double.
    function isFloat(uint256 dtype) internal pure returns (bool) {
        return (0xc02 >> dtype) & 1 == 1; // Bits 1, 10 and 11.
    }
}
