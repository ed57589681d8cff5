// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";

/// @title A synchronous consumer that runs whatever program it is given
/// @dev Test only. Inputs may be made of earlier outputs, failures may be caught, questions may be asked in static calls:
/// nobody who looks at its code can tell what it will ask.
contract MockInferProgram {
    /// @notice How a step asks.
    /// @dev `Caught`: in a call whose failure is caught, and which fails if the output's last byte is odd. `Static`: by
    /// `peek` in a static call, which fails if nothing is present.
    enum Kind {
        Infer,
        TryInfer,
        Static,
        Caught
    }

    /// @notice Bytes of an earlier output put into the input.
    struct Splice {
        uint256 source;
        uint256 from;
        uint256 to;
        uint256 length;
    }

    struct Step {
        Kind kind;
        bytes32 modelHash;
        bytes input;
        Splice[] splices;
    }

    error ProgramOdd();
    error ProgramAbsent();

    /// @notice After every run: who ran it, and a hash over all outputs.
    event Ran(address indexed sender, bytes32 digest);

    ISyncInference public immutable hub;
    address private immutable _forwarder;
    /// @notice The digest of the last run.
    bytes32 public digest;
    /// @notice How often it ran.
    uint256 public runs;
    /// @notice What `runStored` asks: state that a test moves between simulation and inclusion.
    bytes public stored;

    /// @param forwarder Trusted to name the sender behind the calldata (ERC-2771).
    constructor(ISyncInference hub_, address forwarder) {
        hub = hub_;
        _forwarder = forwarder;
    }

    /// @notice ERC-2771.
    function isTrustedForwarder(address forwarder) external view returns (bool) {
        return forwarder == _forwarder;
    }

    /// @notice Runs the steps.
    function run(Step[] calldata steps, InferTerms calldata terms) external {
        bytes[] memory outputs = new bytes[](steps.length);
        bytes32 d;
        for (uint256 i = 0; i < steps.length; ++i) {
            bytes memory input = steps[i].input;
            for (uint256 j = 0; j < steps[i].splices.length; ++j) {
                Splice calldata s = steps[i].splices[j];
                for (uint256 k = 0; k < s.length; ++k) input[s.to + k] = outputs[s.source][s.from + k];
            }
            outputs[i] = _ask(steps[i].kind, steps[i].modelHash, input, terms);
            d = keccak256(abi.encode(d, outputs[i]));
        }
        _ran(d);
    }

    /// @notice Asks what is stored.
    function runStored(bytes32 modelHash, InferTerms calldata terms) external {
        _ran(keccak256(abi.encode(bytes32(0), hub.infer(modelHash, stored, terms))));
    }

    /// @notice Sets what `runStored` asks.
    function store(bytes calldata input) external {
        stored = input;
    }

    /// @notice The same without inference: what a plain transaction costs.
    function runPlain(bytes32 d) external {
        _ran(d);
    }

    /// @notice Does not end.
    function loop() external pure {
        for (;;) {}
    }

    /// @notice Asks again and again, each time something that was never asked.
    function endless(bytes32 modelHash, bytes calldata input, InferTerms calldata terms, uint256 at) external {
        bytes memory next = input;
        for (uint256 i = 0; ; ++i) {
            bytes memory output = hub.infer(modelHash, next, terms);
            for (uint256 k = 0; k < 4; ++k) next[at + k] = output[output.length - 4 + k];
            next[at] = bytes1(uint8(next[at]) + uint8(i));
        }
    }

    /// @notice Asks, and fails for reasons of its own.
    function askAndFail(bytes32 modelHash, bytes calldata input, InferTerms calldata terms) external {
        hub.infer(modelHash, input, terms);
        revert ProgramOdd();
    }

    /// @notice Asks and fails if the last byte of the output is odd.
    function guarded(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external returns (bytes memory output) {
        output = hub.infer(modelHash, input, terms);
        if (uint8(output[output.length - 1]) & 1 == 1) revert ProgramOdd();
    }

    /// @notice Asks in a static call.
    function quote(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external view returns (bytes memory) {
        (bool present, bytes memory output) = hub.peek(modelHash, input, terms);
        if (!present) revert ProgramAbsent();
        return output;
    }

    function _ask(
        Kind kind,
        bytes32 modelHash,
        bytes memory input,
        InferTerms calldata terms
    ) private returns (bytes memory output) {
        if (kind == Kind.Infer) return hub.infer(modelHash, input, terms);
        if (kind == Kind.TryInfer) {
            (, output) = hub.tryInfer(modelHash, input, terms);
            return output;
        }
        if (kind == Kind.Static) return this.quote(modelHash, input, terms);
        try this.guarded(modelHash, input, terms) returns (bytes memory o) {
            return o;
        } catch {
            return "odd";
        }
    }

    function _ran(bytes32 d) private {
        digest = d;
        ++runs;
        address sender = msg.sender == _forwarder ? address(bytes20(msg.data[msg.data.length - 20:])) : msg.sender;
        emit Ran(sender, d);
    }
}
