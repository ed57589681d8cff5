// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { P384Field } from "./P384Field.sol";
import { P384Point } from "./P384Point.sol";
import { P384Scalar } from "./P384Scalar.sol";
import { P384Tables } from "./P384Tables.sol";

/// @title Which pairs of numbers are points of P-384, and what a computed sum is
/// @notice y^2 = x^3 - 3x + b (SP 800-186, section 3.2.1.4). Its order is a prime: every point but infinity generates it, so
/// that no check of a subgroup is needed.
library P384Curve {
    uint256 private constant B_HI = 0xb3312fa7e23ee7e4988e056be3f82d19;
    uint256 private constant B_LO = 0x181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef;

    /// @notice Whether (x, y) is on the curve, with both coordinates below p. Infinity has no such coordinates.
    function isPoint(uint256[4] memory point) internal pure returns (bool) {
        if (!_isCanonical(point[0], point[1]) || !_isCanonical(point[2], point[3])) return false;
        (uint256 lo, uint256 md) = P384Field.square(point[0], point[1]);
        (lo, md) = P384Field.core(lo, md, point[0], point[1]);
        // x^3 + K - 3x + b, as a pair: nothing here carries.
        unchecked {
            uint256 m = P384Field.M;
            lo = lo + P384Field.K_LO - 3 * point[1] + B_LO;
            md = addmod(md, P384Field.K_MD - 3 * point[0], m);
            md = addmod(md, addmod(addmod(B_HI, B_LO, m), m - mulmod(3, point[1], m), m), m);
        }
        (lo, md) = P384Field.norm(lo, md);
        (uint256 high, uint256 low) = P384Field.square(point[2], point[3]);
        (high, low) = P384Field.difference(high, low, lo, md);
        return P384Field.isZero(high, low);
    }

    /// @notice Makes the R of a signature of r and a y: x is r, or r + n where that is below p, whichever fits the y.
    /// @param point r in the place of x, and y; the x that fits afterwards.
    /// @return Whether one fits.
    function completeR(uint256[4] memory point) internal pure returns (bool) {
        if (isPoint(point)) return true;
        bool below;
        (below, point[0], point[1]) = _plusOrder(point[0], point[1]);
        return below && isPoint(point);
    }

    /// @notice Whether the x of the sum is r modulo n (an infinite sum has none).
    /// @dev X = r Z^2, or X = (r + n) Z^2 where r + n is below p: no inversion is needed.
    function sumHasX(uint256 rh, uint256 rl) internal pure returns (bool) {
        if (sumIsInfinite()) return false;
        if (_matches(rh, rl)) return true;
        bool below;
        (below, rh, rl) = _plusOrder(rh, rl);
        return below && _matches(rh, rl);
    }

    /// @notice Whether the sum is infinite.
    function sumIsInfinite() internal pure returns (bool) {
        (uint256 high, uint256 low) = P384Tables.load(P384Point.Z);
        return (high | low) == 0;
    }

    function _matches(uint256 xh, uint256 xl) private pure returns (bool) {
        (uint256 high, uint256 low) = P384Tables.load(P384Point.Z);
        (high, low) = P384Field.square(high, low);
        (high, low) = P384Field.product(high, low, xh, xl);
        (xh, xl) = P384Tables.load(P384Point.X);
        (high, low) = P384Field.difference(high, low, xh, xl);
        return P384Field.isZero(high, low);
    }

    /// @dev r + n, and whether it is below p. r is below n.
    function _plusOrder(uint256 rh, uint256 rl) private pure returns (bool below, uint256 high, uint256 low) {
        unchecked {
            low = rl + P384Scalar.N_LO;
            high = rh + P384Scalar.N_HI + (low < rl ? 1 : 0);
        }
        below = _isCanonical(high, low);
    }

    function _isCanonical(uint256 high, uint256 low) private pure returns (bool) {
        return high < P384Field.P_HI || (high == P384Field.P_HI && low < P384Field.P_LO);
    }
}
