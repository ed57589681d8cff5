// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Codes } from "./Codes.sol";

/// @title When a statement is of this time
/// @notice The block's time decides. Clocks of hosts and enclaves are claims: they bound how long a statement can be
/// used, they never make an old key valid.
library Lifetime {
    /// @dev Longest life of a statement, seconds.
    uint256 internal constant MAX_RESULT_LIFETIME = 86_400;
    /// @dev How far a host's clock may run ahead of the block's time, seconds.
    uint256 internal constant CLOCK_SKEW = 120;

    /// @notice `issuedAt <= now + 120` and `now < expiresAt <= issuedAt + MAX_RESULT_LIFETIME`.
    /// @param issuedAt A uint64, seconds.
    /// @param expiresAt A uint64, seconds.
    /// @return OK, ISSUED_IN_FUTURE, STATEMENT_EXPIRED or LIFETIME_TOO_LONG.
    function codeOf(uint256 issuedAt, uint256 expiresAt) internal view returns (uint8) {
        // No overflow: both come from uint64 values, and block time is far below that.
        unchecked {
            if (issuedAt > block.timestamp + CLOCK_SKEW) return Codes.ISSUED_IN_FUTURE;
            if (expiresAt <= block.timestamp) return Codes.STATEMENT_EXPIRED;
            if (expiresAt > issuedAt + MAX_RESULT_LIFETIME) return Codes.LIFETIME_TOO_LONG;
        }
        return Codes.OK;
    }
}
