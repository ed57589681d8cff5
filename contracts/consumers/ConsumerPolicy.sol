// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @notice Whose answers a consumer takes, and how it wants them. Fixed when the consumer is deployed.
/// @param profile The only runtime profile; 0 = any, which leaves the choice among honest answers of different hardware
/// to whoever brings the result.
/// @param imageId The only enclave image; 0 = any that the registry's governor approved.
/// @param minTrust Lowest trust level: 4 hardware-rooted, 3-1 software, 0 only on development chains.
/// @param callbackGas What `_onAnswer` may use, with reading the output; 1 to 5,000,000.
/// @param deadlineSeconds How long an operator may take. It also chooses the moment within: keep it short.
/// @param retrySeconds How long after the deadline a failed callback may be run again.
struct ConsumerPolicy {
    bytes32 profile;
    bytes32 imageId;
    uint8 minTrust;
    uint32 callbackGas;
    uint32 deadlineSeconds;
    uint32 retrySeconds;
}
