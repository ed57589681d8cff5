// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ConsumerPolicy } from "../consumers/ConsumerPolicy.sol";
import { InferenceConsumer } from "../consumers/InferenceConsumer.sol";
import { InferenceAnswer } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { FixedLog } from "../libraries/FixedLog.sol";
import { TensorReader } from "../libraries/TensorReader.sol";

/// @notice Test only: the least that inherits from the base.
contract ConsumerHarness is InferenceConsumer {
    error HarnessTold();

    event Asked(bytes32 requestId);
    event Answered(bytes32 requestId, string name, int256 value);
    event NotAnswered(bytes32 requestId);

    bool public failing;

    constructor(IInferenceHub hub_, ConsumerPolicy memory policy) InferenceConsumer(hub_, policy) {}

    function ask(bytes32 modelHash, bytes calldata input, address refundTo) external payable returns (bytes32 id) {
        id = _ask(modelHash, input, msg.value, refundTo);
        emit Asked(id);
    }

    function setFailing(bool failing_) external {
        failing = failing_;
    }

    function ln(uint256 value) external pure returns (int256) {
        return FixedLog.ln(value);
    }

    function _onAnswer(InferenceAnswer calldata answer, NamedTensor[] memory outputs) internal override {
        if (failing) revert HarnessTold();
        int256 value = TensorReader.fixedAt(outputs[0].tensor, 0);
        emit Answered(answer.requestId, string(outputs[0].name.toBytes()), value);
    }

    function _onNoAnswer(bytes32 requestId) internal override {
        emit NotAnswered(requestId);
    }
}
