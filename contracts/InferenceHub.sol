// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "./interfaces/IEnclaveRegistry.sol";
import { HubCore } from "./hub/HubCore.sol";
import { HubPull } from "./hub/HubPull.sol";
import { HubRequests } from "./hub/HubRequests.sol";
import { HubResults } from "./hub/HubResults.sol";
import { HubSync } from "./hub/HubSync.sol";

/// @title InferenceHub
/// @notice See `IInferenceHub` for what it does, promises and does not check. Its parts: `HubLedger` (money), `HubCore`
/// (shared checks), `HubRequests` (opening, refunding), `HubResults` (landing, callbacks, refusals), `HubPull`, `HubSponsors`
/// (fees) and `HubSync` (the synchronous way).
/// No owner, no proxy, one immutable registry.
contract InferenceHub is HubRequests, HubResults, HubPull, HubSync {
    /// @param registry_ The registry that was deployed for this hub's address.
    constructor(IEnclaveRegistry registry_) HubCore(registry_) {}
}
