// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IInferenceCallback, InferenceAnswer } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";

/// @notice Test only: a requester whose callback does what the test tells it to, good or evil.
contract MockRequester is IInferenceCallback {
    enum Mode {
        Record,
        RevertWithError,
        RevertEmpty,
        BurnGas,
        ReturnMegabyte,
        RevertMegabyte,
        RunProgram
    }

    struct Step {
        address target;
        bytes data;
    }

    error Refused(uint256 marker);

    IInferenceHub public immutable hub;
    Mode public mode;
    /// @dev Non-zero from the start, so that writing it is an update.
    uint256 public last = 1;
    uint256 public gasSeen;
    uint256 public calls;
    InferenceAnswer public answer;
    bytes public output;
    Step[] private _program;
    bool[] public succeeded;
    bytes[] public returned;

    constructor(IInferenceHub hub_) {
        hub = hub_;
    }

    receive() external payable {
        if (mode == Mode.RevertWithError) revert Refused(msg.value);
        if (mode == Mode.RunProgram) _run();
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function setProgram(Step[] calldata steps) external {
        mode = Mode.RunProgram;
        delete _program;
        for (uint256 i = 0; i < steps.length; ++i) {
            _program.push(steps[i]);
        }
    }

    function ask(
        bytes32 modelHash,
        bytes calldata input,
        bytes calldata terms,
        bytes32 salt
    ) external payable returns (bytes32) {
        return hub.request{ value: msg.value }(modelHash, input, terms, salt);
    }

    function act(address target, bytes calldata data) external payable {
        (bool ok, bytes memory result) = target.call{ value: msg.value }(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }

    function onInference(InferenceAnswer calldata answer_, bytes calldata output_) external override {
        uint256 left = gasleft();
        require(msg.sender == address(hub), "not the hub");
        if (mode == Mode.RevertWithError) revert Refused(7);
        if (mode == Mode.RevertEmpty) {
            assembly ("memory-safe") {
                revert(0, 0)
            }
        }
        if (mode == Mode.BurnGas) {
            while (true) {}
        }
        if (mode == Mode.ReturnMegabyte) {
            assembly ("memory-safe") {
                return(0, 0x100000)
            }
        }
        if (mode == Mode.RevertMegabyte) {
            assembly ("memory-safe") {
                mstore(0, shl(224, 0xdeadbeef))
                revert(0, 0x100000)
            }
        }
        gasSeen = left;
        ++calls;
        answer = answer_;
        output = output_;
        if (mode == Mode.RunProgram) _run();
    }

    function _run() private {
        for (uint256 i = 0; i < _program.length; ++i) {
            (bool ok, bytes memory result) = _program[i].target.call(_program[i].data);
            succeeded.push(ok);
            returned.push(result);
        }
    }
}
