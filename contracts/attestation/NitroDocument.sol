// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView, ByteViews } from "../libraries/ByteView.sol";
import { Utf8 } from "../libraries/Utf8.sol";
import { CborReader } from "./CborReader.sol";
import { NitroPayload } from "./NitroPayload.sol";

/// @title Reading the payload of an attestation document in AWS Nitro's layout
/// @notice Keys come in the order of every known document, each at most once, which leaves no room for a repeated key
/// of which the last would win. The map head is definite or indefinite (documents since 2025); everything inside is
/// definite and shortest. `certificate`, `cabundle`, `public_key`, `user_data` and `nonce` may be absent or null.
/// @dev Its TypeScript twin is `executor/protocol/nitroDocument.ts`; errors have the same names.
/// INTEGRATOR RESPONSIBILITIES: verify the signature over the payload, demand the parts you need not to be empty (a Nitro
/// document has a certificate and a bundle), and judge root, measurements, time and user data.
library NitroDocument {
    /// @notice The next key is not `expected`, or (`expected` empty) a key is left over.
    error NitroFieldUnexpected(uint256 cursor, bytes32 expected);
    /// @notice A field, or the number of certificates, is out of its bounds.
    error NitroFieldLength(uint256 cursor, uint256 length);
    /// @notice The digest is not "SHA384".
    error NitroDigest(uint256 cursor);
    /// @notice The timestamp is zero.
    error NitroTimestamp();
    /// @notice The module id is not strict UTF-8.
    error NitroModuleIdNotUtf8();
    /// @notice More than 32 PCRs, or none.
    error NitroPcrCount(uint256 count);
    /// @notice Indexes do not ascend strictly, or one is above 31.
    error NitroPcrIndex(uint256 index);
    /// @notice A PCR that is not 48 bytes long (SHA-384).
    error NitroPcrLength(uint256 index, uint256 length);
    /// @notice PCR 0, 1 or 2 is missing, or one that was asked for.
    error NitroPcrMissing(uint256 pcrMask);

    uint256 internal constant PCR_BYTES = 48;
    uint256 private constant MAX_PCRS = 32;
    /// @dev Real documents carry up to 1024 bytes, though AWS's text says 512 for two of the fields.
    uint256 private constant MAX_FIELD_BYTES = 1024;
    uint256 private constant MAX_MODULE_ID_BYTES = 256;
    /// @dev Every known chain has four above the target. The bound keeps a hostile bundle cheap to refuse.
    uint256 private constant MAX_CABUNDLE = 8;

    /// @dev Where the parser stands.
    /// @param at The cursor.
    /// @param left Entries of the map still to come; `type(uint256).max` and falling if a break ends them.
    /// @param definite Whether `left` counts.
    struct Cursor {
        uint256 at;
        uint256 left;
        bool definite;
    }

    /// @notice Reads a whole payload.
    /// @dev Reverts with the error of the first rule that is broken, front to back. Costs are bounded by the caps above:
    /// at most 32 PCRs and 8 certificates are walked, nothing but the fixed-size result is allocated.
    /// @param data The payload of a COSE_Sign1, in calldata.
    /// @return payload Its fields, as views of `data`.
    function decode(bytes calldata data) internal pure returns (NitroPayload memory payload) {
        Cursor memory cursor;
        (cursor.left, cursor.at) = CborReader.mapHead(data, 0);
        cursor.definite = cursor.left != type(uint256).max;
        uint256 value;

        _demandKey(data, cursor, "\x69module_id", 10);
        payload.moduleId = _string(data, cursor, CborReader.TEXT, 1, MAX_MODULE_ID_BYTES);
        (bool valid, ) = Utf8.scan(payload.moduleId);
        if (!valid) revert NitroModuleIdNotUtf8();

        _demandKey(data, cursor, "\x66digest", 7);
        (valid, value) = CborReader.skipExactly(data, cursor.at, "\x66SHA384", 7);
        if (!valid) revert NitroDigest(cursor.at);
        cursor.at = value;

        _demandKey(data, cursor, "\x69timestamp", 10);
        (value, cursor.at) = CborReader.head(data, cursor.at, CborReader.UNSIGNED);
        if (value == 0) revert NitroTimestamp();
        payload.timestampMs = uint64(value); // A CBOR head holds at most 64 bits.

        _demandKey(data, cursor, "\x64pcrs", 5);
        (payload.pcrMask, payload.pcrs) = _pcrs(data, cursor);

        if (_key(data, cursor, "\x6bcertificate", 12)) payload.certificate = _optional(data, cursor, 1);
        if (_key(data, cursor, "\x68cabundle", 9)) (payload.cabundleCount, payload.cabundle) = _bundle(data, cursor);
        if (_key(data, cursor, "\x6apublic_key", 11)) payload.publicKey = _optional(data, cursor, 0);
        if (_key(data, cursor, "\x69user_data", 10)) payload.userData = _optional(data, cursor, 0);
        if (_key(data, cursor, "\x65nonce", 6)) payload.nonce = _optional(data, cursor, 0);
        _endMap(data, cursor);
        CborReader.end(data, cursor.at);
    }

    /// @notice A PCR, 48 bytes.
    /// @param payload As `decode` returned it.
    /// @param index 0 to 31; reverts with `NitroPcrMissing` if the document does not have it. A policy demands presence
    /// of every index it compares: a missing one must never count as equal.
    /// @return A copy of the measurement.
    function pcr(NitroPayload memory payload, uint256 index) internal pure returns (bytes memory) {
        uint256 mask = payload.pcrMask;
        if (index >= MAX_PCRS || (mask >> index) & 1 == 0) revert NitroPcrMissing(mask);
        // An entry is an index (one byte up to 23, else two), the head of the value (two) and the value.
        uint256 at = index < 24 ? 3 : 4;
        for (uint256 i = 0; i < index; ++i) {
            if ((mask >> i) & 1 == 1) at += (i < 24 ? 3 : 4) + PCR_BYTES;
        }
        return payload.pcrs.slice(at, PCR_BYTES).toBytes();
    }

    /// @dev True, with the cursor on its value, if this key is next. A key is its whole text, head included.
    function _key(bytes calldata data, Cursor memory cursor, bytes32 key, uint256 length) private pure returns (bool) {
        if (cursor.left == 0) return false;
        (bool found, uint256 next) = CborReader.skipExactly(data, cursor.at, key, length);
        if (found) {
            cursor.at = next;
            // At least one is left; an indefinite map's counter starts far above nine.
            unchecked {
                --cursor.left;
            }
        }
        return found;
    }

    /// @dev The key of a part that every document has.
    function _demandKey(bytes calldata data, Cursor memory cursor, bytes32 key, uint256 length) private pure {
        if (!_key(data, cursor, key, length)) revert NitroFieldUnexpected(cursor.at, key);
    }

    /// @dev A key that is left over is unknown, repeated or out of order. None is skipped.
    function _endMap(bytes calldata data, Cursor memory cursor) private pure {
        bool ended = cursor.left == 0;
        if (!cursor.definite) (ended, cursor.at) = CborReader.skipBreak(data, cursor.at);
        if (!ended) revert NitroFieldUnexpected(cursor.at, 0);
    }

    /// @dev A text or byte string whose length is bounded before anything else is done with it.
    function _string(
        bytes calldata data,
        Cursor memory cursor,
        uint256 major,
        uint256 least,
        uint256 most
    ) private pure returns (ByteView) {
        (uint256 length, uint256 start) = CborReader.head(data, cursor.at, major);
        if (length < least || length > most) revert NitroFieldLength(cursor.at, length);
        cursor.at = CborReader.skip(data, start, length);
        return ByteViews.ofCalldata(data[start:cursor.at]);
    }

    /// @dev A byte string, or null for nothing. `least` is 1 where AWS never writes an empty one.
    function _optional(bytes calldata data, Cursor memory cursor, uint256 least) private pure returns (ByteView) {
        bool isNull;
        (isNull, cursor.at) = CborReader.skipNull(data, cursor.at);
        if (isNull) return ByteView.wrap(0);
        return _string(data, cursor, CborReader.BYTES, least, MAX_FIELD_BYTES);
    }

    /// @dev The certificates are bounded and walked over here; reading them is for who verifies a chain.
    function _bundle(bytes calldata data, Cursor memory cursor) private pure returns (uint256 count, ByteView) {
        bool isNull;
        (isNull, cursor.at) = CborReader.skipNull(data, cursor.at);
        if (isNull) return (0, ByteView.wrap(0));
        uint256 start;
        (count, start) = CborReader.head(data, cursor.at, CborReader.ARRAY);
        if (count == 0 || count > MAX_CABUNDLE) revert NitroFieldLength(cursor.at, count);
        cursor.at = start;
        for (uint256 i = 0; i < count; ++i) _string(data, cursor, CborReader.BYTES, 1, MAX_FIELD_BYTES);
        return (count, ByteViews.ofCalldata(data[start:cursor.at]));
    }

    /// @dev Strictly ascending indexes: no PCR comes twice, and the mask alone says where each one lies.
    function _pcrs(bytes calldata data, Cursor memory cursor) private pure returns (uint32, ByteView) {
        (uint256 count, uint256 start) = CborReader.head(data, cursor.at, CborReader.MAP);
        if (count == 0 || count > MAX_PCRS) revert NitroPcrCount(count);
        uint256 at = start;
        uint256 mask = 0;
        uint256 index;
        uint256 length;
        for (uint256 i = 0; i < count; ++i) {
            (index, at) = CborReader.head(data, at, CborReader.UNSIGNED);
            // Shifting the mask right by the index leaves something if this index, or a higher one, was there before.
            if (index >= MAX_PCRS || mask >> index != 0) revert NitroPcrIndex(index);
            (length, at) = CborReader.head(data, at, CborReader.BYTES);
            if (length != PCR_BYTES) revert NitroPcrLength(index, length);
            at = CborReader.skip(data, at, length);
            mask |= 1 << index;
        }
        if (mask & 7 != 7) revert NitroPcrMissing(mask);
        cursor.at = at;
        return (uint32(mask), ByteViews.ofCalldata(data[start:at]));
    }
}
