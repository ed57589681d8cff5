// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";

/// @notice Test only: a consumer that asks in the ways that an engine has to find.
contract MockAsker {
    ISyncInference private immutable _hub;
    InferTerms private _terms;
    uint256 public counter;
    bytes public last;
    address public sender;

    constructor(ISyncInference hub_, InferTerms memory terms) {
        (_hub, _terms) = (hub_, terms);
    }

    function ask(bytes32 modelHash, bytes calldata input) public returns (bytes memory output) {
        output = _hub.infer(modelHash, input, _terms);
        (last, sender) = (output, msg.sender);
    }

    function fan(bytes32 modelHash, bytes[] calldata inputs) external {
        for (uint256 i = 0; i < inputs.length; ++i) ask(modelHash, inputs[i]);
    }

    /// @dev The second question is the first one's answer.
    function chain(bytes32 modelHash, bytes calldata input) external {
        bytes memory first = ask(modelHash, input);
        last = _hub.infer(modelHash, first, _terms);
    }

    /// @dev Hides what is missing, and what it wrote down with it.
    function hide(bytes32 modelHash, bytes calldata input) external {
        try this.ask(modelHash, input) {
            revert("undone");
        } catch {
            counter += 1;
        }
    }

    function swallow(bytes32 modelHash, bytes calldata input) external {
        try this.undone(modelHash, input) {} catch {
            counter += 1;
        }
    }

    function undone(bytes32 modelHash, bytes calldata input) external {
        ask(modelHash, input);
        revert("undone");
    }

    function quote(bytes32 modelHash, bytes calldata input) external view returns (bytes memory output) {
        bool present;
        (present, output) = _hub.peek(modelHash, input, _terms);
        require(present, "no answer");
    }

    function ofCounter(bytes32 modelHash) external {
        last = _hub.infer(modelHash, abi.encode(counter), _terms);
    }

    function count() external {
        counter += 1;
    }

    function plain() external {
        counter = 7;
    }
}
