// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title Whose credit
/// @notice The hub keeps one mapping of credits. An address is itself; an operator is its id with bit 160 set, a number
/// that no address can have. Crediting the id and not the payout saves a lookup for each result, and what was earned
/// follows the operator through every change of payout and every rotation of keys.
library Account {
    /// @dev The first number above all addresses.
    uint256 private constant OPERATOR_FLAG = 1 << 160;

    /// @notice The account of an address.
    /// @param account Any address.
    /// @return The address as a number.
    function ofAddress(address account) internal pure returns (uint256) {
        return uint256(uint160(account));
    }

    /// @notice The account of an operator.
    /// @param operatorId Its id.
    /// @return The id with bit 160 set.
    function ofOperator(uint32 operatorId) internal pure returns (uint256) {
        return OPERATOR_FLAG | operatorId;
    }
}
