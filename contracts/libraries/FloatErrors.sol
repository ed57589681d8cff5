// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @notice A NaN stands where a number is needed. `bits` is the value as it was.
error FloatNotANumber(uint256 bits);

/// @notice An infinity stands where a number is needed. `bits` is the value as it was.
error FloatInfinite(uint256 bits);

/// @notice A number does not fit the demanded form: a double beyond 2^255 / 1e18, or a fixed-point value beyond float32.
error FloatOverflow(uint256 value);
