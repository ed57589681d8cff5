// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title Chains on which nothing of value can be lost
/// @notice Only there may a registry trust a development root, allow enclaves without a sandbox, or shorten the timelock.
library DevelopmentChains {
    /// @notice The chain ids of Hardhat and anvil, and of the older local chains.
    /// @param chainId Any chain id.
    /// @return Whether it is one of them.
    function includes(uint256 chainId) internal pure returns (bool) {
        return chainId == 31337 || chainId == 1337;
    }
}
