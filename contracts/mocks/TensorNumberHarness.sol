// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { Float16 } from "../libraries/Float16.sol";
import { Float32 } from "../libraries/Float32.sol";
import { Float64 } from "../libraries/Float64.sol";
import { TensorEncoder } from "../libraries/TensorEncoder.sol";

/// @notice Test only: opens the number helpers and the encoder to calls from outside.
contract TensorNumberHarness {
    function fixedOf16(uint16 bits) external pure returns (int256) {
        return Float16.toFixed(bits);
    }

    function fixedOf32(uint32 bits) external pure returns (int256) {
        return Float32.toFixed(bits);
    }

    function fixedOf64(uint64 bits) external pure returns (int256) {
        return Float64.toFixed(bits);
    }

    function to32(int256 value) external pure returns (uint32) {
        return Float32.fromFixed(value);
    }

    function to64(int256 value) external pure returns (uint64) {
        return Float64.fromFixed(value);
    }

    function keys(uint16 a, uint32 b, uint64 c) external pure returns (uint256, uint256, uint256) {
        return (Float16.orderKey(a), Float32.orderKey(b), Float64.orderKey(c));
    }

    function gasOfFixed32(uint32 bits) external view returns (uint256 used) {
        used = gasleft();
        Float32.toFixed(bits);
        used -= gasleft();
    }

    function gasOf32(int256 value) external view returns (uint256 used) {
        used = gasleft();
        Float32.fromFixed(value);
        used -= gasleft();
    }

    function shapes() external pure returns (uint32[] memory, uint32[] memory, uint32[] memory) {
        return (TensorEncoder.shape(1), TensorEncoder.shape(1, 2), TensorEncoder.shape(1, 2, 3));
    }

    function float32(uint32[] calldata dims, int256[] calldata values) external pure returns (bytes memory) {
        return TensorEncoder.float32(dims, values);
    }

    function float64(uint32[] calldata dims, int256[] calldata values) external pure returns (bytes memory) {
        return TensorEncoder.float64(dims, values);
    }

    function integers(
        uint8 dtype,
        uint32[] calldata dims,
        int256[] calldata values
    ) external pure returns (bytes memory) {
        return TensorEncoder.integers(dtype, dims, values);
    }

    function raw(uint8 dtype, uint32[] calldata dims, bytes calldata data) external pure returns (bytes memory) {
        return TensorEncoder.raw(dtype, dims, data);
    }

    function strings(uint32[] calldata dims, string[] calldata texts) external pure returns (bytes memory) {
        return TensorEncoder.strings(dims, texts);
    }

    function setOfOne(string calldata name, bytes calldata tensor) external pure returns (bytes memory) {
        return TensorEncoder.set(name, tensor);
    }

    function set(string[] calldata names, bytes[] calldata tensors) external pure returns (bytes memory) {
        return TensorEncoder.set(names, tensors);
    }
}
