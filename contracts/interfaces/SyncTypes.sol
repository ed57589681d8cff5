// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @notice What a synchronous consumer demands of whoever answers. Part of the inference key, so that a weaker result can
/// never stand where a stricter one was asked for.
/// @param minTrust Lowest trust level, 1-4; 0 only where the registry allows development enclaves.
/// @param profile The only runtime profile; 0 leaves the choice among honest answers of different hardware to whoever
/// brings the result.
/// @param imageId The only enclave image; 0 accepts every approved one.
struct InferTerms {
    uint8 minTrust;
    bytes32 profile;
    bytes32 imageId;
}

/// @notice One question, whoever asks it: `key = keccak256(abi.encode(modelHash, inputHash, minTrust, profile, imageId))`.
/// @param modelHash sha-256 of the ONNX file.
/// @param inputHash keccak256 of the encoded input set.
/// @param terms The demand.
struct Inference {
    bytes32 modelHash;
    bytes32 inputHash;
    InferTerms terms;
}

/// @notice A portable result and the key that it fills. Its statement has `requestId`, `requester` and `contextRoot` zero,
/// and its output hash follows from the output: none of them can be claimed.
/// @param inference The key it fills. Its model and input are the statement's.
/// @param runtimeProfile As signed.
/// @param feeWei As signed: what bringing it costs.
/// @param issuedAt As signed, seconds.
/// @param expiresAt As signed, seconds.
/// @param output The encoded output set.
/// @param proof The 64-byte EIP-2098 signature, low s.
struct PortableResult {
    Inference inference;
    bytes32 runtimeProfile;
    uint96 feeWei;
    uint64 issuedAt;
    uint64 expiresAt;
    bytes output;
    bytes proof;
}
