// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @notice A stretch of calldata or memory, so that one piece of code reads both without copying.
/// @dev Bit 255: 1 = memory, 0 = calldata. Bits 64-127: where it starts. Bits 0-63: its length in bytes.
/// A view into memory stays right only as long as nobody moves or overwrites the bytes it was taken from.
type ByteView is uint256;

using ByteViews for ByteView global;

/// @notice Making and reading `ByteView`s.
library ByteViews {
    /// @notice A range reaches past the end of the view.
    error ByteViewOutOfBounds(uint256 start, uint256 size, uint256 length);

    uint256 private constant IN_MEMORY = 1 << 255;
    uint256 private constant MASK_64 = 0xffffffffffffffff;

    /// @notice A view of the whole of `data`.
    function ofCalldata(bytes calldata data) internal pure returns (ByteView view_) {
        // Offset and length of calldata are below 2^64: a transaction could not pay for more, and the ABI decoder checks.
        assembly ("memory-safe") {
            view_ := or(shl(64, data.offset), data.length)
        }
    }

    /// @notice A view of the whole of `data`.
    function ofMemory(bytes memory data) internal pure returns (ByteView view_) {
        // Memory costs quadratically, so that pointers and lengths stay far below 2^64.
        uint256 flag = IN_MEMORY;
        assembly ("memory-safe") {
            view_ := or(flag, or(shl(64, add(data, 0x20)), mload(data)))
        }
    }

    /// @notice How many bytes the view covers.
    function length(ByteView self) internal pure returns (uint256) {
        return ByteView.unwrap(self) & MASK_64;
    }

    /// @notice The 32 bytes from `index` on, the first one most significant.
    /// @dev PRECONDITION: the caller checks bounds. What lies past the end is zero or foreign and must be masked off.
    function wordAt(ByteView self, uint256 index) internal pure returns (uint256 word) {
        // Reading memory past the free pointer expands it by at most a word; it never writes.
        assembly ("memory-safe") {
            let at := add(and(shr(64, self), 0xffffffffffffffff), index)
            switch shr(255, self)
            case 0 {
                word := calldataload(at)
            }
            default {
                word := mload(at)
            }
        }
    }

    /// @notice The byte at `index`.
    /// @dev PRECONDITION: `index` is below the length.
    function byteAt(ByteView self, uint256 index) internal pure returns (uint256) {
        return wordAt(self, index) >> 248;
    }

    /// @notice The view of `size` bytes from `start` on.
    function slice(ByteView self, uint256 start, uint256 size) internal pure returns (ByteView) {
        uint256 limit = length(self);
        if (start > limit || size > limit - start) revert ByteViewOutOfBounds(start, size, limit);
        // Both are at most `limit`, so that neither sum leaves its field of 64 bits.
        unchecked {
            return ByteView.wrap(((ByteView.unwrap(self) & ~MASK_64) + (start << 64)) | size);
        }
    }

    /// @notice The bytes as calldata again.
    /// @dev PRECONDITION: the view is of calldata.
    function toCalldata(ByteView self) internal pure returns (bytes calldata data) {
        assembly ("memory-safe") {
            data.offset := and(shr(64, self), 0xffffffffffffffff)
            data.length := and(self, 0xffffffffffffffff)
        }
    }

    /// @notice A copy of the bytes in new memory.
    function toBytes(ByteView self) internal pure returns (bytes memory copy) {
        copy = new bytes(length(self));
        uint256 at;
        assembly ("memory-safe") {
            at := add(copy, 0x20)
        }
        copyTo(self, at);
    }

    /// @notice Copies the bytes to an address of memory.
    /// @dev PRECONDITION: as many bytes as the view is long may be written at `at`.
    function copyTo(ByteView self, uint256 at) internal pure {
        assembly ("memory-safe") {
            let from := and(shr(64, self), 0xffffffffffffffff)
            let size := and(self, 0xffffffffffffffff)
            switch shr(255, self)
            case 0 {
                calldatacopy(at, from, size)
            }
            default {
                mcopy(at, from, size)
            }
        }
    }

    /// @notice keccak256 of the bytes.
    function hash(ByteView self) internal pure returns (bytes32 digest) {
        // Calldata is copied behind the free pointer and given up again: hashing many views must not grow memory each
        // time. A range in memory was inside allocated memory when the view was made.
        assembly ("memory-safe") {
            let from := and(shr(64, self), 0xffffffffffffffff)
            let size := and(self, 0xffffffffffffffff)
            if iszero(shr(255, self)) {
                let scratch := mload(0x40)
                calldatacopy(scratch, from, size)
                from := scratch
            }
            digest := keccak256(from, size)
        }
    }
}
