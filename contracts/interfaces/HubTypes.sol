// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @notice What a request commits to. The hub stores none of it: `requestId` is a hash over all of it, so whoever
/// acts on a request hands it back and the hub compares.
/// @param requester The `msg.sender` of `request`; the only address the hub ever calls back.
/// @param salt Chosen by the requester, so that the same question can be asked twice.
/// @param modelHash sha-256 of the ONNX file.
/// @param inputHash keccak256 of the encoded tensor set (terms `inputKind` 0).
/// @param terms Packed terms, see docs/protocol.md section 2 and `libraries/Terms.sol`.
/// @param rewardWei The escrow: the value that was sent with `request`.
struct Request {
    address requester;
    bytes32 salt;
    bytes32 modelHash;
    bytes32 inputHash;
    bytes terms;
    uint96 rewardWei;
}

/// @notice A bound statement without what the hub derives itself: `requestId`, `modelHash`, `inputHash`,
/// `contextRoot` and `requester` follow from the request, `outputHash` from the output, and `feeWei` is 0.
/// @param request The request that is answered.
/// @param runtimeProfile The profile inside which outputs are bit-equal, as the enclave signed it.
/// @param issuedAt Seconds, the enclave's claim; it bounds, it never decides alone.
/// @param expiresAt Seconds; the statement is not usable at or after it.
struct BoundResult {
    Request request;
    bytes32 runtimeProfile;
    uint64 issuedAt;
    uint64 expiresAt;
}

/// @notice The EIP-712 struct an enclave signs for a result.
/// @dev Bound: `requestId != 0`. Portable: `requestId`, `requester` and `contextRoot` are all zero.
/// @param requestId The one request it is good for, or 0.
/// @param modelHash sha-256 of the ONNX file.
/// @param inputHash keccak256 of the encoded input set.
/// @param outputHash keccak256 of the encoded output set.
/// @param contextRoot Hash of the memory before and after, or 0 where none was read or written.
/// @param runtimeProfile Hash of runtime, session options and probe outputs.
/// @param requester Who asked, or 0.
/// @param feeWei What bringing a portable result costs; 0 in a bound one.
/// @param issuedAt Seconds.
/// @param expiresAt Seconds, at most 86,400 after `issuedAt`.
struct ResultStatement {
    bytes32 requestId;
    bytes32 modelHash;
    bytes32 inputHash;
    bytes32 outputHash;
    bytes32 contextRoot;
    bytes32 runtimeProfile;
    address requester;
    uint96 feeWei;
    uint64 issuedAt;
    uint64 expiresAt;
}

/// @notice One item of a batch.
/// @param statement What was signed, as far as it can not be derived.
/// @param output The encoded output set; the hub hashes it and never parses it.
/// @param proof For `proofKind` 0: the 64-byte EIP-2098 signature.
struct Fulfilment {
    BoundResult statement;
    bytes output;
    bytes proof;
}

/// @notice What a consumer in pull mode expects, so that nothing is left to compare by hand.
/// @param modelHash Must equal the statement's.
/// @param inputHash Must equal the statement's.
/// @param contextRoot Must equal the statement's; 0 demands that no memory was used.
/// @param profile Must equal the statement's `runtimeProfile`; 0 leaves the choice among honest answers of different
/// hardware to whoever brings the result.
/// @param imageId The only enclave image accepted; 0 accepts every approved one.
/// @param minTrust Lowest trust level accepted, 1-4; 0 only where the registry allows development enclaves.
/// @param maxAgeSeconds Greatest age, from `issuedAt` to the block's time. Never 0.
struct Expected {
    bytes32 modelHash;
    bytes32 inputHash;
    bytes32 contextRoot;
    bytes32 profile;
    bytes32 imageId;
    uint8 minTrust;
    uint32 maxAgeSeconds;
}

/// @notice The EIP-712 struct an enclave signs when a request can not be served.
/// @param requestId The request that ends by it.
/// @param reason Why, see docs/protocol.md section 4; the hub publishes it and does not interpret it.
/// @param issuedAt Seconds.
/// @param expiresAt Seconds, at most 86,400 after `issuedAt`.
struct Refusal {
    bytes32 requestId;
    uint16 reason;
    uint64 issuedAt;
    uint64 expiresAt;
}
