// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { ISyncInferenceErrors } from "../interfaces/ISyncInferenceErrors.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";

/// @title What stands in for the hub in a simulation, to find out what a transaction will ask
/// @notice Never deployed. An engine puts this code at the hub's address by a state override of `eth_call`, the hub's own
/// code at `HUB_CODE`, and the results it has as published entries into the hub's storage. A question whose answer is there
/// is answered by the hub's own code; any other is written down and answered by a placeholder, so that independent
/// questions are found in one simulation. Everything else goes to the hub's own code, on the hub's own storage.
///
/// Where a placeholder would be no use the recorder behaves as the hub: it reverts with `InferenceRequired`. That is so for
/// a model without placeholder, inside a static call, where nothing can be written down, and in mode `REVERT`.
/// @dev What a frame wrote down is gone when the frame reverts. Mode `BURN` makes even those questions visible: it only
/// differs from `RECORD` in the gas that an unanswered question costs, so two runs that used the same gas had none.
contract PipeRecorder {
    /// @notice One question, in the order of asking; each key once.
    /// @param answered Whether the real answer was there.
    struct Question {
        bool answered;
        bytes32 key;
        bytes32 modelHash;
        InferTerms terms;
        bytes input;
    }

    /// @notice More questions in one transaction than the engine answers.
    error RecorderFull(uint256 maximum);

    /// @dev Modes. `RECORD` is 0, so that it holds without being set.
    uint256 internal constant REVERT = 1;
    uint256 internal constant BURN = 2;

    /// @dev Where the engine puts the hub's own code: the last 20 bytes of the hash of a name, so that nobody lives there.
    address internal constant HUB_CODE = address(uint160(uint256(keccak256("assay/pipe/hub-code"))));
    /// @dev Transient: the mode, the number of questions, a flag for each key, the questions.
    bytes32 private constant MODE = keccak256("assay/pipe/mode");
    bytes32 private constant COUNT = keccak256("assay/pipe/count");
    bytes32 private constant SEEN = keccak256("assay/pipe/seen");
    bytes32 private constant QUESTION = keccak256("assay/pipe/question");
    /// @dev Storage, by override: for each model the length of its placeholder, then its words.
    bytes32 private constant PLACEHOLDER = keccak256("assay/pipe/placeholder");
    uint256 private constant MAX_QUESTIONS = 256;

    /// @notice As `ISyncInference.infer`.
    function infer(bytes32 modelHash, bytes calldata input, InferTerms calldata terms) external returns (bytes memory) {
        return _answer(modelHash, input, terms);
    }

    /// @notice As `ISyncInference.tryInfer`.
    function tryInfer(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external returns (bool, bytes memory) {
        return (true, _answer(modelHash, input, terms));
    }

    /// @notice As `ISyncInference.peek`.
    function peek(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external returns (bool, bytes memory) {
        return (true, _answer(modelHash, input, terms));
    }

    /// @notice Sets the mode for the rest of the frame that called. Only in a simulation.
    function pipeSetMode(uint256 mode) external {
        bytes32 at = MODE;
        assembly ("memory-safe") {
            tstore(at, mode)
        }
    }

    /// @notice Writes a question down; apart, because inside a static call it fails without taking its caller along.
    function pipeNote(Question calldata question) external {
        bytes32 seen = keccak256(abi.encode(SEEN, question.key));
        if (_tload(seen) != 0) return;
        uint256 count = _tload(COUNT);
        if (count == MAX_QUESTIONS) revert RecorderFull(MAX_QUESTIONS);
        _tstore(seen, 1);
        _tstore(COUNT, count + 1);
        bytes memory encoded = abi.encode(question);
        uint256 at = uint256(keccak256(abi.encode(QUESTION, count)));
        _tstore(bytes32(at), encoded.length);
        for (uint256 i = 32; i <= encoded.length; i += 32) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(encoded, i))
            }
            _tstore(bytes32(at + i / 32), word);
        }
    }

    /// @notice Everything that was written down and not reverted.
    function pipeQuestions() external view returns (bytes[] memory questions) {
        questions = new bytes[](_tload(COUNT));
        for (uint256 q = 0; q < questions.length; ++q) {
            uint256 at = uint256(keccak256(abi.encode(QUESTION, q)));
            bytes memory encoded = new bytes(_tload(bytes32(at)));
            for (uint256 i = 32; i <= encoded.length; i += 32) {
                uint256 word = _tload(bytes32(at + i / 32));
                assembly ("memory-safe") {
                    mstore(add(encoded, i), word)
                }
            }
            questions[q] = encoded;
        }
    }

    fallback() external payable {
        address code = HUB_CODE;
        // The usual forwarding of calldata and answer; memory is not used after it.
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if ok {
                return(0, returndatasize())
            }
            revert(0, returndatasize())
        }
    }

    receive() external payable {}

    function _answer(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) private returns (bytes memory output) {
        bool present;
        (present, output) = _real(modelHash, input, terms);
        Question memory question = Question(present, _keyOf(modelHash, input, terms), modelHash, terms, input);
        uint256 mode = _tload(MODE);
        if (!present) {
            if (mode == BURN) _burn(question.key);
            output = _placeholder(modelHash);
            if (mode == REVERT || output.length == 0) _require(question);
        }
        if (!_note(question) && !present) _require(question);
    }

    /// @dev The hub's own word, on the hub's storage. It reverts for a trust level that does not exist, as the hub would.
    function _real(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) private returns (bool, bytes memory) {
        bytes memory question = abi.encodeCall(ISyncInference.peek, (modelHash, input, terms));
        (bool success, bytes memory answer) = HUB_CODE.delegatecall(question);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return abi.decode(answer, (bool, bytes));
    }

    /// @dev Bounded gas: inside a static call a transient write takes all that its frame was given.
    function _note(Question memory question) private returns (bool success) {
        bytes memory note = abi.encodeCall(this.pipeNote, (question));
        (success, ) = address(this).call{ gas: 60_000 + 12 * note.length }(note);
    }

    function _require(Question memory q) private pure {
        revert ISyncInferenceErrors.InferenceRequired(q.key, q.modelHash, q.input, q.terms);
    }

    /// @dev Any gas at all makes the difference, and little changes least: one slot that nobody uses, cold or warm. A
    /// precompile that fails, or a loop, costs nodes that trace more than the rest of a simulation together.
    function _burn(bytes32 key) private view {
        // Read for something, or the optimizer would leave it out; what lies there is zero, or a test has failed.
        assembly ("memory-safe") {
            if sload(key) {
                revert(0, 0)
            }
        }
    }

    function _placeholder(bytes32 modelHash) private view returns (bytes memory output) {
        uint256 at = uint256(keccak256(abi.encode(modelHash, PLACEHOLDER)));
        uint256 size;
        assembly ("memory-safe") {
            size := sload(at)
        }
        output = new bytes(size);
        for (uint256 i = 1; i <= (size + 31) / 32; ++i) {
            assembly ("memory-safe") {
                mstore(add(output, mul(i, 0x20)), sload(add(at, i)))
            }
        }
    }

    function _keyOf(bytes32 modelHash, bytes calldata input, InferTerms calldata terms) private pure returns (bytes32) {
        return keccak256(abi.encode(modelHash, keccak256(input), terms.minTrust, terms.profile, terms.imageId));
    }

    function _tload(bytes32 at) private view returns (uint256 word) {
        assembly ("memory-safe") {
            word := tload(at)
        }
    }

    function _tstore(bytes32 at, uint256 word) private {
        assembly ("memory-safe") {
            tstore(at, word)
        }
    }
}
