// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView, ByteViews } from "./ByteView.sol";
import { NamedTensor, Tensor } from "./Tensor.sol";
import { TensorCodec } from "./TensorCodec.sol";
import { Utf8 } from "./Utf8.sol";

/// @title Reading tensor sets: the inputs or outputs of one run
/// @notice `decode` checks the whole set and every tensor in it. Its TypeScript twin is `executor/protocol/tensorSet.ts`.
library TensorSet {
    /// @notice The bytes end inside the set.
    error TensorSetTruncated(uint256 length);
    /// @notice No such version of the encoding.
    error TensorSetVersionUnknown(uint256 version);
    /// @notice Bytes follow the last tensor.
    error TensorSetTrailingBytes(uint256 extra);
    /// @notice A name is empty.
    error TensorNameLength(uint256 index);
    /// @notice A name is not strict UTF-8.
    error TensorNameNotUtf8(uint256 index);
    /// @notice A name comes a second time.
    error TensorNameRepeated(uint256 index);
    /// @notice No tensor of the set has this name.
    error TensorNotFound(string name);
    /// @notice The set has another number of tensors than the reader expects.
    error TensorSetCount(uint256 expected, uint256 actual);

    uint256 private constant VERSION = 1;

    /// @notice Reads a set from calldata.
    function decode(bytes calldata encoded) internal pure returns (NamedTensor[] memory) {
        return decodeView(ByteViews.ofCalldata(encoded));
    }

    /// @notice Reads a set from memory without copying it.
    function decodeMemory(bytes memory encoded) internal pure returns (NamedTensor[] memory) {
        return decodeView(ByteViews.ofMemory(encoded));
    }

    /// @notice Reads a set from a view, in the model's declared order.
    /// @dev Whether names, types and shapes are those of a model is not known here.
    /// @param encoded The bytes; views of them are returned.
    /// @return set At most 255 tensors.
    function decodeView(ByteView encoded) internal pure returns (NamedTensor[] memory set) {
        uint256 length = encoded.length();
        if (length < 2) revert TensorSetTruncated(length);
        uint256 head = encoded.wordAt(0);
        if (head >> 248 != VERSION) revert TensorSetVersionUnknown(head >> 248);
        set = new NamedTensor[]((head >> 240) & 0xff);
        uint256 at = 2;
        for (uint256 i = 0; i < set.length; ++i) {
            at = _entry({ encoded: encoded, at: at, set: set, index: i });
        }
        if (at != length) revert TensorSetTrailingBytes(length - at);
    }

    /// @notice The tensor of this name; reverts with `TensorNotFound` if there is none.
    function find(NamedTensor[] memory set, string memory name) internal pure returns (Tensor memory) {
        bytes32 wanted = keccak256(bytes(name));
        for (uint256 i = 0; i < set.length; ++i) {
            if (set[i].nameHash == wanted) return set[i].tensor;
        }
        revert TensorNotFound(name);
    }

    /// @notice The one tensor of a set that holds exactly one, of this name: what most models give.
    function single(NamedTensor[] memory set, string memory name) internal pure returns (Tensor memory) {
        if (set.length != 1) revert TensorSetCount(1, set.length);
        return find(set, name);
    }

    /// @dev Reads the entry at `at` into `set[index]` and returns where the next one starts.
    function _entry(
        ByteView encoded,
        uint256 at,
        NamedTensor[] memory set,
        uint256 index
    ) private pure returns (uint256 end) {
        uint256 length = encoded.length();
        // at <= length < 2^64, a name is below 2^8 and a size below 2^32: no sum overflows.
        unchecked {
            if (at >= length) revert TensorSetTruncated(length);
            uint256 nameSize = encoded.byteAt(at);
            uint256 nameEnd = at + 1 + nameSize;
            if (nameEnd + 4 > length) revert TensorSetTruncated(length);
            ByteView name = encoded.slice(at + 1, nameSize);
            bytes32 nameHash = _checkName(name, set, index);
            uint256 size = encoded.wordAt(nameEnd) >> 224;
            end = nameEnd + 4 + size;
            if (end > length) revert TensorSetTruncated(length);
            (set[index].name, set[index].nameHash) = (name, nameHash);
            set[index].tensor = TensorCodec.decodeView(encoded.slice(nameEnd + 4, size));
        }
    }

    /// @dev Not empty, strict UTF-8, and not among the names before it. Returns its hash.
    function _checkName(
        ByteView name,
        NamedTensor[] memory set,
        uint256 index
    ) private pure returns (bytes32 nameHash) {
        if (name.length() == 0) revert TensorNameLength(index);
        (bool valid, ) = Utf8.scan(name);
        if (!valid) revert TensorNameNotUtf8(index);
        nameHash = name.hash();
        // Quadratic, but bounded: 255 names take about 32,000 comparisons of two words.
        for (uint256 i = 0; i < index; ++i) {
            if (set[i].nameHash == nameHash) revert TensorNameRepeated(index);
        }
    }
}
