// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";

/// @notice Test only: the smallest synchronous consumer, for the benchmark and for intents.
contract MockSyncTarget {
    ISyncInference private immutable _hub;
    address private immutable _forwarder;
    bytes32 private immutable _modelHash;
    bytes32 private immutable _profile;
    uint256 public last = 1;

    constructor(ISyncInference hub_, address forwarder, bytes32 modelHash, bytes32 profile) {
        (_hub, _forwarder, _modelHash, _profile) = (hub_, forwarder, modelHash, profile);
    }

    function act(bytes calldata input) external {
        last = uint256(bytes32(_hub.infer(_modelHash, input, InferTerms(1, _profile, 0))));
    }

    /// @dev For the price of each further result.
    function actAll(bytes[] calldata inputs) external {
        for (uint256 i = 0; i < inputs.length; ++i) {
            last ^= uint256(bytes32(_hub.infer(_modelHash, inputs[i], InferTerms(1, _profile, 0))));
        }
    }

    function isTrustedForwarder(address account) external view returns (bool) {
        return account == _forwarder;
    }
}

/// @notice Test only: the twin that takes the same calldata and asks nobody.
contract MockSyncTwin {
    uint256 public last = 1;

    function act(bytes calldata input) external {
        last = uint256(bytes32(input));
    }

    function actAll(bytes[] calldata inputs) external {
        for (uint256 i = 0; i < inputs.length; ++i) last ^= uint256(bytes32(inputs[i]));
    }
}
