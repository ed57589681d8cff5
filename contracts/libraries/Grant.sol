// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @dev What a sponsor lets one operator draw on, in one slot: `u72 balanceWei | u72 dailyWei | u72 spentWei | u16 day | u24
/// noticeHour`, amounts in wei, days and hours counted from the Unix epoch. 72 bits are 4,722 ether; 16 bits of days last
/// until 2149, 24 bits of hours until 3883.
type Grant is uint256;

using Grants for Grant global;

/// @title A capped daily allowance with notice
library Grants {
    uint256 internal constant MAX_WEI = type(uint72).max;
    /// @dev How long an operator can still draw after notice was given: for what it has computed, not for new work.
    uint256 private constant NOTICE_SECONDS = 1 days;

    /// @notice The grant with more money, an allowance of `dailyWei` and no notice. The caller checks both limits.
    function raised(Grant g, uint256 addedWei, uint256 dailyWei_) internal pure returns (Grant) {
        return _pack(g.balanceWei() + addedWei, dailyWei_, g._spentWei(), g._day(), 0);
    }

    /// @notice The grant after `amountWei` was drawn now; at most `availableWei`.
    function drawn(Grant g, uint256 amountWei) internal view returns (Grant) {
        uint256 today = block.timestamp / 1 days;
        uint256 spent = g._day() == today ? g._spentWei() + amountWei : amountWei;
        return _pack(g.balanceWei() - amountWei, g.dailyWei(), spent, today, g._noticeHour());
    }

    /// @notice The grant with a notice that is over a day from now, rounded up to a whole hour.
    function noticed(Grant g) internal view returns (Grant) {
        uint256 hour = (block.timestamp + NOTICE_SECONDS + 1 hours - 1) / 1 hours;
        return _pack(g.balanceWei(), g.dailyWei(), g._spentWei(), g._day(), hour);
    }

    /// @notice What can be drawn now: the rest of the day's allowance, as far as there is money, and nothing once a notice
    /// is over.
    function availableWei(Grant g) internal view returns (uint256) {
        uint256 endsAt = g.noticeEndsAt();
        if (endsAt != 0 && block.timestamp >= endsAt) return 0;
        uint256 spent = g._day() == block.timestamp / 1 days ? g._spentWei() : 0;
        uint256 rest = g.dailyWei() - spent;
        return rest < g.balanceWei() ? rest : g.balanceWei();
    }

    /// @notice What it holds, wei.
    function balanceWei(Grant g) internal pure returns (uint256) {
        return Grant.unwrap(g) >> 184;
    }

    /// @notice The allowance of a day, wei.
    function dailyWei(Grant g) internal pure returns (uint256) {
        return (Grant.unwrap(g) >> 112) & MAX_WEI;
    }

    /// @notice When the notice is over, seconds; 0 if none was given.
    function noticeEndsAt(Grant g) internal pure returns (uint256) {
        return g._noticeHour() * 1 hours;
    }

    /// @dev Of the day it was last drawn on.
    function _spentWei(Grant g) internal pure returns (uint256) {
        return (Grant.unwrap(g) >> 40) & MAX_WEI;
    }

    function _day(Grant g) internal pure returns (uint256) {
        return (Grant.unwrap(g) >> 24) & 0xffff;
    }

    function _noticeHour(Grant g) internal pure returns (uint256) {
        return Grant.unwrap(g) & 0xffffff;
    }

    function _pack(
        uint256 balance,
        uint256 daily,
        uint256 spent,
        uint256 day,
        uint256 noticeHour
    ) private pure returns (Grant) {
        return Grant.wrap((balance << 184) | (daily << 112) | (spent << 40) | (day << 24) | noticeHour);
    }
}
