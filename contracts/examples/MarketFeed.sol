// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @title The market as the examples see it: a price of ETH, and thirteen features that describe its recent course
/// @notice One reporter, named at deployment, writes; nobody who asks a model supplies a feature. That keeps borrowers
/// from choosing their answers, and leaves one party to trust: a reporter that lies makes every model here say what it
/// wants. A real deployment computes the features on the chain from time-averaged prices, or takes a median of several
/// independent reporters.
/// @dev Dollars, prices and features are in units of 1e-18. The features, in order: ln(v + 1e-4) of the realised daily
/// volatility over 6, 24, 168 and 720 hours and of Parkinson's over 24 and 168 hours; ln of the price over that of 24 and
/// 168 hours ago, over the highest and over the lowest of 720 hours; sin and cos of the hour of day; 1 on weekends.
contract MarketFeed {
    /// @notice Only the reporter reports.
    error MarketFeedNotReporter(address caller);
    /// @notice A price of zero, or beyond what the arithmetic of the examples holds.
    error MarketFeedPriceInvalid(uint256 priceUsd);
    /// @notice The last report is too old to act on.
    error MarketFeedStale(uint256 reportedAt, uint256 timestamp);

    /// @notice The market was reported.
    event MarketReported(uint256 priceUsd, int256[13] features);

    /// @notice How old a report may be for anything to act on it.
    uint256 public constant MAX_AGE_SECONDS = 1 hours;
    uint256 private constant UNIT = 1e18;
    uint256 private constant MAX_PRICE_USD = 1e36;

    /// @notice Who reports.
    address public immutable reporter;
    /// @notice Block time of the last report, seconds.
    uint256 public reportedAt;
    uint256 private _priceUsd;
    int256[13] private _features;

    /// @param reporter_ The one account that is trusted for features.
    constructor(address reporter_) {
        reporter = reporter_;
    }

    /// @notice Replaces the last report.
    function report(uint256 priceUsd, int256[13] calldata features_) external {
        if (msg.sender != reporter) revert MarketFeedNotReporter(msg.sender);
        if (priceUsd == 0 || priceUsd > MAX_PRICE_USD) revert MarketFeedPriceInvalid(priceUsd);
        (reportedAt, _priceUsd, _features) = (block.timestamp, priceUsd, features_);
        emit MarketReported(priceUsd, features_);
    }

    /// @notice Whether the last report is young enough to act on.
    function isFresh() public view returns (bool) {
        return reportedAt != 0 && block.timestamp - reportedAt <= MAX_AGE_SECONDS;
    }

    /// @notice Dollars for one ether. Reverts where that is not known well enough.
    function price() public view returns (uint256) {
        if (!isFresh()) revert MarketFeedStale(reportedAt, block.timestamp);
        return _priceUsd;
    }

    /// @notice The thirteen features. Reverts where they are too old.
    function features() external view returns (int256[] memory list) {
        price();
        list = new int256[](13);
        for (uint256 i = 0; i < 13; ++i) list[i] = _features[i];
    }

    /// @notice What an amount of ether is worth, rounded down.
    function toUsd(uint256 amountWei) external view returns (uint256) {
        return (amountWei * price()) / UNIT;
    }

    /// @notice How much ether an amount of dollars is worth, rounded up: whoever pays it pays enough.
    function toWeiUp(uint256 amountUsd) external view returns (uint256) {
        uint256 priceUsd = price();
        return (amountUsd * UNIT + priceUsd - 1) / priceUsd;
    }

    /// @notice How much ether an amount of dollars is worth, rounded down.
    function toWeiDown(uint256 amountUsd) external view returns (uint256) {
        return (amountUsd * UNIT) / price();
    }
}
