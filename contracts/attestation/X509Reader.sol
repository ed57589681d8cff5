// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView, ByteViews } from "../libraries/ByteView.sol";
import { CborReader } from "./CborReader.sol";
import { DerReader } from "./DerReader.sol";
import { X509Certificate } from "./X509Certificate.sol";
import { X509Extensions } from "./X509Extensions.sol";
import { X509Time } from "./X509Time.sol";

/// @title Reading X.509 v3 certificates (RFC 5280) of one profile: ECDSA P-384 with SHA-384 throughout
/// @notice DER of one spelling, the algorithms of AWS Nitro's chains, uncompressed keys, no unique ids. Every byte outside
/// the signed part is either fixed or part of r or s.
/// @dev NOT CHECKED, and left to whoever verifies a chain: the signature, its range, the key, that the time lies in the
/// validity, that names chain, what a certificate may be used for. `subjectAltName`, policies, name constraints and the
/// like are refused if critical and skipped if not; key identifiers and CRL distribution points are not read.
library X509Reader {
    /// @notice Not version 3.
    error X509Version(uint256 cursor);
    /// @notice The serial number is 0 or has more than 20 bytes.
    error X509SerialInvalid(uint256 cursor);
    /// @notice Inner or outer, the algorithm is not ecdsa-with-SHA384 without parameters.
    error X509SignatureAlgorithm(uint256 cursor);
    /// @notice The key is not an uncompressed point of P-384.
    error X509KeyAlgorithm(uint256 cursor);
    /// @notice The signature's BIT STRING has unused bits, or r or s has more than 48 bytes.
    error X509SignatureEncoding(uint256 cursor);

    /// @notice Stands for no limit in `pathLength`.
    uint8 internal constant NO_PATH_LENGTH = 255;

    /// @dev [0] { INTEGER 2 }
    bytes32 private constant VERSION_3 = hex"a003020102";
    /// @dev SEQUENCE { ecdsa-with-SHA384 }, RFC 5758.
    bytes32 internal constant ECDSA_SHA384 = hex"300a06082a8648ce3d040303";
    uint256 internal constant ECDSA_SHA384_BYTES = 12;
    /// @dev SEQUENCE { SEQUENCE { id-ecPublicKey, secp384r1 }, BIT STRING of 98 bytes { no unused bits, 4 .. } }, RFC 5480.
    bytes32 private constant P384_KEY = hex"3076301006072a8648ce3d020106052b8104002203620004";
    uint256 private constant P384_KEY_BYTES = 24;
    uint256 private constant KEY_BYTES = 96;
    uint256 private constant EXTENSIONS = 0xa3;

    /// @notice Reads a certificate.
    /// @dev Errors: those here and those of `DerReader`, `X509Time` and `X509Extensions`. Cursors in them count from the start
    /// of `der`, or from the content of the TBSCertificate for what lies in it.
    function decode(bytes calldata der) internal pure returns (X509Certificate memory c) {
        (uint256 cursor, uint256 limit) = DerReader.enter(der, 0, der.length, DerReader.SEQUENCE);
        DerReader.finish(limit, der.length);
        (uint256 start, uint256 end) = DerReader.enter(der, cursor, limit, DerReader.SEQUENCE);
        c.tbs = ByteViews.ofCalldata(der[cursor:end]);
        _readSigned(der[start:end], c);
        c.signature = decodeSignature(der, end, limit);
    }

    /// @notice The two last parts of a certificate or CRL: the algorithm and the signature, which end at `limit`.
    /// @return signature r and s, each as its upper 128 and its lower 256 bits.
    function decodeSignature(
        bytes calldata der,
        uint256 cursor,
        uint256 limit
    ) internal pure returns (uint256[4] memory signature) {
        (bool found, uint256 next) = CborReader.skipExactly(der[:limit], cursor, ECDSA_SHA384, ECDSA_SHA384_BYTES);
        if (!found) revert X509SignatureAlgorithm(cursor);
        uint256 end;
        (cursor, end) = DerReader.enter(der, next, limit, DerReader.BIT_STRING);
        DerReader.finish(end, limit);
        if (DerReader.peek(der, cursor, limit) != 0) revert X509SignatureEncoding(cursor);
        return decodePair(der, cursor + 1, limit);
    }

    /// @notice Ecdsa-Sig-Value (RFC 3279, section 2.2.3): a SEQUENCE of r and s, which ends at `limit`.
    function decodePair(
        bytes calldata der,
        uint256 cursor,
        uint256 limit
    ) internal pure returns (uint256[4] memory signature) {
        uint256 end;
        (cursor, end) = DerReader.enter(der, cursor, limit, DerReader.SEQUENCE);
        DerReader.finish(end, limit);
        (signature[0], signature[1], cursor) = _number(der, cursor, limit);
        (signature[2], signature[3], cursor) = _number(der, cursor, limit);
        DerReader.finish(cursor, limit);
    }

    /// @dev `tbs` is the content of the TBSCertificate.
    function _readSigned(bytes calldata tbs, X509Certificate memory c) private pure {
        (bool found, uint256 cursor) = CborReader.skipExactly(tbs, 0, VERSION_3, 5);
        if (!found) revert X509Version(0);
        uint256 start;
        (start, cursor) = DerReader.enterUnsigned(tbs, cursor, tbs.length);
        if (cursor - start > 20 || tbs[start] == 0) revert X509SerialInvalid(start);
        c.serial = ByteViews.ofCalldata(tbs[start:cursor]);

        (found, start) = CborReader.skipExactly(tbs, cursor, ECDSA_SHA384, ECDSA_SHA384_BYTES);
        if (!found) revert X509SignatureAlgorithm(cursor);
        (, cursor) = DerReader.enter(tbs, start, tbs.length, DerReader.SEQUENCE);
        c.issuer = ByteViews.ofCalldata(tbs[start:cursor]);

        uint256 end;
        (cursor, end) = DerReader.enter(tbs, cursor, tbs.length, DerReader.SEQUENCE);
        (c.notBefore, cursor) = X509Time.read(tbs, cursor, end);
        (c.notAfter, cursor) = X509Time.read(tbs, cursor, end);
        DerReader.finish(cursor, end);

        (, cursor) = DerReader.enter(tbs, end, tbs.length, DerReader.SEQUENCE);
        c.subject = ByteViews.ofCalldata(tbs[end:cursor]);

        (found, start) = CborReader.skipExactly(tbs, cursor, P384_KEY, P384_KEY_BYTES);
        if (!found || tbs.length - start < KEY_BYTES) revert X509KeyAlgorithm(cursor);
        cursor = start + KEY_BYTES;
        c.publicKey = ByteViews.ofCalldata(tbs[start:cursor]);

        (cursor, end) = DerReader.enter(tbs, cursor, tbs.length, EXTENSIONS);
        DerReader.finish(end, tbs.length);
        X509Extensions.read(tbs, cursor, c);
    }

    /// @dev An INTEGER of at most 384 bits.
    function _number(
        bytes calldata der,
        uint256 cursor,
        uint256 limit
    ) private pure returns (uint256 high, uint256 low, uint256 end) {
        uint256 start;
        (start, end) = DerReader.enterUnsigned(der, cursor, limit);
        uint256 length = end - start;
        if (length > 48) revert X509SignatureEncoding(cursor);
        // The 32 bytes before `end`, and what lies before them: `end` is above 32, because of the TBSCertificate.
        ByteView all = ByteViews.ofCalldata(der);
        low = end < 32 ? all.wordAt(0) >> (8 * (32 - end)) : all.wordAt(end - 32);
        if (length <= 32) return (0, low & (type(uint256).max >> (256 - 8 * length)), end);
        high = all.wordAt(start) >> (256 - 8 * (length - 32));
    }
}
