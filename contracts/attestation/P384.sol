// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IP384 } from "../interfaces/IP384.sol";
import { P384Curve } from "./P384Curve.sol";
import { P384Field } from "./P384Field.sol";
import { P384Scalar } from "./P384Scalar.sol";
import { P384Sum } from "./P384Sum.sol";

/// @title P384
/// @notice See `IP384` for what it does, promises and does not check. Nothing is stored: anyone may share one deployment.
/// @dev With R = (r, hint) the claim of a signature is u1 G + u2 Q - R = 0. The sum of all claims, each but the first times
/// 128 bits of a hash of everything here, is infinite for a false claim with a chance of 2^-128: the order is a prime, and
/// no claim can be changed after its weight is known.
/// Memory is used at fixed addresses, which is why this is a contract and no library of internal functions.
contract P384 is IP384 {
    uint256 private constant SIGNATURE_BYTES = 240;
    uint256 private constant HINT_BYTES = 48;

    /// @dev The scalars of a signature, high and low words.
    struct Scalars {
        uint256 eh;
        uint256 el;
        uint256 rh;
        uint256 rl;
        uint256 sh;
        uint256 sl;
    }

    /// @inheritdoc IP384
    function verify(bytes calldata signature) external view override returns (bool) {
        if (signature.length != SIGNATURE_BYTES) return false;
        P384Sum.reserve(1);
        Scalars memory v = _scalars(signature, 0);
        if (!_inRange(v)) return false;
        uint256[4] memory key = _key(signature, 0);
        if (!P384Curve.isPoint(key)) return false;
        (uint256 wh, uint256 wl) = P384Scalar.inverse(v.sh, v.sl);
        (uint256 uh, uint256 ul) = P384Scalar.product(v.rh, v.rl, wh, wl);
        P384Sum.setTerm(0, key, uh, ul);
        (uh, ul) = P384Scalar.product(v.eh, v.el, wh, wl);
        P384Sum.run(1, uh, ul);
        return P384Curve.sumHasX(v.rh, v.rl);
    }

    /// @inheritdoc IP384
    function verifyAll(bytes calldata signatures, bytes calldata hints) external view override {
        uint256 count = signatures.length / SIGNATURE_BYTES;
        bool fits = count != 0 && count <= P384Sum.MAX_TERMS / 2 && hints.length == count * HINT_BYTES;
        if (!fits || signatures.length % SIGNATURE_BYTES != 0) revert P384Length(signatures.length, hints.length);
        P384Sum.reserve(2 * count);
        bytes32 seed = keccak256(bytes.concat(keccak256(signatures), keccak256(hints)));
        Scalars[] memory scalars = new Scalars[](count);
        for (uint256 i = 0; i < count; ++i) {
            scalars[i] = _scalars(signatures, i);
            if (!_inRange(scalars[i])) revert P384ScalarOutOfRange(i);
        }
        uint256[2][] memory inverses = _inverses(scalars);
        uint256 baseHigh = 0;
        uint256 baseLow = 0;
        for (uint256 i = 0; i < count; ++i) {
            uint256 weight = i == 0 ? 1 : uint128(uint256(keccak256(bytes.concat(seed, bytes32(i)))));
            (uint256 high, uint256 low) = _addTerms(signatures, hints, scalars[i], inverses[i], i, weight);
            (baseHigh, baseLow) = P384Scalar.sum(baseHigh, baseLow, high, low);
        }
        P384Sum.run(2 * count, baseHigh, baseLow);
        if (!P384Curve.sumIsInfinite()) revert P384SignaturesInvalid();
    }

    /// @dev Sets the terms of the key and of R; returns what the signature adds to the scalar of the base point.
    function _addTerms(
        bytes calldata signatures,
        bytes calldata hints,
        Scalars memory v,
        uint256[2] memory inverse,
        uint256 i,
        uint256 weight
    ) private view returns (uint256 high, uint256 low) {
        uint256[4] memory point = _key(signatures, i);
        if (!P384Curve.isPoint(point)) revert P384KeyInvalid(i);
        (uint256 wh, uint256 wl) = P384Scalar.product(inverse[0], inverse[1], 0, weight);
        (high, low) = P384Scalar.product(v.rh, v.rl, wh, wl);
        P384Sum.setTerm(2 * i, point, high, low);

        (point[0], point[1]) = (v.rh, v.rl);
        (point[2], point[3]) = _number(hints, HINT_BYTES * i);
        if (!P384Curve.completeR(point)) revert P384HintInvalid(i);
        (point[2], point[3]) = P384Field.negative(point[2], point[3]);
        P384Sum.setTerm(2 * i + 1, point, 0, weight);
        return P384Scalar.product(v.eh, v.el, wh, wl);
    }

    /// @dev 1 / s of each, after one inversion (Montgomery's trick).
    function _inverses(Scalars[] memory scalars) private view returns (uint256[2][] memory inverses) {
        uint256 count = scalars.length;
        inverses = new uint256[2][](count);
        uint256 high = 0;
        uint256 low = 1;
        for (uint256 i = 0; i < count; ++i) {
            (inverses[i][0], inverses[i][1]) = (high, low);
            (high, low) = P384Scalar.product(high, low, scalars[i].sh, scalars[i].sl);
        }
        (high, low) = P384Scalar.inverse(high, low);
        for (uint256 i = count; i != 0; --i) {
            uint256[2] memory prefix = inverses[i - 1];
            (prefix[0], prefix[1]) = P384Scalar.product(prefix[0], prefix[1], high, low);
            (high, low) = P384Scalar.product(high, low, scalars[i - 1].sh, scalars[i - 1].sl);
        }
    }

    function _inRange(Scalars memory v) private pure returns (bool) {
        return P384Scalar.inRange(v.rh, v.rl) && P384Scalar.inRange(v.sh, v.sl);
    }

    function _scalars(bytes calldata signatures, uint256 index) private pure returns (Scalars memory v) {
        uint256 at = SIGNATURE_BYTES * index;
        (v.eh, v.el) = _number(signatures, at);
        (v.rh, v.rl) = _number(signatures, at + 48);
        (v.sh, v.sl) = _number(signatures, at + 96);
    }

    function _key(bytes calldata signatures, uint256 index) private pure returns (uint256[4] memory point) {
        uint256 at = SIGNATURE_BYTES * index;
        (point[0], point[1]) = _number(signatures, at + 144);
        (point[2], point[3]) = _number(signatures, at + 192);
    }

    /// @dev 48 bytes as two words. PRECONDITION: they are there.
    function _number(bytes calldata data, uint256 at) private pure returns (uint256 high, uint256 low) {
        assembly ("memory-safe") {
            high := shr(128, calldataload(add(data.offset, at)))
            low := calldataload(add(add(data.offset, at), 16))
        }
    }
}
