// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { X509Certificate } from "../attestation/X509Certificate.sol";
import { X509Crl } from "../attestation/X509Crl.sol";
import { X509Reader } from "../attestation/X509Reader.sol";
import { X509Time } from "../attestation/X509Time.sol";
import { ByteView } from "../libraries/ByteView.sol";

/// @notice Test only: opens the readers of certificates to calls from outside.
contract X509Harness {
    struct Seen {
        bytes tbs;
        bytes serial;
        bytes issuer;
        bytes subject;
        bytes publicKey;
        bytes signature;
        uint64 notBefore;
        uint64 notAfter;
        bool isCa;
        uint8 pathLength;
        uint8 keyUsage;
    }

    function certificate(bytes calldata der) external pure returns (Seen memory seen) {
        X509Certificate memory c = X509Reader.decode(der);
        seen.tbs = c.tbs.toBytes();
        seen.serial = c.serial.toBytes();
        seen.issuer = c.issuer.toBytes();
        seen.subject = c.subject.toBytes();
        seen.publicKey = c.publicKey.toBytes();
        seen.signature = _packed(c.signature);
        (seen.notBefore, seen.notAfter) = (c.notBefore, c.notAfter);
        (seen.isCa, seen.pathLength, seen.keyUsage) = (c.isCa, c.pathLength, c.keyUsage);
    }

    /// @notice r ‖ s of an Ecdsa-Sig-Value.
    function pair(bytes calldata der) external pure returns (bytes memory) {
        return _packed(X509Reader.decodePair(der, 0, der.length));
    }

    function time(bytes calldata der) external pure returns (uint64 seconds_, uint256 next) {
        return X509Time.read(der, 0, der.length);
    }

    /// @notice The signed part, r ‖ s and the serial numbers of a list.
    function crl(bytes calldata der) external pure returns (bytes memory, bytes memory, bytes[] memory serials) {
        (ByteView tbs, uint256[4] memory signature, bytes calldata entries) = X509Crl.decode(der);
        serials = new bytes[](64);
        uint256 count = 0;
        while (entries.length != 0) {
            ByteView serial;
            (serial, entries) = X509Crl.next(entries);
            serials[count++] = serial.toBytes();
        }
        assembly ("memory-safe") {
            mstore(serials, count)
        }
        return (tbs.toBytes(), _packed(signature), serials);
    }

    function _packed(uint256[4] memory s) private pure returns (bytes memory) {
        return abi.encodePacked(uint128(s[0]), s[1], uint128(s[2]), s[3]);
    }
}
