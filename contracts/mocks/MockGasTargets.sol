// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Expected, ResultStatement } from "../interfaces/HubTypes.sol";
import { IInferenceCallback, InferenceAnswer } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";

/// @notice Test only: the smallest requester that acts on an answer, for the benchmark.
contract MockGasRequester is IInferenceCallback {
    IInferenceHub private immutable _hub;
    uint256 public last = 1;

    constructor(IInferenceHub hub_) {
        _hub = hub_;
    }

    function ask(bytes32 modelHash, bytes calldata input, bytes calldata terms, bytes32 salt) external payable {
        _hub.request{ value: msg.value }(modelHash, input, terms, salt);
    }

    function onInference(InferenceAnswer calldata, bytes calldata output) external override {
        assert(msg.sender == address(_hub));
        last = uint256(bytes32(output));
    }
}

/// @notice Test only: a consumer that pulls a result and stores it.
contract MockPullConsumer {
    IInferenceHub private immutable _hub;
    uint256 public last = 1;

    constructor(IInferenceHub hub_) {
        _hub = hub_;
    }

    function use(
        Expected calldata expected,
        bytes calldata output,
        ResultStatement calldata statement,
        bytes calldata proof
    ) external {
        _hub.verify(expected, output, statement, proof);
        last = uint256(bytes32(output));
    }
}

/// @notice Test only: the twin that takes the same calldata and checks nothing.
contract MockPullTwin {
    uint256 public last = 1;

    function use(Expected calldata, bytes calldata output, ResultStatement calldata, bytes calldata) external {
        last = uint256(bytes32(output));
    }
}
