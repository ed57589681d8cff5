// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { P384Curve } from "../attestation/P384Curve.sol";
import { P384Field } from "../attestation/P384Field.sol";
import { P384Point } from "../attestation/P384Point.sol";
import { P384Scalar } from "../attestation/P384Scalar.sol";
import { P384Sum } from "../attestation/P384Sum.sol";
import { P384Tables } from "../attestation/P384Tables.sol";
import { Sha384 } from "../attestation/Sha384.sol";
import { ByteViews } from "../libraries/ByteView.sol";

/// @notice Test only: opens the arithmetic of P-384 and SHA-384 to calls from outside, and measures it.
contract P384Harness {
    /// @notice A number of 384 bits as two words.
    struct Number {
        uint256 h;
        uint256 low;
    }

    function sha384(bytes calldata message) external view returns (Number memory digest, uint256 gasUsed) {
        uint256 before = gasleft();
        (digest.h, digest.low) = Sha384.hash(ByteViews.ofCalldata(message));
        gasUsed = before - gasleft();
    }

    function sha384OfMemory(bytes memory message) external pure returns (Number memory digest, bytes memory left) {
        (digest.h, digest.low) = Sha384.hash(ByteViews.ofMemory(message));
        left = message;
    }

    /// @notice Every operation of the field on two elements.
    function field(Number calldata a, Number calldata b) external view returns (Number[8] memory n, bool zero) {
        (n[0].h, n[0].low) = P384Field.product(a.h, a.low, b.h, b.low);
        (n[1].h, n[1].low) = P384Field.core(a.h, a.low, b.h, b.low);
        (n[1].h, n[1].low) = P384Field.norm(n[1].h, n[1].low);
        (n[2].h, n[2].low) = P384Field.square(a.h, a.low);
        (n[3].h, n[3].low) = P384Field.coreSquare(a.h, a.low);
        (n[3].h, n[3].low) = P384Field.norm(n[3].h, n[3].low);
        (n[4].h, n[4].low) = P384Field.difference(a.h, a.low, b.h, b.low);
        (n[5].h, n[5].low) = P384Field.canonical(a.h, a.low);
        (n[6].h, n[6].low) = P384Field.negative(n[5].h, n[5].low);
        (n[7].h, n[7].low) = P384Field.inverse(a.h, a.low);
        zero = P384Field.isZero(a.h, a.low);
    }

    /// @notice a * b^count, each product on the result of the one before; the gas of one.
    function chain(
        Number calldata a,
        Number calldata b,
        uint256 count
    ) external view returns (Number memory n, uint256 gasUsed) {
        (uint256 h, uint256 low, uint256 bh, uint256 bl) = (a.h, a.low, b.h, b.low);
        uint256 before = gasleft();
        for (uint256 i = 0; i < count; i += 4) {
            (h, low) = P384Field.product(h, low, bh, bl);
            (h, low) = P384Field.product(h, low, bh, bl);
            (h, low) = P384Field.product(h, low, bh, bl);
            (h, low) = P384Field.product(h, low, bh, bl);
        }
        gasUsed = (before - gasleft()) / count;
        (n.h, n.low) = (h, low);
    }

    /// @notice Every operation modulo the order.
    function scalar(Number calldata a, Number calldata b) external view returns (Number[3] memory n, bool inRange) {
        (n[0].h, n[0].low) = P384Scalar.product(a.h, a.low, b.h, b.low);
        (n[1].h, n[1].low) = P384Scalar.inverse(a.h, a.low);
        (n[2].h, n[2].low) = P384Scalar.sum(a.h, a.low, b.h, b.low);
        inRange = P384Scalar.inRange(a.h, a.low);
    }

    /// @notice Doubles the Jacobian point X, Y, Z, or adds the affine point x, y to it.
    function step(
        Number[3] calldata sum,
        Number[2] calldata point,
        bool double
    ) external pure returns (Number[3] memory n) {
        uint256 at = P384Point.END;
        for (uint256 i = 0; i < 3; ++i) P384Tables.store(P384Point.X + 0x40 * i, sum[i].h, sum[i].low);
        // Above everything that the arena and this function use; nothing is allocated until the result is read.
        P384Tables.store(at, point[0].h, point[0].low);
        P384Tables.store(P384Point.NEXT_Y, point[1].h, point[1].low);
        if (double) P384Point.double();
        else P384Point.add(at);
        for (uint256 i = 0; i < 3; ++i) (n[i].h, n[i].low) = P384Tables.load(P384Point.X + 0x40 * i);
    }

    /// @notice The sum of scalars times points and `base` times the base point.
    function sumOf(
        Number[] calldata scalars,
        Number[2][] calldata points,
        Number calldata base
    ) external view returns (Number[3] memory n, bool infinite) {
        P384Sum.reserve(points.length);
        for (uint256 i = 0; i < points.length; ++i) {
            uint256[4] memory point = [points[i][0].h, points[i][0].low, points[i][1].h, points[i][1].low];
            P384Sum.setTerm(i, point, scalars[i].h, scalars[i].low);
        }
        P384Sum.run(points.length, base.h, base.low);
        for (uint256 i = 0; i < 3; ++i) (n[i].h, n[i].low) = P384Tables.load(P384Point.X + 0x40 * i);
        infinite = P384Curve.sumIsInfinite();
    }

    function isPoint(Number[2] calldata point) external pure returns (bool) {
        return P384Curve.isPoint([point[0].h, point[0].low, point[1].h, point[1].low]);
    }

    /// @notice What a call of memory beyond the arena gives: an arena that can not be had.
    function reserveAfter(uint256 allocated, uint256 terms) external pure returns (uint256) {
        bytes memory taken = new bytes(allocated);
        P384Sum.reserve(terms);
        return taken.length;
    }
}
