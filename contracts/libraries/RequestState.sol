// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @dev The one storage slot of a request: `u8 status | u40 at | u208 commitment`.
type RequestState is uint256;

using RequestStates for RequestState global;

/// @title The state of a request in one slot
/// @notice `None -> Open -> Fulfilled | CallbackFailed | Refused | Refunded`, and `CallbackFailed -> Fulfilled`. A slot that
/// is not zero never becomes zero again, so an id is used once.
library RequestStates {
    uint8 internal constant OPEN = 1;
    uint8 internal constant FULFILLED = 2;
    uint8 internal constant CALLBACK_FAILED = 3;
    uint8 internal constant REFUSED = 4;
    uint8 internal constant REFUNDED = 5;

    /// @notice Packs a state.
    /// @param status_ One of the constants.
    /// @param at_ Block time in seconds, which fits 40 bits for 34,000 years.
    /// @param commitment_ Of the result, or 0.
    function pack(uint8 status_, uint256 at_, uint208 commitment_) internal pure returns (RequestState) {
        return RequestState.wrap((uint256(status_) << 248) | (at_ << 208) | commitment_);
    }

    /// @notice The same moment and commitment under another status.
    function withStatus(RequestState state, uint8 status_) internal pure returns (RequestState) {
        return RequestState.wrap((uint256(status_) << 248) | (RequestState.unwrap(state) & (type(uint256).max >> 8)));
    }

    /// @notice 0 for an id that was never requested, else one of the constants.
    function status(RequestState state) internal pure returns (uint8) {
        return uint8(RequestState.unwrap(state) >> 248);
    }

    /// @notice Block time of the last move, seconds.
    function at(RequestState state) internal pure returns (uint40) {
        return uint40(RequestState.unwrap(state) >> 208);
    }

    /// @notice What was kept of a result.
    function commitment(RequestState state) internal pure returns (uint208) {
        return uint208(RequestState.unwrap(state));
    }
}
