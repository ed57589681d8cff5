// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @notice A root that is live from construction.
/// @param rootId keccak256 of its raw public key, x ‖ y.
/// @param hardware True: its enclaves are hardware-rooted, trust 4, whatever they claim. False: software levels, on
/// development chains only.
struct RootPolicy {
    bytes32 rootId;
    bool hardware;
}

/// @notice What a registry is built with. Nothing of the first line can ever change.
/// @param hub The hub whose domain enclaves attest to; its address is predicted before it is deployed.
/// @param epochSeconds How long a registration lasts, 1 to 86,400.
/// @param heartbeatSeconds How long a heartbeat lasts, 1 to `epochSeconds`.
/// @param changeDelaySeconds How long what adds trust waits; at least 7 days outside development chains.
/// @param developmentLevelAllowed Whether level 0 may register; development chains only.
/// @param governor Who schedules.
/// @param revoker Who revokes, beside the governor.
/// @param verifiers Attestation verifiers, indexes from 0.
/// @param roots Roots.
/// @param images Images, indexes from 1.
struct RegistryConfig {
    address hub;
    uint32 epochSeconds;
    uint32 heartbeatSeconds;
    uint32 changeDelaySeconds;
    bool developmentLevelAllowed;
    address governor;
    address revoker;
    address[] verifiers;
    RootPolicy[] roots;
    bytes32[] images;
}
