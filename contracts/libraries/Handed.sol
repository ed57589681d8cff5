// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { BoundResult, Request } from "../interfaces/HubTypes.sol";

/// @title Reading what is handed back
/// @notice The compiler checks bounds and upper bits at every access to nested calldata, about 90 gas each. For a
/// request that is handed back these checks prove nothing: whatever bytes are read, wherever an offset points, is
/// hashed and has to give the id of an open request, or a hash that an enclave signed. Calldata beyond its end reads
/// as zero, sums wrap, and a made-up length only makes its sender pay for memory. So these readers check nothing, and
/// *their results mean nothing until the hash has been compared*: clean words were hashed when the request was opened.
library Handed {
    /// @notice `s.request`.
    function requestOf(BoundResult calldata s) internal pure returns (Request calldata q) {
        // The first head word is the offset of the request from the start of `s` (ABI, dynamic member).
        assembly ("memory-safe") {
            q := add(s, calldataload(s))
        }
    }

    /// @notice `q.terms`.
    function termsOf(Request calldata q) internal pure returns (bytes calldata terms) {
        // The fifth head word is the offset of the terms from the start of `q`; there lies their length.
        assembly ("memory-safe") {
            let at := add(q, calldataload(add(q, 0x80)))
            terms.offset := add(at, 0x20)
            terms.length := calldataload(at)
        }
    }

    /// @notice `q.requester`, cut to an address.
    function requesterOf(Request calldata q) internal pure returns (address requester) {
        assembly ("memory-safe") {
            requester := shr(96, shl(96, calldataload(q)))
        }
    }

    /// @notice `q.rewardWei`, uncut: below 2^96 in every request that was opened.
    function rewardOf(Request calldata q) internal pure returns (uint256 rewardWei) {
        assembly ("memory-safe") {
            rewardWei := calldataload(add(q, 0xa0))
        }
    }

    /// @notice `s.runtimeProfile`, `s.issuedAt` and `s.expiresAt`, uncut: times above 64 bits fail `Lifetime`.
    function claimsOf(
        BoundResult calldata s
    ) internal pure returns (bytes32 runtimeProfile, uint256 issuedAt, uint256 expiresAt) {
        assembly ("memory-safe") {
            runtimeProfile := calldataload(add(s, 0x20))
            issuedAt := calldataload(add(s, 0x40))
            expiresAt := calldataload(add(s, 0x60))
        }
    }
}
