// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Inference, PortableResult } from "../interfaces/SyncTypes.sol";

/// @title Reading results that are brought
/// @notice As `Handed`: the compiler's checks of nested calldata prove nothing here, because whatever is read is part of
/// the key or of a hash that an enclave has to have signed. Calldata beyond its end reads as zero, sums wrap, and a
/// made-up length only makes its sender pay for memory. So these readers check nothing, and *what they give means
/// nothing until the signature was checked*. Numbers are uncut; each says what a dirty one leads to.
library Brought {
    /// @notice `results[i]`; the caller keeps `i` below the length.
    function at(PortableResult[] calldata results, uint256 i) internal pure returns (PortableResult calldata r) {
        // The i-th word of the array is the offset of its element from the first word (ABI, dynamic element).
        assembly ("memory-safe") {
            r := add(results.offset, calldataload(add(results.offset, shl(5, i))))
        }
    }

    /// @notice `r.inference`.
    function inferenceOf(PortableResult calldata r) internal pure returns (Inference calldata inference) {
        // Its five words are the first of `r` (ABI, static member).
        assembly ("memory-safe") {
            inference := r
        }
    }

    /// @notice `r.inference.terms`: level and image. A dirty level is refused by the registry's decoder.
    function demandOf(PortableResult calldata r) internal pure returns (uint256 minTrust, bytes32 imageId) {
        assembly ("memory-safe") {
            minTrust := calldataload(add(r, 0x40))
            imageId := calldataload(add(r, 0x80))
        }
    }

    /// @notice Whether the profile that was signed is the demanded one, or none is demanded.
    function fitsProfile(PortableResult calldata r) internal pure returns (bool fits) {
        assembly ("memory-safe") {
            let wanted := calldataload(add(r, 0x60))
            fits := or(iszero(wanted), eq(wanted, calldataload(add(r, 0xa0))))
        }
    }

    /// @notice `r.feeWei`, uncut.
    function feeOf(PortableResult calldata r) internal pure returns (uint256 feeWei) {
        assembly ("memory-safe") {
            feeWei := calldataload(add(r, 0xc0))
        }
    }

    /// @notice `r.issuedAt` and `r.expiresAt`, uncut: times above 64 bits fail `Lifetime`.
    function timesOf(PortableResult calldata r) internal pure returns (uint256 issuedAt, uint256 expiresAt) {
        assembly ("memory-safe") {
            issuedAt := calldataload(add(r, 0xe0))
            expiresAt := calldataload(add(r, 0x100))
        }
    }

    /// @notice `r.output`.
    function outputOf(PortableResult calldata r) internal pure returns (bytes calldata output) {
        assembly ("memory-safe") {
            let from := add(r, calldataload(add(r, 0x120)))
            output.offset := add(from, 0x20)
            output.length := calldataload(from)
        }
    }

    /// @notice `r.proof`.
    function proofOf(PortableResult calldata r) internal pure returns (bytes calldata proof) {
        assembly ("memory-safe") {
            let from := add(r, calldataload(add(r, 0x140)))
            proof.offset := add(from, 0x20)
            proof.length := calldataload(from)
        }
    }
}
