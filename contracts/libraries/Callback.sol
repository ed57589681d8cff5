// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { BoundResult, Request } from "../interfaces/HubTypes.sol";
import { IInferenceCallback } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHubErrors } from "../interfaces/IInferenceHubErrors.sol";
import { Handed } from "./Handed.sol";

/// @title The one call the hub makes to a requester
/// @notice Three attacks meet here. A poster who gives too little gas starves the callback (EIP-150 silently lowers the
/// gas of a call to 63/64 of what is left): refused before the call. A requester who burns gas gets the cap of its own
/// terms and no more. A requester who returns a megabyte makes nobody copy it: four bytes are read.
library Callback {
    /// @notice What of an `InferenceAnswer` is not in the statement, and the cap.
    /// @param requestId The request.
    /// @param callbackGas The cap of the terms.
    /// @param requestedAt Block time of `request`, seconds.
    /// @param fulfilledAt Block time of landing, seconds.
    /// @param signer The enclave key.
    struct Answer {
        bytes32 requestId;
        uint256 callbackGas;
        uint256 requestedAt;
        uint256 fulfilledAt;
        address signer;
    }

    /// @dev Greatest cost of the `CALL` that is taken before its 63/64 are counted: 100 for the warm address (its code
    /// size was read before), 2,600 for a cold EIP-7702 delegate, and 200 for the instructions between `gas()` and
    /// `CALL`.
    uint256 private constant CALL_COST = 2_900;

    /// @dev What `fulfillBatch` needs beside the callback's gas between its check and the callback, and after it for
    /// the record of a failure: two credit slots that were zero (2 x 22,100), the status (2 x 2,900), three events
    /// (6,000), the requester's code (2,600), `CALL_COST` and its own instructions (5,000), rounded up.
    uint256 private constant BATCH_RESERVE = 75_000;

    /// @notice Calls `onInference` of the requester with exactly the cap of the terms, or reverts with `HubGasTooLow`.
    /// @dev A requester without code has failed: nobody received the answer.
    /// @param answer What is known about the result.
    /// @param s The statement as it landed, its hash compared: `Handed` may be used.
    /// @param output The output set.
    /// @return success Whether the callback succeeded.
    /// @return reason First four bytes of what a failed call returned, zero-filled.
    function run(
        Answer memory answer,
        BoundResult calldata s,
        bytes calldata output
    ) internal returns (bool success, bytes4 reason) {
        address to = Handed.requesterOf(Handed.requestOf(s));
        if (to.code.length == 0) return (false, 0);
        uint256 size = _encode(answer, s, output);
        uint256 callbackGas = answer.callbackGas;
        // EIP-150: of what is left after the call's own cost a 64th stays behind, and `CALL` gives the rest without a
        // word if that is less than asked for. In a batch `affordable` has made sure, before the item took effect,
        // that it is not.
        uint256 left = gasleft();
        // No underflow: `CALL_COST` is compared first.
        unchecked {
            if (left < CALL_COST || left - CALL_COST - (left - CALL_COST) / 64 < callbackGas) {
                revert IInferenceHubErrors.HubGasTooLow(answer.requestId, callbackGas);
            }
        }
        // The call's data lies at the free pointer, where `_encode` left it. Only the scratch word is written; the
        // output area has length 0, so no return data is copied beyond the `min(4, returndatasize())` bytes of a
        // failure.
        assembly ("memory-safe") {
            success := call(callbackGas, to, 0, mload(0x40), size, 0, 0)
            if iszero(success) {
                let returned := returndatasize()
                if gt(returned, 4) {
                    returned := 4
                }
                mstore(0, 0)
                returndatacopy(0, 0, returned)
                reason := mload(0)
            }
        }
    }

    /// @notice Whether a batch can still afford an item with this callback, with everything that happens before and
    /// after the call.
    /// @dev Memory: the call's data is written beyond the free pointer and is at most `outputLength` plus 20 words
    /// long; the cost of memory of `n` words is `3n + n^2 / 512`, and copying costs 3 a word.
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

    /// @dev `abi.encodeCall(IInferenceCallback.onInference, (InferenceAnswer(...), output))`, laid down at the free
    /// pointer, which is not moved: the data is dead after the call.
    function _encode(
        Answer memory answer,
        BoundResult calldata s,
        bytes calldata output
    ) private pure returns (uint256 size) {
        bytes4 selector = IInferenceCallback.onInference.selector;
        Request calldata q = Handed.requestOf(s);
        // Selector; requestId; model and input hash (words 2 and 3 of the request); profile (word 1 of the statement);
        // requestedAt, fulfilledAt and signer (the last three words of `answer`, clean); the offset of the output,
        // eight words behind the selector; its length; its bytes, zero-filled to a whole word. The padding is written
        // first, so the output may overwrite it and never the other way round; for an empty output it falls on the
        // length, which is why it is skipped there.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, selector)
            mstore(add(p, 0x04), mload(answer))
            calldatacopy(add(p, 0x24), add(q, 0x40), 0x40)
            mstore(add(p, 0x64), calldataload(add(s, 0x20)))
            mcopy(add(p, 0x84), add(answer, 0x40), 0x60)
            mstore(add(p, 0xe4), 0x100)
            mstore(add(p, 0x104), output.length)
            let data := add(p, 0x124)
            let padded := and(add(output.length, 0x1f), not(0x1f))
            if padded {
                mstore(add(data, sub(padded, 0x20)), 0)
            }
            calldatacopy(data, output.offset, output.length)
            size := add(0x124, padded)
        }
    }
}
