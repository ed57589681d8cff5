// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { SyncInferenceConsumer } from "../consumers/SyncInferenceConsumer.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { TensorReader } from "../libraries/TensorReader.sol";
import { TensorSet } from "../libraries/TensorSet.sol";

/// @notice Test only: what the base gives to those who inherit it.
contract MockSyncConsumer is SyncInferenceConsumer {
    int256 public last;
    bool public present;

    constructor(IInferenceHub hub_, InferTerms memory terms) SyncInferenceConsumer(hub_, terms) {}

    function use(bytes32 modelHash, bytes calldata input, string calldata name) external {
        last = TensorReader.fixedSingle(TensorSet.single(_infer(modelHash, input), name));
    }

    function tryUse(bytes32 modelHash, bytes calldata input, string calldata name) external {
        NamedTensor[] memory outputs;
        (present, outputs) = _tryInfer(modelHash, input);
        last = present ? TensorReader.fixedSingle(TensorSet.single(outputs, name)) : -1;
    }

    function look(bytes32 modelHash, bytes calldata input, string calldata name) external view returns (int256) {
        return TensorReader.fixedSingle(TensorSet.single(_peek(modelHash, input), name));
    }
}
