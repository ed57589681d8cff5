// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ISyncInference } from "../interfaces/ISyncInference.sol";
import { Account } from "../libraries/Account.sol";
import { Grant, Grants } from "../libraries/Grant.sol";
import { HubCore } from "./HubCore.sol";

/// @title Who pays the fees of portable results: value, credit, and sponsors' grants
/// @notice A sponsor's money is bounded twice, by what it put in and by a day's allowance, and goes to one operator only. It
/// leaves a grant as a fee or, after notice, to the sponsor's own credit.
abstract contract HubSponsors is HubCore {
    mapping(address sponsor => mapping(uint32 operatorId => Grant)) private _grants;

    /// @inheritdoc ISyncInference
    function deposit() external payable override {
        _credit(Account.ofAddress(msg.sender), msg.value);
    }

    /// @inheritdoc ISyncInference
    function grant(uint32 operatorId, uint256 dailyWei) external payable override {
        Grant g = _grants[msg.sender][operatorId];
        if (dailyWei > Grants.MAX_WEI) revert HubGrantTooLarge(dailyWei);
        if (g.balanceWei() + msg.value > Grants.MAX_WEI) revert HubGrantTooLarge(g.balanceWei() + msg.value);
        // Lowered at once, it would be cut under an operator that computed for it this very day.
        if (dailyWei < g.dailyWei()) revert HubGrantLowered(g.dailyWei(), dailyWei);
        g = g.raised(msg.value, dailyWei);
        _grants[msg.sender][operatorId] = g;
        emit GrantChanged(msg.sender, operatorId, g.balanceWei(), dailyWei);
    }

    /// @inheritdoc ISyncInference
    function giveNotice(uint32 operatorId) external override {
        Grant g = _grants[msg.sender][operatorId];
        if (Grant.unwrap(g) == 0) revert HubGrantUnknown(msg.sender, operatorId);
        // A second notice does not make the first one later.
        if (g.noticeEndsAt() == 0) {
            g = g.noticed();
            _grants[msg.sender][operatorId] = g;
        }
        emit GrantNotice(msg.sender, operatorId, g.noticeEndsAt());
    }

    /// @inheritdoc ISyncInference
    function reclaim(uint32 operatorId) external override returns (uint256 amountWei) {
        Grant g = _grants[msg.sender][operatorId];
        uint256 endsAt = g.noticeEndsAt();
        if (endsAt == 0 || block.timestamp < endsAt) revert HubNoticeNotOver(endsAt, block.timestamp);
        amountWei = g.balanceWei();
        _grants[msg.sender][operatorId] = Grant.wrap(0);
        _credit(Account.ofAddress(msg.sender), amountWei);
        emit GrantChanged(msg.sender, operatorId, 0, 0);
    }

    /// @inheritdoc ISyncInference
    function grantOf(
        address sponsor,
        uint32 operatorId
    )
        external
        view
        override
        returns (uint256 balanceWei, uint256 dailyWei, uint256 availableWei, uint256 noticeEndsAt)
    {
        Grant g = _grants[sponsor][operatorId];
        return (g.balanceWei(), g.dailyWei(), g.availableWei(), g.noticeEndsAt());
    }

    /// @dev Takes a fee out of a grant; the caller has checked that the sender acts for the operator.
    function _draw(address sponsor, uint32 operatorId, uint256 amountWei) internal {
        Grant g = _grants[sponsor][operatorId];
        uint256 availableWei = g.availableWei();
        if (availableWei < amountWei) revert HubGrantTooLow(sponsor, operatorId, availableWei, amountWei);
        _grants[sponsor][operatorId] = g.drawn(amountWei);
    }

    /// @dev Takes fees from the value and then from the sender's credit; what is left of the value becomes credit.
    function _charge(uint256 feesWei) internal {
        if (feesWei == msg.value) return;
        uint256 account = Account.ofAddress(msg.sender);
        // No underflow: compared just now.
        unchecked {
            if (msg.value > feesWei) _credit(account, msg.value - feesWei);
            else _debit(account, feesWei - msg.value);
        }
    }

    function _creditOperator(uint256 operatorId, uint256 amountWei) internal {
        _credit(Account.ofOperator(uint32(operatorId)), amountWei);
    }
}
