// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { PipeRecorder } from "./PipeRecorder.sol";

/// @title What stands in for a transaction's sender in a simulation
/// @notice Never deployed. An engine puts this code at the sender's address by a state override of `eth_call` and calls it
/// as the sender: the transaction's target sees the sender as `msg.sender` and `tx.origin`, and what the hub's recorder
/// wrote down comes back with the outcome. Transactions that will be before it run first, each from its own sender.
/// NOT SIMULATED: that the sender has no code of its own (a target that looks at it sees some), the price of gas, and the
/// end of transient storage between two transactions.
contract PipeSender {
    /// @notice One transaction.
    /// @param from Its sender, which has this code too.
    /// @param to Its target; 0 = it creates a contract.
    /// @param value Wei.
    /// @param gas What the target gets.
    /// @param data Calldata or creation code.
    struct Step {
        address from;
        address to;
        uint256 value;
        uint256 gas;
        bytes data;
    }

    /// @notice What the transaction did.
    /// @param success Whether it succeeded.
    /// @param gasUsed By its target.
    /// @param gasProbed By its target in the recorder's mode `BURN`; equal to `gasUsed` if no question stayed unanswered.
    /// @param returned The first 64 KiB of what it returned or reverted with.
    /// @param questions Encoded `PipeRecorder.Question`s.
    struct Outcome {
        bool success;
        uint256 gasUsed;
        uint256 gasProbed;
        bytes returned;
        bytes[] questions;
    }

    /// @notice The answer of `probe`, by revert, so that nothing of it stays.
    error Probed(uint256 gasUsed);

    uint256 private constant BURN = 2;
    uint256 private constant MAX_RETURNED = 65_536;

    /// @notice Runs a transaction after others.
    /// @param recorder The hub's address, with the recorder's code.
    /// @param before The others, in order. Whether they succeed does not matter, as it does not on the chain.
    /// @param step The transaction.
    /// @param mode The recorder's mode.
    function simulate(
        PipeRecorder recorder,
        Step[] calldata before,
        Step calldata step,
        uint256 mode
    ) external payable returns (Outcome memory outcome) {
        for (uint256 i = 0; i < before.length; ++i) PipeSender(payable(before[i].from)).act(before[i]);
        try this.probe(recorder, step) {} catch (bytes memory answer) {
            // Selector, then the gas.
            if (answer.length == 36) {
                assembly ("memory-safe") {
                    mstore(add(outcome, 0x40), mload(add(answer, 0x24)))
                }
            }
        }
        recorder.pipeSetMode(mode);
        (outcome.success, outcome.gasUsed, outcome.returned) = _run(step);
        outcome.questions = recorder.pipeQuestions();
    }

    /// @notice Runs a transaction of this sender.
    function act(Step calldata step) external {
        _run(step);
    }

    /// @notice Runs a transaction in mode `BURN` and reverts with the gas it used.
    function probe(PipeRecorder recorder, Step calldata step) external {
        recorder.pipeSetMode(BURN);
        (, uint256 gasUsed, ) = _run(step);
        revert Probed(gasUsed);
    }

    /// @notice Ether is welcome, as at any account.
    receive() external payable {}

    function _run(Step calldata step) private returns (bool success, uint256 gasUsed, bytes memory returned) {
        bytes memory data = step.data;
        (address to, uint256 value, uint256 callGas) = (step.to, step.value, step.gas);
        uint256 size;
        assembly ("memory-safe") {
            let left := gas()
            switch to
            case 0 {
                success := iszero(iszero(create(value, add(data, 0x20), mload(data))))
            }
            default {
                success := call(callGas, to, value, add(data, 0x20), mload(data), 0, 0)
            }
            gasUsed := sub(left, gas())
            size := returndatasize()
        }
        if (size > MAX_RETURNED) size = MAX_RETURNED;
        returned = new bytes(size);
        assembly ("memory-safe") {
            returndatacopy(add(returned, 0x20), 0, size)
        }
    }
}
