// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ERC2771Context } from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import { IERC1271 } from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { ISyncInferenceErrors } from "../interfaces/ISyncInferenceErrors.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";

/// @notice Test only: a target of intents that does what it is told.
contract MockIntentTarget is ERC2771Context {
    error TargetFailed(uint256 code);

    address public sender;
    uint256 public value;
    uint256 public gasSeen;
    bytes public output;
    bytes public answer;

    constructor(address forwarder) ERC2771Context(forwarder) {}

    receive() external payable {}

    function record() external payable {
        gasSeen = gasleft();
        (sender, value) = (_msgSender(), msg.value);
    }

    function infer(ISyncInference hub, bytes32 modelHash, bytes calldata input, InferTerms calldata terms) external {
        output = hub.infer(modelHash, input, terms);
        sender = _msgSender();
    }

    /// @dev Fails with a made-up error, of a key that need not be absent.
    function pretend(bytes32 key, InferTerms calldata terms) external pure {
        revert ISyncInferenceErrors.InferenceRequired(key, 0, "", terms);
    }

    function fail(bytes calldata failure) external payable {
        bytes memory data = failure;
        assembly ("memory-safe") {
            revert(add(data, 0x20), mload(data))
        }
    }

    function burn() external view {
        while (gasleft() > 0) {
            sender.balance;
        }
    }

    /// @dev Calls back, and keeps what came of it.
    function reenter(address to, bytes calldata data) external payable {
        (bool ok, bytes memory returned) = to.call{ value: msg.value }(data);
        answer = returned;
        gasSeen = ok ? 1 : 2;
    }
}

/// @notice Test only: a contract wallet that takes any signature, with code as dear as it is told.
contract MockLaxWallet is IERC1271 {
    uint256 private immutable _gas;

    constructor(uint256 gas_) {
        _gas = gas_;
    }

    receive() external payable {}

    function isValidSignature(bytes32, bytes calldata) external view override returns (bytes4) {
        uint256 start = gasleft();
        while (start - gasleft() < _gas) {}
        return IERC1271.isValidSignature.selector;
    }
}
