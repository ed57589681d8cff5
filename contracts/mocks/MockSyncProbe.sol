// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";
import { InferTerms, PortableResult } from "../interfaces/SyncTypes.sol";

/// @notice Test only: several calls in one transaction, whose outcomes are stored.
contract MockSyncProbe {
    struct Call {
        address target;
        uint256 value;
        bytes data;
    }

    ISyncInference private immutable _hub;
    bool[] public succeeded;
    bytes[] public returned;

    constructor(ISyncInference hub_) payable {
        _hub = hub_;
    }

    receive() external payable {}

    /// @dev Every call is made, whatever the others did.
    function run(Call[] calldata calls) external payable {
        delete succeeded;
        delete returned;
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool ok, bytes memory answer) = calls[i].target.call{ value: calls[i].value }(calls[i].data);
            succeeded.push(ok);
            returned.push(answer);
        }
    }

    /// @dev Uses one answer very often.
    function useOften(uint256 times, bytes32 modelHash, bytes calldata input, InferTerms calldata terms) external {
        for (uint256 i = 0; i < times; ++i) _hub.infer(modelHash, input, terms);
    }

    /// @dev As an ERC-4337 entry point: each operation brings its results and makes its call, at its own account's expense.
    function handleOps(MockOperation[] calldata accounts, PortableResult[][] calldata results) external {
        for (uint256 i = 0; i < accounts.length; ++i) accounts[i].operate(results[i]);
    }
}

/// @notice Test only: an ERC-4337-like account, whose operation is `[hub.provide(results), infer]`.
contract MockOperation {
    ISyncInference private immutable _hub;
    bytes32 private immutable _modelHash;
    bytes private _input;
    InferTerms private _terms;
    uint256 public duplicates;
    bytes public output;

    constructor(ISyncInference hub_, bytes32 modelHash, bytes memory input, InferTerms memory terms) payable {
        (_hub, _modelHash, _input, _terms) = (hub_, modelHash, input, terms);
        hub_.deposit{ value: msg.value }();
    }

    function operate(PortableResult[] calldata results) external {
        duplicates = _hub.provide(results);
        output = _hub.infer(_modelHash, _input, _terms);
    }
}

/// @notice Test only: a revoker that revokes between two uses in one transaction.
contract MockRevoker {
    uint256 public first;
    uint256 public second;

    function useTwice(
        ISyncInference hub,
        IEnclaveRegistry registry,
        bytes calldata revocation,
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external {
        (bool before, ) = hub.tryInfer(modelHash, input, terms);
        (bool revoked, ) = address(registry).call(revocation);
        assert(revoked);
        (bool later, ) = hub.tryInfer(modelHash, input, terms);
        (first, second) = (before ? 1 : 0, later ? 1 : 0);
    }
}
