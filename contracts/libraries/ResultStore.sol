// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { PortableResult } from "../interfaces/SyncTypes.sol";
import { Brought } from "./Brought.sol";

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
    function keepTransient(bytes32 key, address signer, PortableResult calldata r) internal {
        bytes calldata output = Brought.outputOf(r);
        (, uint256 expiresAt) = Brought.timesOf(r);
        ResultHead head = ResultHeads.pack(signer, expiresAt, output.length);
        // The last word is cut to the output: what follows it in calldata is somebody else's.
        assembly ("memory-safe") {
            tstore(key, head)
            let at := key
            let rest := output.length
            let from := output.offset
            for {} gt(rest, 31) {
                rest := sub(rest, 32)
                from := add(from, 32)
            } {
                at := add(at, 1)
                tstore(at, calldataload(from))
            }
            if rest {
                let unused := shl(3, sub(32, rest))
                tstore(add(at, 1), shl(unused, shr(unused, calldataload(from))))
            }
        }
    }

    /// @notice Keeps a result until it is cleared. The caller has cleared what was there.
    function keepStored(bytes32 key, address signer, PortableResult calldata r) internal {
        bytes32 at = publishedAt(key);
        bytes calldata output = Brought.outputOf(r);
        (, uint256 expiresAt) = Brought.timesOf(r);
        ResultHead head = ResultHeads.pack(signer, expiresAt, output.length);
        // As `keepTransient`.
        assembly ("memory-safe") {
            sstore(at, head)
            let rest := output.length
            let from := output.offset
            for {} gt(rest, 31) {
                rest := sub(rest, 32)
                from := add(from, 32)
            } {
                at := add(at, 1)
                sstore(at, calldataload(from))
            }
            if rest {
                let unused := shl(3, sub(32, rest))
                sstore(add(at, 1), shl(unused, shr(unused, calldataload(from))))
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

    /// @notice Ends the call with an output as its only return value (`bytes`).
    /// @param key Its inference key.
    /// @param head Its head.
    /// @param isTransient In which of the two places.
    function answer(bytes32 key, ResultHead head, bool isTransient) internal view {
        if (!isTransient) _return(read(key, head, false));
        uint256 size = head.length();
        // Offset, length and words of the output, from 0 on: whatever lay there is not read again, the call ends here.
        assembly ("memory-safe") {
            mstore(0, 0x20)
            mstore(0x20, size)
            let end := add(0x40, shl(5, shr(5, add(size, 31))))
            for {
                let to := 0x40
            } lt(to, end) {
                to := add(to, 0x20)
            } {
                key := add(key, 1)
                mstore(to, tload(key))
            }
            return(0, end)
        }
    }

    /// @dev The offset goes over the word before the output, which starts at 0x80 or later: whosever it was, the call ends
    /// here. What pads the last word is zero already.
    function _return(bytes memory output) private pure {
        assembly ("memory-safe") {
            mstore(sub(output, 0x20), 0x20)
            return(sub(output, 0x20), sub(mload(0x40), sub(output, 0x20)))
        }
    }

    /// @notice Reads an output.
    /// @param key Its inference key.
    /// @param head Its head.
    /// @param isTransient In which of the two places.
    /// @return output The bytes; what pads the last word is zero.
    function read(bytes32 key, ResultHead head, bool isTransient) internal view returns (bytes memory output) {
        bytes32 at = isTransient ? key : publishedAt(key);
        uint256 size = head.length();
        // A new allocation of length word and whole words at the free pointer.
        assembly ("memory-safe") {
            output := mload(0x40)
            let end := add(output, shl(5, shr(5, add(size, 63))))
            mstore(0x40, end)
            mstore(output, size)
            switch isTransient
            case 0 {
                for {
                    let to := add(output, 0x20)
                } lt(to, end) {
                    to := add(to, 0x20)
                } {
                    at := add(at, 1)
                    mstore(to, sload(at))
                }
            }
            default {
                for {
                    let to := add(output, 0x20)
                } lt(to, end) {
                    to := add(to, 0x20)
                } {
                    at := add(at, 1)
                    mstore(to, tload(at))
                }
            }
        }
    }
}
