// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import {IInferenceCallback, InferenceAnswer} from "../interfaces/IInferenceCallback.sol";

/// @title The one call the hub makes to a requester
/// @notice Three attacks meet here. A poster who gives too little gas starves the callback (EIP-150 silently lowers the
/// gas of a call to 63/64 of what is left): refused before the call. A requester who burns gas gets the cap of its own
/// terms and no more. A requester who returns a megabyte makes nobody copy it: four bytes are read.
library Callback {
    /// @notice How a call went.
    enum Outcome {
        Succeeded,
        Failed,
        GasTooLow
    }

    /// @dev Greatest cost of the `CALL` that is taken before its 63/64 are counted: 100 for the warm address (its code size
    /// was read before), 2,600 for a cold EIP-7702 delegate, and 200 for the instructions between `gas()` and `CALL`.
    uint256 private constant CALL_COST = 2_900;

    /// @dev What `fulfillBatch` needs beside the callback's gas between its check and the callback, and after it for the
    /// record of a failure: two credit slots that were zero (2 x 22,100), the status (2 x 2,900), three events (6,000), the
    /// requester's code (2,600), `CALL_COST` and its own instructions (5,000), rounded up.
    uint256 private constant BATCH_RESERVE = 75_000;

    /// @notice Calls `onInference` with exactly `gasLimitGas`, or not at all.
    /// @dev A requester without code has failed: nobody received the answer.
    /// @param to The requester.
    /// @param gasLimitGas The cap of the terms.
    /// @param answer What it learns.
    /// @param output The output set.
    /// @return outcome How it went; `GasTooLow` means that nothing was called.
    /// @return reason First four bytes of what a failed call returned, zero-filled.
    function run(address to, uint256 gasLimitGas, InferenceAnswer memory answer, bytes calldata output)
        internal
        returns (Outcome outcome, bytes4 reason)
    {
        if (to.code.length == 0) return (Outcome.Failed, 0);
        (uint256 start, uint256 size) = _encode(answer, output);
        if (!_canGive(gasLimitGas)) return (Outcome.GasTooLow, 0);
        bool success;
        // Only the scratch word is written; the output area has length 0, so no return data is copied beyond the
        // `min(4, returndatasize())` bytes of a failure.
        assembly ("memory-safe") {
            success := call(gasLimitGas, to, 0, start, size, 0, 0)
            if iszero(success) {
                let returned := returndatasize()
                if gt(returned, 4) { returned := 4 }
                mstore(0, 0)
                returndatacopy(0, 0, returned)
                reason := mload(0)
            }
        }
        outcome = success ? Outcome.Succeeded : Outcome.Failed;
    }

    /// @notice Whether a batch can still afford an item with this callback, with everything that happens before and after
    /// the call.
    /// @dev Memory: the call's data is written beyond the free pointer and is at most `outputLength` plus 20 words long; the
    /// cost of memory of `n` words is `3n + n^2 / 512`, and copying costs 3 a word.
    /// @param callbackGas The cap of the terms.
    /// @param outputLength Bytes.
    /// @return Whether enough gas is left.
    function affordable(uint256 callbackGas, uint256 outputLength) internal view returns (bool) {
        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        // No overflow: calldata and memory are bounded by the block's gas, far below 2^64, and callbackGas by 2^32.
        unchecked {
            uint256 words = (free + outputLength) / 32 + 20;
            uint256 needed = (callbackGas * 64) / 63 + 1 + words * 6 + (words * words) / 512 + BATCH_RESERVE;
            return gasleft() >= needed;
        }
    }

    /// @dev `abi.encodeCall(IInferenceCallback.onInference, (answer, output))`, laid down beyond the free pointer, which is
    /// not moved: the data is dead after the call.
    function _encode(InferenceAnswer memory answer, bytes calldata output)
        private
        pure
        returns (uint256 start, uint256 size)
    {
        bytes4 selector = IInferenceCallback.onInference.selector;
        // Selector, seven words of the answer (a struct of value types lies in memory as clean words), the offset of the
        // output (eight words behind the selector: 0x100), its length, its bytes, zeros up to a whole word.
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(start, selector)
            mcopy(add(start, 0x04), answer, 0xe0)
            mstore(add(start, 0xe4), 0x100)
            mstore(add(start, 0x104), output.length)
            let data := add(start, 0x124)
            // The padding is written first; it may be overwritten by the output, never the other way round.
            let padded := and(add(output.length, 0x1f), not(0x1f))
            if padded { mstore(add(data, sub(padded, 0x20)), 0) }
            calldatacopy(data, output.offset, output.length)
            size := add(0x124, padded)
        }
    }

    /// @dev EIP-150: of the gas left after the call's own cost, a 64th stays behind. `left - left / 64` is what can be given.
    function _canGive(uint256 gasLimitGas) private view returns (bool) {
        uint256 left = gasleft();
        if (left < CALL_COST) return false;
        // No underflow: checked in the line before; a 64th is never more than the whole.
        unchecked {
            left -= CALL_COST;
            return left - left / 64 >= gasLimitGas;
        }
    }
}
