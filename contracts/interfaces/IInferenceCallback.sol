// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @notice What a callback learns beside the output.
/// @param requestId The request that is answered. The receiver must compare it with what it asked: the hub is the
/// only caller that may be believed, and anyone may make the hub call an address for a request *of that address* only.
/// @param modelHash sha-256 of the ONNX file.
/// @param inputHash keccak256 of the encoded input set.
/// @param runtimeProfile The profile the answer was computed under.
/// @param requestedAt Block time of `request`, seconds.
/// @param fulfilledAt Block time at which the result landed, seconds; in a retried callback still the first landing.
/// @param signer The enclave key that signed.
struct InferenceAnswer {
    bytes32 requestId;
    bytes32 modelHash;
    bytes32 inputHash;
    bytes32 runtimeProfile;
    uint64 requestedAt;
    uint64 fulfilledAt;
    address signer;
}

/// @title What a contract implements to be called back
/// @notice The hub calls the requester, and nobody else, with this one selector inside the gas cap of the terms.
/// INTEGRATOR RESPONSIBILITIES: accept calls from the hub only; accept only ids you recorded as pending; remember that
/// the operator chose the moment between request and deadline, so a callback that trades uses limits stored when it
/// asked. A revert does not undo payment: it is recorded, and the callback can be run again until `retryUntil`.
interface IInferenceCallback {
    /// @notice Receives the answer to one of the caller's own requests.
    /// @param answer What was asked, when, and who signed.
    /// @param output The encoded output set. Its hash was checked against the signature; that it is a canonical tensor
    /// set is the enclave's promise and is *not* checked by the hub.
    function onInference(InferenceAnswer calldata answer, bytes calldata output) external;
}
