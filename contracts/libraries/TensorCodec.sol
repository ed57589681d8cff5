// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView, ByteViews } from "./ByteView.sol";
import { Tensor, TensorType } from "./Tensor.sol";
import { Utf8 } from "./Utf8.sol";

/// @title Reading AT1, the one encoding of one tensor
/// @notice `decode` refuses every byte string that is not canonical, so that equal hashes mean equal tensors and the
/// other way round. Its TypeScript twin is `executor/protocol/tensor.ts`; errors have the same names.
/// @dev NaNs are taken verbatim: that those of outputs are canonical the enclave sees to before it signs.
library TensorCodec {
    /// @notice The bytes end inside the head.
    error TensorTruncated(uint256 length);
    /// @notice No such version of the encoding.
    error TensorVersionUnknown(uint256 version);
    /// @notice The element type is outside 1..13.
    error TensorTypeUnknown(uint256 dtype);
    /// @notice More than eight dimensions.
    error TensorRankTooHigh(uint256 rank);
    /// @notice The product of the dimensions, zeros counted as one, passes 2^24 at `index`.
    error TensorTooLarge(uint256 index);
    /// @notice The payload has not the length that type and dimensions ask for.
    error TensorLengthMismatch(uint256 expected, uint256 actual);
    /// @notice A bool that is neither 0 nor 1.
    error TensorBoolNotCanonical(uint256 index);
    /// @notice A string element that is not strict UTF-8.
    error TensorStringNotUtf8(uint256 index);
    /// @notice A string element with U+0000 in it.
    error TensorStringHasNul(uint256 index);
    /// @notice There is no such dimension.
    error TensorDimensionOutOfBounds(uint256 index, uint256 rank);

    uint256 internal constant VERSION = 1;
    uint256 internal constant MAX_RANK = 8;
    /// @dev Bounds every product and sum below 2^32, so that the arithmetic here can not overflow.
    uint256 internal constant MAX_ELEMENTS = 1 << 24;
    uint256 private constant NOT_BOOL = 0xfefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefe;

    /// @notice Reads a tensor from calldata.
    function decode(bytes calldata encoded) internal pure returns (Tensor memory) {
        return decodeView(ByteViews.ofCalldata(encoded));
    }

    /// @notice Reads a tensor from memory. It is not copied: the tensor is only good while `encoded` stays unchanged.
    function decodeMemory(bytes memory encoded) internal pure returns (Tensor memory) {
        return decodeView(ByteViews.ofMemory(encoded));
    }

    /// @notice Reads a tensor from a view.
    /// @dev About 1,800 gas, 200 more for each 32 bools, and what `Utf8.scan` takes for strings.
    /// @param encoded The bytes; `data` of the result is a part of it.
    /// @return tensor The tensor.
    function decodeView(ByteView encoded) internal pure returns (Tensor memory tensor) {
        uint256 length = encoded.length();
        if (length < 3) revert TensorTruncated(length);
        uint256 head = encoded.wordAt(0);
        uint256 dtype = (head >> 240) & 0xff;
        uint256 rank = (head >> 232) & 0xff;
        if (head >> 248 != VERSION) revert TensorVersionUnknown(head >> 248);
        if (dtype == 0 || dtype > TensorType.UINT64) revert TensorTypeUnknown(dtype);
        if (rank > MAX_RANK) revert TensorRankTooHigh(rank);
        // rank <= 8 keeps the offset at or below 35 and the shift at or below 256 (which yields zero).
        unchecked {
            uint256 payloadAt = 3 + 4 * rank;
            if (length < payloadAt) revert TensorTruncated(length);
            uint256 unused = 256 - 32 * rank;
            uint256 dims = (encoded.wordAt(3) >> unused) << unused;
            tensor.dtype = uint8(dtype);
            tensor.rank = uint8(rank);
            tensor.dims = dims;
            tensor.count = elementCount(dims, rank);
            tensor.data = encoded.slice(payloadAt, length - payloadAt);
        }
        _checkPayload(tensor);
    }

    /// @notice The dimension at `index`, the outermost one first.
    function dim(Tensor memory tensor, uint256 index) internal pure returns (uint256) {
        if (index >= tensor.rank) revert TensorDimensionOutOfBounds(index, tensor.rank);
        return (tensor.dims >> (224 - 32 * index)) & 0xffffffff;
    }

    /// @notice The number of elements of packed dimensions (see `Tensor.dims`).
    /// @dev The size is checked before a zero makes the tensor empty, so that a zero hides no absurd dimension.
    function elementCount(uint256 dims, uint256 rank) internal pure returns (uint256 count) {
        if (rank == 0) return 1;
        count = 1;
        bool empty = false;
        // count <= 2^24 before each step and a dimension is below 2^32: the product stays below 2^56.
        unchecked {
            for (uint256 i = 0; i < rank; ++i) {
                uint256 size = (dims >> (224 - 32 * i)) & 0xffffffff;
                if (size == 0) empty = true;
                else count *= size;
                if (count > MAX_ELEMENTS) revert TensorTooLarge(i);
            }
        }
        if (empty) count = 0;
    }

    /// @dev Fixed widths by length alone; only bools and strings have elements that can be wrong.
    function _checkPayload(Tensor memory tensor) private pure {
        uint256 actual = tensor.data.length();
        if (tensor.dtype == TensorType.STRING) return _checkStrings(tensor.data, tensor.count);
        // count <= 2^24 and a width is at most 8.
        unchecked {
            uint256 expected = tensor.count * TensorType.width(tensor.dtype);
            if (expected != actual) revert TensorLengthMismatch(expected, actual);
        }
        if (tensor.dtype == TensorType.BOOL) _checkBools(tensor.data, actual);
    }

    /// @dev 32 elements a step; a bit other than the lowest of a byte is a bad one.
    function _checkBools(ByteView data, uint256 length) private pure {
        // `at` stops at `length`, below 2^24; what lies past the end is shifted out.
        unchecked {
            for (uint256 at = 0; at < length; at += 32) {
                uint256 bad = data.wordAt(at) & NOT_BOOL;
                if (length - at < 32) bad >>= 8 * (32 - (length - at));
                if (bad != 0) _revertBool(data, at);
            }
        }
    }

    /// @dev Finds the bad element behind `from` for the error; there is one.
    function _revertBool(ByteView data, uint256 from) private pure {
        while (data.byteAt(from) < 2) ++from;
        revert TensorBoolNotCanonical(from);
    }

    /// @dev Walks every element once; the lengths must add up to the payload exactly.
    function _checkStrings(ByteView data, uint256 count) private pure {
        uint256 length = data.length();
        // count <= 2^24, `at` <= length < 2^64 and a size is below 2^32: no sum overflows.
        unchecked {
            // Every element takes four bytes at least: a hostile count fails before anything is read for it.
            if (4 * count > length) revert TensorLengthMismatch(4 * count, length);
            uint256 at = 0;
            for (uint256 i = 0; i < count; ++i) {
                if (at + 4 > length) revert TensorLengthMismatch(at + 4, length);
                uint256 size = data.wordAt(at) >> 224;
                uint256 end = at + 4 + size;
                if (end > length) revert TensorLengthMismatch(end, length);
                (bool valid, bool hasNul) = Utf8.scan(data.slice(at + 4, size));
                if (!valid) revert TensorStringNotUtf8(i);
                if (hasNul) revert TensorStringHasNul(i);
                at = end;
            }
            if (at != length) revert TensorLengthMismatch(at, length);
        }
    }
}
