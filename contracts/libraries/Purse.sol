// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @dev What the forwarder keeps of an account, in one slot: `u96 balanceWei | u32 word | u128 used`. 96 bits hold all ether
/// there is. `used` are the nonces of `word`, 128 of them, that were executed or cancelled.
type Purse is uint256;

using Purses for Purse global;

/// @title A balance and the nonces in use, so that an intent writes one slot for both
/// @notice Nonces are unordered; the words behind and far ahead of the present one are kept apart, by whoever holds the
/// purse. A wallet that counts its nonces stays in the present word for 128 of them.
library Purses {
    /// @dev Nonces of words from here on never become the present one: random nonces are kept apart at once.
    uint256 internal constant WORDS = 1 << 32;

    /// @notice The balance, wei.
    function balanceWei(Purse p) internal pure returns (uint256) {
        return Purse.unwrap(p) >> 160;
    }

    /// @notice Which word of nonces is at hand.
    function word(Purse p) internal pure returns (uint256) {
        return (Purse.unwrap(p) >> 128) & (WORDS - 1);
    }

    /// @notice The nonces in use of that word.
    function used(Purse p) internal pure returns (uint256) {
        return Purse.unwrap(p) & type(uint128).max;
    }

    /// @notice More money. The sum is money that exists, hence below 2^96.
    function plus(Purse p, uint256 amountWei) internal pure returns (Purse) {
        // No overflow: see above.
        unchecked {
            return Purse.wrap(Purse.unwrap(p) + (amountWei << 160));
        }
    }

    /// @notice Less money; at most `balanceWei`, which the caller checks.
    function minus(Purse p, uint256 amountWei) internal pure returns (Purse) {
        // No underflow: see above.
        unchecked {
            return Purse.wrap(Purse.unwrap(p) - (amountWei << 160));
        }
    }

    /// @notice The same money with another word of nonces.
    function withNonces(Purse p, uint256 word_, uint256 used_) internal pure returns (Purse) {
        return Purse.wrap(((Purse.unwrap(p) >> 160) << 160) | (word_ << 128) | used_);
    }
}
