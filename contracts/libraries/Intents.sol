// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Intent } from "../interfaces/IIntentForwarder.sol";

/// @title Reading and hashing what a user signs
/// @notice As `Handed`: every word is hashed as it is, so dirty upper bits give a hash that no user signed, and the readers
/// check nothing. A contract wallet that takes any hash harms itself only: addresses are cut, and sums of amounts are
/// checked against its own balance.
library Intents {
    bytes32 private constant INTENT_TYPE = keccak256(
        "Intent(address from,address target,uint256 value,bytes data,uint256 nonce,uint64 deadline,uint96 maxResultFeeWei,uint96 relayFeeWei,uint96 maxFailureFeeWei,uint32 gas,address relayer)"
    );

    /// @notice EIP-712 `hashStruct`.
    function hash(Intent calldata intent) internal pure returns (bytes32 structHash) {
        bytes calldata data = dataOf(intent);
        bytes32 typeHash = INTENT_TYPE;
        // Eleven head words of the intent behind the type hash, the offset of the data replaced by its hash, at the free
        // pointer, which is not moved.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, data.offset, data.length)
            let dataHash := keccak256(p, data.length)
            mstore(p, typeHash)
            calldatacopy(add(p, 0x20), intent, 0x160)
            mstore(add(p, 0x80), dataHash)
            structHash := keccak256(p, 0x180)
        }
    }

    /// @notice `intent.from`, `intent.target` and `intent.relayer`.
    function partiesOf(Intent calldata intent) internal pure returns (address from, address target, address relayer) {
        assembly ("memory-safe") {
            from := shr(96, shl(96, calldataload(intent)))
            target := shr(96, shl(96, calldataload(add(intent, 0x20))))
            relayer := shr(96, shl(96, calldataload(add(intent, 0x140))))
        }
    }

    /// @notice `intent.value`.
    function valueOf(Intent calldata intent) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := calldataload(add(intent, 0x40))
        }
    }

    /// @notice `intent.data`.
    function dataOf(Intent calldata intent) internal pure returns (bytes calldata data) {
        // The fourth head word is the offset of the data from the start of the intent; there lies its length.
        assembly ("memory-safe") {
            let at := add(intent, calldataload(add(intent, 0x60)))
            data.offset := add(at, 0x20)
            data.length := calldataload(at)
        }
    }

    /// @notice `intent.nonce` and `intent.deadline`.
    function nonceOf(Intent calldata intent) internal pure returns (uint256 nonce, uint256 deadline) {
        assembly ("memory-safe") {
            nonce := calldataload(add(intent, 0x80))
            deadline := calldataload(add(intent, 0xa0))
        }
    }

    /// @notice `intent.maxResultFeeWei`, `intent.relayFeeWei` and `intent.maxFailureFeeWei`.
    function feesOf(
        Intent calldata intent
    ) internal pure returns (uint256 maxResultFeeWei, uint256 relayFeeWei, uint256 maxFailureFeeWei) {
        assembly ("memory-safe") {
            maxResultFeeWei := calldataload(add(intent, 0xc0))
            relayFeeWei := calldataload(add(intent, 0xe0))
            maxFailureFeeWei := calldataload(add(intent, 0x100))
        }
    }

    /// @notice `intent.gas`.
    function gasOf(Intent calldata intent) internal pure returns (uint256 callGas) {
        assembly ("memory-safe") {
            callGas := calldataload(add(intent, 0x120))
        }
    }
}
