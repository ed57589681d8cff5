// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView, ByteViews } from "../libraries/ByteView.sol";
import { CborReader } from "./CborReader.sol";
import { DerReader } from "./DerReader.sol";
import { X509Reader } from "./X509Reader.sol";
import { X509Time } from "./X509Time.sol";

/// @title Reading certificate revocation lists (RFC 5280, section 5) signed by ECDSA P-384 with SHA-384
/// @notice Version 2. A TBSCertList begins with an INTEGER, a TBSCertificate with [0]: what was signed as the one never reads
/// as the other.
/// @dev NOT CHECKED: the signature, the issuer's name, whether the dates fit the block's time (`NitroRevocation` says why
/// that is right where revocations are only ever added). Lists that speak for other issuers, or that only say
/// what changed, are refused: their entries do not mean what they say elsewhere.
library X509Crl {
    /// @notice Not version 2.
    error X509CrlVersion(uint256 cursor);
    /// @notice A critical extension, of the list or an entry, or a list that speaks for other issuers.
    error X509CrlExtension(uint256 cursor);

    /// @dev INTEGER 1.
    bytes32 private constant VERSION_2 = hex"020101";
    /// @dev OBJECT IDENTIFIER 2.5.29.28, issuingDistributionPoint.
    bytes32 private constant DISTRIBUTION_POINT = hex"0603551d1c";
    /// @dev indirectCRL, [4], in an issuingDistributionPoint.
    uint256 private constant INDIRECT = 0x84;
    uint256 private constant EXTENSIONS = 0xa0;

    /// @notice Reads a list.
    /// @return tbs What is signed.
    /// @return signature r and s, each as its upper 128 and lower 256 bits.
    /// @return entries The revoked certificates, to be read by `next`; empty if there are none.
    function decode(
        bytes calldata der
    ) internal pure returns (ByteView tbs, uint256[4] memory signature, bytes calldata entries) {
        (uint256 cursor, uint256 limit) = DerReader.enter(der, 0, der.length, DerReader.SEQUENCE);
        DerReader.finish(limit, der.length);
        (uint256 start, uint256 end) = DerReader.enter(der, cursor, limit, DerReader.SEQUENCE);
        tbs = ByteViews.ofCalldata(der[cursor:end]);
        entries = _entries(der[start:end]);
        signature = X509Reader.decodeSignature(der, end, limit);
    }

    /// @notice The first entry: SEQUENCE { serial, date, extensions OPTIONAL }.
    /// @return serial Without a sign byte, as in `X509Certificate`.
    /// @return rest What follows.
    function next(bytes calldata entries) internal pure returns (ByteView serial, bytes calldata rest) {
        (uint256 cursor, uint256 limit) = DerReader.enter(entries, 0, entries.length, DerReader.SEQUENCE);
        uint256 start;
        (start, cursor) = DerReader.enterUnsigned(entries, cursor, limit);
        serial = ByteViews.ofCalldata(entries[start:cursor]);
        (, cursor) = X509Time.read(entries, cursor, limit);
        if (cursor != limit) _refuseCritical(entries[cursor:limit]);
        rest = entries[limit:];
    }

    /// @dev `tbs` is the content of the TBSCertList.
    function _entries(bytes calldata tbs) private pure returns (bytes calldata entries) {
        (bool found, uint256 cursor) = CborReader.skipExactly(tbs, 0, VERSION_2, 3);
        if (!found) revert X509CrlVersion(0);
        uint256 end;
        (found, end) = CborReader.skipExactly(tbs, cursor, X509Reader.ECDSA_SHA384, X509Reader.ECDSA_SHA384_BYTES);
        if (!found) revert X509Reader.X509SignatureAlgorithm(cursor);
        (, cursor) = DerReader.enter(tbs, end, tbs.length, DerReader.SEQUENCE);
        (, cursor) = X509Time.read(tbs, cursor, tbs.length);
        // nextUpdate, revokedCertificates and extensions are optional; each has a tag of its own.
        uint256 tag = _tagAt(tbs, cursor);
        if (tag == DerReader.UTC_TIME || tag == DerReader.GENERALIZED_TIME) {
            (, cursor) = X509Time.read(tbs, cursor, tbs.length);
            tag = _tagAt(tbs, cursor);
        }
        entries = tbs[:0];
        if (tag == DerReader.SEQUENCE) {
            (cursor, end) = DerReader.enter(tbs, cursor, tbs.length, DerReader.SEQUENCE);
            entries = tbs[cursor:end];
            cursor = end;
        }
        if (cursor != tbs.length) {
            (cursor, end) = DerReader.enter(tbs, cursor, tbs.length, EXTENSIONS);
            DerReader.finish(end, tbs.length);
            _refuseCritical(tbs[cursor:end]);
        }
    }

    /// @dev The tag at the cursor, 0 at the end.
    function _tagAt(bytes calldata data, uint256 cursor) private pure returns (uint256) {
        return cursor == data.length ? 0 : uint8(data[cursor]);
    }

    /// @dev Reads a SEQUENCE OF extensions. Critical ones are refused, but for a distribution point of this very issuer.
    function _refuseCritical(bytes calldata data) private pure {
        (uint256 cursor, uint256 limit) = DerReader.enter(data, 0, data.length, DerReader.SEQUENCE);
        DerReader.finish(limit, data.length);
        while (cursor != limit) {
            (uint256 start, uint256 end) = DerReader.enter(data, cursor, limit, DerReader.SEQUENCE);
            (bool point, ) = CborReader.skipExactly(data, start, DISTRIBUTION_POINT, 5);
            (, uint256 at) = DerReader.enter(data, start, end, DerReader.OBJECT_IDENTIFIER);
            if (DerReader.peek(data, at, end) == DerReader.BOOLEAN) {
                if (!point) revert X509CrlExtension(cursor);
                (, at) = DerReader.enter(data, at, end, DerReader.BOOLEAN);
            }
            (start, at) = DerReader.enter(data, at, end, DerReader.OCTET_STRING);
            DerReader.finish(at, end);
            if (point) _refuseIndirect(data[start:end]);
            cursor = end;
        }
    }

    /// @dev IssuingDistributionPoint: a SEQUENCE of tagged parts.
    function _refuseIndirect(bytes calldata point) private pure {
        (uint256 cursor, uint256 limit) = DerReader.enter(point, 0, point.length, DerReader.SEQUENCE);
        DerReader.finish(limit, point.length);
        while (cursor != limit) {
            uint256 tag = uint8(point[cursor]);
            if (tag == INDIRECT) revert X509CrlExtension(cursor);
            (, cursor) = DerReader.enter(point, cursor, limit, tag);
        }
    }
}
