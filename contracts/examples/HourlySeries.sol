// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { Math } from "@openzeppelin/contracts/utils/math/Math.sol";
import { FixedLog } from "../libraries/FixedLog.sol";

/// @title A contract's own hourly price series, and the thirteen features of `eth_volatility` made from it
/// @notice A price counts for the seconds that it stood: what is moved and moved back inside one block, or one transaction,
/// leaves no trace. An hour closes with the time average of its prices, its range is that of the prices that stood in it,
/// and the features change when an hour closes and at no other time.
/// @dev The model was trained on last trades at the end of hours; averages are calmer, so the forecast is too. Sums are kept
/// running, so that a window costs two reads. Values in units of 1e-18.
abstract contract HourlySeries {
    /// @dev ln of the average, and the sums of squared returns and of Parkinson's squared ranges up to this hour.
    struct Close {
        int72 lnClose;
        uint88 returnSum;
        uint88 rangeSum;
    }

    /// @dev ln of the highest and of the lowest price.
    struct Range {
        int128 lnHigh;
        int128 lnLow;
    }

    /// @notice More hours have passed than one call closes: call `advance` until they are closed.
    error SeriesBehind(uint256 closedHours, uint256 presentHour);

    /// @notice Hours of history before there are features.
    uint256 public constant HISTORY_HOURS = 720;
    uint256 private constant RING = 768;
    uint256 private constant GROUP_HOURS = 24;
    uint256 private constant GROUP_RING = 32;
    /// @dev Hours that one call closes, about 60,000 gas each.
    uint256 private constant MAX_CLOSED = 48;
    uint256 private constant UNIT = 1e18;
    uint256 private constant FLOOR = 1e14;
    /// @dev 4 ln 2.
    uint256 private constant PARKINSON = 2772588722239781237;

    mapping(uint256 index => Close) private _closes;
    mapping(uint256 index => Range) private _ranges;
    /// @dev The range of each whole group of hours, so that 720 hours need some 50 reads.
    mapping(uint256 index => Range) private _groups;
    /// @notice Hours since the Unix epoch: the first one of the series, and the one that is not closed.
    uint256 public firstHour;
    uint256 public openHour;
    uint256 private _updatedAt;
    uint256 private _priceSeconds;
    Range private _open;

    /// @notice Closes hours that are over, by anyone.
    function advance() external {
        _observe(_price());
    }

    /// @notice The features at the end of the last closed hour; empty while there is too little history.
    function features() public view returns (int256[] memory list) {
        uint256 at = openHour - 1;
        if (openHour == 0 || at < firstHour + HISTORY_HOURS) return list;
        list = new int256[](13);
        Close memory last = _closes[at % RING];
        uint256[4] memory windows = [uint256(6), 24, 168, 720];
        for (uint256 i = 0; i < 4; ++i) {
            Close memory before = _closes[(at - windows[i]) % RING];
            list[i] = _logVolatility(last.returnSum - before.returnSum, windows[i]);
            if (i == 1 || i == 2) {
                list[3 + i] = _logVolatility(last.rangeSum - before.rangeSum, windows[i]);
                list[5 + i] = last.lnClose - before.lnClose;
            }
        }
        Range memory range = _rangeOf(at);
        (list[8], list[9]) = (last.lnClose - range.lnHigh, last.lnClose - range.lnLow);
        uint256 hour = at % 24;
        (list[10], list[11]) = (_sine(hour), _sine(hour + 6));
        // The epoch began on a Thursday; 0 is Sunday.
        uint256 day = (at / 24 + 4) % 7;
        list[12] = day == 0 || day == 6 ? int256(UNIT) : int256(0);
    }

    /// @dev The price that stood since the last observation, in units of 1e-18.
    function _price() internal view virtual returns (uint256);

    /// @dev Counts the price that stood until now. Call it first in whatever changes the price.
    function _observe(uint256 price) internal {
        if (_updatedAt == 0) {
            (firstHour, openHour, _updatedAt) = (block.timestamp / 1 hours, block.timestamp / 1 hours, block.timestamp);
            return;
        }
        // A price that stood for no second is nobody's price.
        if (block.timestamp == _updatedAt || price == 0) return;
        int128 lnPrice = int128(FixedLog.ln(price));
        uint256 presentHour = block.timestamp / 1 hours;
        uint256 last = presentHour - openHour > MAX_CLOSED ? openHour + MAX_CLOSED : presentHour;
        while (openHour < last) {
            uint256 end = (openHour + 1) * 1 hours;
            _count(price, lnPrice, end);
            _close();
        }
        if (last == presentHour) _count(price, lnPrice, block.timestamp);
    }

    /// @dev Reverts while hours wait to be closed: their features are not the present ones.
    function _requireClosed() internal view {
        if (openHour != block.timestamp / 1 hours) revert SeriesBehind(openHour, block.timestamp / 1 hours);
    }

    function _count(uint256 price, int128 lnPrice, uint256 until) private {
        if (until == _updatedAt) return;
        Range memory open = _open;
        if (_priceSeconds == 0) open = Range(lnPrice, lnPrice);
        if (lnPrice > open.lnHigh) open.lnHigh = lnPrice;
        if (lnPrice < open.lnLow) open.lnLow = lnPrice;
        _open = open;
        _priceSeconds += price * (until - _updatedAt);
        _updatedAt = until;
    }

    function _close() private {
        uint256 hour = openHour;
        uint256 seconds_ = hour == firstHour ? 0 : 1 hours;
        // The first hour was not whole: it only starts the series.
        int256 lnClose = seconds_ == 0 ? int256(_open.lnHigh) : FixedLog.ln(_priceSeconds / 1 hours);
        Close memory before = _closes[(hour - 1) % RING];
        uint256 change = seconds_ == 0 ? 0 : _square(lnClose - before.lnClose);
        uint256 width = (_square(_open.lnHigh - _open.lnLow) * UNIT) / PARKINSON;
        _closes[hour % RING] = Close(
            int72(lnClose),
            before.returnSum + uint88(change),
            before.rangeSum + uint88(width)
        );
        Range memory open = _open;
        _ranges[hour % RING] = open;
        uint256 group = (hour / GROUP_HOURS) % GROUP_RING;
        if (hour % GROUP_HOURS != 0 && hour != firstHour) open = _wider(open, _groups[group]);
        _groups[group] = open;
        _priceSeconds = 0;
        openHour = hour + 1;
    }

    /// @dev Over the 720 hours up to and with `at`: single hours of the oldest group, then whole groups; the newest group
    /// has no later hour in it.
    function _rangeOf(uint256 at) private view returns (Range memory range) {
        uint256 hour = at + 1 - HISTORY_HOURS;
        range = _ranges[hour % RING];
        for (; hour % GROUP_HOURS != 0; ++hour) range = _wider(range, _ranges[hour % RING]);
        for (; hour <= at; hour += GROUP_HOURS) range = _wider(range, _groups[(hour / GROUP_HOURS) % GROUP_RING]);
    }

    function _wider(Range memory a, Range memory b) private pure returns (Range memory) {
        return Range(a.lnHigh > b.lnHigh ? a.lnHigh : b.lnHigh, a.lnLow < b.lnLow ? a.lnLow : b.lnLow);
    }

    /// @dev ln(sqrt(sum / hours * 24) + 0.0001).
    function _logVolatility(uint256 sum, uint256 hours_) private pure returns (int256) {
        return FixedLog.ln(Math.sqrt(((sum * 24) / hours_) * UNIT) + FLOOR);
    }

    function _square(int256 value) private pure returns (uint256) {
        return uint256(value * value) / UNIT;
    }

    /// @dev Sine of an hour of 24.
    function _sine(uint256 hour) private pure returns (int256) {
        hour %= 24;
        if (hour >= 12) return -_sine(hour - 12);
        if (hour > 6) hour = 12 - hour;
        return
            [
                int256(0),
                258819045102520762,
                500000000000000000,
                707106781186547524,
                866025403784438647,
                965925826289068287,
                1000000000000000000
            ][hour];
    }
}
