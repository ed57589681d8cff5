// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { DerReader } from "./DerReader.sol";

/// @title Times in certificates (RFC 5280, section 4.1.2.5)
/// @notice UTCTime `YYMMDDHHMMSSZ` and GeneralizedTime `YYYYMMDDHHMMSSZ`, told apart by their tags alone, to the second and in
/// UTC; any other spelling is refused. A day that its month does not have is refused, never moved into the next one.
library X509Time {
    /// @notice Not one of the two forms, not a date of the calendar, or before 1970.
    error X509TimeInvalid(uint256 cursor);

    /// @notice Reads a time.
    /// @return time Seconds since 1970.
    /// @return next The cursor behind it.
    function read(
        bytes calldata data,
        uint256 cursor,
        uint256 limit
    ) internal pure returns (uint64 time, uint256 next) {
        bool generalized = DerReader.peek(data, cursor, limit) == DerReader.GENERALIZED_TIME;
        uint256 start;
        (start, next) = DerReader.enter(
            data,
            cursor,
            limit,
            generalized ? DerReader.GENERALIZED_TIME : DerReader.UTC_TIME
        );
        // The length was just checked against the limit, so that the digits below are there.
        if (next - start != (generalized ? 15 : 13)) revert X509TimeInvalid(cursor);
        if (data[next - 1] != "Z") revert X509TimeInvalid(cursor);
        unchecked {
            uint256 year = _twoDigits(data, start, cursor);
            start += 2;
            if (generalized) {
                year = 100 * year + _twoDigits(data, start, cursor);
                start += 2;
            } else {
                // Two digits mean 1950 to 2049.
                year += year < 50 ? 2000 : 1900;
            }
            uint256 month = _twoDigits(data, start, cursor);
            uint256 day = _twoDigits(data, start + 2, cursor);
            uint256 hour = _twoDigits(data, start + 4, cursor);
            uint256 minute = _twoDigits(data, start + 6, cursor);
            uint256 second = _twoDigits(data, start + 8, cursor);
            bool valid = year >= 1970 && month != 0 && month <= 12 && day != 0 && day <= _daysOf(year, month);
            if (!valid || hour > 23 || minute > 59 || second > 59) revert X509TimeInvalid(cursor);
            // Below 10^12, as the year is below 10,000.
            time = uint64(((_daysBefore(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second);
        }
    }

    function _twoDigits(bytes calldata data, uint256 at, uint256 cursor) private pure returns (uint256) {
        unchecked {
            // Anything below "0" wraps around and is far above 9.
            uint256 tens = uint256(uint8(data[at])) - 0x30;
            uint256 ones = uint256(uint8(data[at + 1])) - 0x30;
            if (tens > 9 || ones > 9) revert X509TimeInvalid(cursor);
            return 10 * tens + ones;
        }
    }

    function _daysOf(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return _isLeap(year) ? 29 : 28;
        // April, June, September and November.
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }

    function _isLeap(uint256 year) private pure returns (bool) {
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    }

    /// @dev Days from 1970 to the first of a month: 365 a year, the leap days of the years that are over, and the months.
    function _daysBefore(uint256 year, uint256 month) private pure returns (uint256 count) {
        unchecked {
            uint256 over = year - 1;
            // 477 leap days lie before 1970: 492 years of four, less 19 hundreds, plus 4 four hundreds.
            count = 365 * (year - 1970) + over / 4 - over / 100 + over / 400 - 477;
            for (uint256 m = 1; m < month; ++m) count += _daysOf(year, m);
        }
    }
}
