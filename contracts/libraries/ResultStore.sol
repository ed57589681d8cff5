// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @dev What is kept beside an output, in one word: `address signer | u40 expiresAt | u56 length`. Never zero, because no
/// result has signer zero.
type ResultHead is uint256;

using ResultHeads for ResultHead global;

/// @title The head of a result that is present
library ResultHeads {
    /// @notice Packs a head. Times fit 40 bits for 34,000 years, lengths are bounded by calldata.
    function pack(address signer_, uint256 expiresAt_, uint256 length_) internal pure returns (ResultHead) {
        return ResultHead.wrap((uint256(uint160(signer_)) << 96) | (expiresAt_ << 56) | length_);
    }

    /// @notice The enclave key.
    function signer(ResultHead head) internal pure returns (address) {
        return address(uint160(ResultHead.unwrap(head) >> 96));
    }

    /// @notice First second at which it is not usable, seconds.
    function expiresAt(ResultHead head) internal pure returns (uint256) {
        return (ResultHead.unwrap(head) >> 56) & 0xffffffffff;
    }

    /// @notice Bytes of the output.
    function length(ResultHead head) internal pure returns (uint256) {
        return ResultHead.unwrap(head) & 0xffffffffffffff;
    }
}

/// @title Where results are while they are present
/// @notice A head at `at`, the words of the output behind it: in transient storage `at` is the inference key itself, in
/// storage `publishedAt` of it. Both are keccak hashes, so that two results can overlap only if two hashes lie within an
/// output's length of one another, which nobody can bring about (about 2^120 hashes).
library ResultStore {
    /// @dev A namespace of its own, as ERC-7201 has it for structs: simulations lay results down without knowing the
    /// hub's layout.
    bytes32 private constant PUBLISHED = keccak256("assay/published/1");

    /// @notice Where the published result of a key is: `keccak256(key ‖ keccak256("assay/published/1"))`.
    function publishedAt(bytes32 key) internal pure returns (bytes32 at) {
        bytes32 namespace = PUBLISHED;
        // Two words of scratch space.
        assembly ("memory-safe") {
            mstore(0, key)
            mstore(0x20, namespace)
            at := keccak256(0, 0x40)
        }
    }

    /// @notice The head that was provided in this transaction, or zero.
    function transientHead(bytes32 at) internal view returns (ResultHead head) {
        assembly ("memory-safe") {
            head := tload(at)
        }
    }

    /// @notice The head that was published, or zero.
    function storedHead(bytes32 at) internal view returns (ResultHead head) {
        assembly ("memory-safe") {
            head := sload(at)
        }
    }

    /// @notice Keeps a result for the rest of the transaction. What is left of a longer one is out of reach: only `length`
    /// bytes are ever read.
    function keepTransient(bytes32 at, ResultHead head, bytes calldata output) internal {
        // The last word is cut to the output: what follows it in calldata is somebody else's.
        assembly ("memory-safe") {
            tstore(at, head)
            let words := shr(5, output.length)
            for {
                let i := 0
            } lt(i, words) {
                i := add(i, 1)
            } {
                tstore(add(at, add(i, 1)), calldataload(add(output.offset, shl(5, i))))
            }
            let rest := and(output.length, 31)
            if rest {
                let word := calldataload(add(output.offset, shl(5, words)))
                let unused := shl(3, sub(32, rest))
                tstore(add(at, add(words, 1)), shl(unused, shr(unused, word)))
            }
        }
    }

    /// @notice Keeps a result until it is cleared. The caller has cleared what was there.
    function keepStored(bytes32 at, ResultHead head, bytes calldata output) internal {
        // As `keepTransient`.
        assembly ("memory-safe") {
            sstore(at, head)
            let words := shr(5, output.length)
            for {
                let i := 0
            } lt(i, words) {
                i := add(i, 1)
            } {
                sstore(add(at, add(i, 1)), calldataload(add(output.offset, shl(5, i))))
            }
            let rest := and(output.length, 31)
            if rest {
                let word := calldataload(add(output.offset, shl(5, words)))
                let unused := shl(3, sub(32, rest))
                sstore(add(at, add(words, 1)), shl(unused, shr(unused, word)))
            }
        }
    }

    /// @notice Clears a stored result, all of it, so that every slot gives its refund.
    function clearStored(bytes32 at, ResultHead head) internal {
        uint256 words = (head.length() + 31) / 32;
        assembly ("memory-safe") {
            for {
                let i := 0
            } iszero(gt(i, words)) {
                i := add(i, 1)
            } {
                sstore(add(at, i), 0)
            }
        }
    }

    /// @notice Reads an output.
    /// @param at Where.
    /// @param head Its head.
    /// @param isTransient In which of the two places.
    /// @return output The bytes; what pads the last word is zero.
    function read(bytes32 at, ResultHead head, bool isTransient) internal view returns (bytes memory output) {
        uint256 size = head.length();
        // A new allocation of length word and whole words at the free pointer.
        assembly ("memory-safe") {
            output := mload(0x40)
            let words := shr(5, add(size, 31))
            mstore(0x40, add(output, shl(5, add(words, 1))))
            mstore(output, size)
            switch isTransient
            case 0 {
                for {
                    let i := 1
                } iszero(gt(i, words)) {
                    i := add(i, 1)
                } {
                    mstore(add(output, shl(5, i)), sload(add(at, i)))
                }
            }
            default {
                for {
                    let i := 1
                } iszero(gt(i, words)) {
                    i := add(i, 1)
                } {
                    mstore(add(output, shl(5, i)), tload(add(at, i)))
                }
            }
        }
    }
}
