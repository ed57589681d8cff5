// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteViews } from "../libraries/ByteView.sol";
import { NamedTensor, Tensor } from "../libraries/Tensor.sol";
import { TensorArgmax } from "../libraries/TensorArgmax.sol";
import { TensorCodec } from "../libraries/TensorCodec.sol";
import { TensorReader } from "../libraries/TensorReader.sol";
import { TensorSet } from "../libraries/TensorSet.sol";
import { Utf8 } from "../libraries/Utf8.sol";

/// @notice Test only: opens the tensor readers to calls from outside.
contract TensorHarness {
    struct Seen {
        uint256 dtype;
        uint256[] dims;
        uint256 count;
        bytes data;
    }

    struct SeenNamed {
        bytes name;
        Seen tensor;
    }

    function decode(bytes calldata encoded) external pure returns (Seen memory) {
        return _seen(TensorCodec.decode(encoded));
    }

    function decodeMemory(bytes memory encoded) external pure returns (Seen memory) {
        return _seen(TensorCodec.decodeMemory(encoded));
    }

    function decodeSet(bytes calldata encoded) external pure returns (SeenNamed[] memory) {
        return _seenSet(TensorSet.decode(encoded));
    }

    function decodeSetMemory(bytes memory encoded) external pure returns (SeenNamed[] memory) {
        return _seenSet(TensorSet.decodeMemory(encoded));
    }

    function find(bytes calldata encoded, string calldata name) external pure returns (Seen memory) {
        return _seen(TensorSet.find(TensorSet.decode(encoded), name));
    }

    function single(bytes calldata encoded, string calldata name) external pure returns (Seen memory) {
        return _seen(TensorSet.single(TensorSet.decode(encoded), name));
    }

    function dim(bytes calldata encoded, uint256 index) external pure returns (uint256) {
        return TensorCodec.dim(TensorCodec.decode(encoded), index);
    }

    function bitsAt(bytes calldata encoded, uint256 index) external pure returns (uint256) {
        return TensorReader.bitsAt(TensorCodec.decode(encoded), index);
    }

    function uintAt(bytes calldata encoded, uint256 index) external pure returns (uint256) {
        return TensorReader.uintAt(TensorCodec.decode(encoded), index);
    }

    function intAt(bytes calldata encoded, uint256 index) external pure returns (int256) {
        return TensorReader.intAt(TensorCodec.decode(encoded), index);
    }

    function boolAt(bytes calldata encoded, uint256 index) external pure returns (bool) {
        return TensorReader.boolAt(TensorCodec.decode(encoded), index);
    }

    function stringAt(bytes calldata encoded, uint256 index) external pure returns (string memory) {
        return TensorReader.stringAt(TensorCodec.decode(encoded), index);
    }

    function fixedAt(bytes calldata encoded, uint256 index) external pure returns (int256) {
        return TensorReader.fixedAt(TensorCodec.decode(encoded), index);
    }

    function fixedAll(bytes calldata encoded) external pure returns (int256[] memory) {
        return TensorReader.fixedAll(TensorCodec.decode(encoded));
    }

    function fixedSingle(bytes calldata encoded) external pure returns (int256) {
        return TensorReader.fixedSingle(TensorCodec.decode(encoded));
    }

    function orderKeyAt(bytes calldata encoded, uint256 index) external pure returns (uint256) {
        return TensorReader.orderKeyAt(TensorCodec.decode(encoded), index);
    }

    function slice(bytes calldata encoded, uint256 start, uint256 count) external pure returns (Seen memory) {
        return _seen(TensorReader.slice(TensorCodec.decode(encoded), start, count));
    }

    function row(bytes calldata encoded, uint256 index) external pure returns (Seen memory) {
        return _seen(TensorReader.row(TensorCodec.decode(encoded), index));
    }

    function argmax(bytes calldata encoded) external pure returns (uint256) {
        return TensorArgmax.argmax(TensorCodec.decode(encoded));
    }

    function utf8(bytes calldata text) external pure returns (bool valid, bool hasNul) {
        return Utf8.scan(ByteViews.ofCalldata(text));
    }

    function sliceView(bytes calldata data, uint256 start, uint256 size) external pure returns (bytes memory) {
        return ByteViews.ofCalldata(data).slice(start, size).toBytes();
    }

    function hashes(bytes calldata data) external pure returns (bytes32 ofCalldata, bytes32 ofMemory) {
        bytes memory copy = data;
        return (ByteViews.ofCalldata(data).hash(), ByteViews.ofMemory(copy).hash());
    }

    function gasOfDecode(bytes calldata encoded) external view returns (uint256 used) {
        used = gasleft();
        TensorCodec.decode(encoded);
        used -= gasleft();
    }

    function gasOfArgmax(bytes calldata encoded) external view returns (uint256 used) {
        Tensor memory tensor = TensorCodec.decode(encoded);
        used = gasleft();
        TensorArgmax.argmax(tensor);
        used -= gasleft();
    }

    function _seenSet(NamedTensor[] memory set) private pure returns (SeenNamed[] memory seen) {
        seen = new SeenNamed[](set.length);
        for (uint256 i = 0; i < set.length; ++i) seen[i] = SeenNamed(set[i].name.toBytes(), _seen(set[i].tensor));
    }

    function _seen(Tensor memory tensor) private pure returns (Seen memory) {
        uint256[] memory dims = new uint256[](tensor.rank);
        for (uint256 i = 0; i < dims.length; ++i) dims[i] = TensorCodec.dim(tensor, i);
        return Seen(tensor.dtype, dims, tensor.count, tensor.data.toBytes());
    }
}
