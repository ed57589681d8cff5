// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { CborReader } from "../attestation/CborReader.sol";
import { CoseSign1 } from "../attestation/CoseSign1.sol";
import { NitroDocument } from "../attestation/NitroDocument.sol";
import { NitroPayload } from "../attestation/NitroPayload.sol";

/// @notice Test only: opens the readers of attestation documents to calls from outside.
contract AttestationHarness {
    struct Seen {
        bytes moduleId;
        uint64 timestampMs;
        uint32 pcrMask;
        bytes[] pcrs;
        bytes certificate;
        bytes cabundle;
        uint256 cabundleCount;
        bytes publicKey;
        bytes userData;
        bytes nonce;
    }

    function head(bytes calldata data, uint256 major) external pure returns (uint256 value, uint256 next) {
        return CborReader.head(data, 0, major);
    }

    function cose(
        bytes calldata document,
        bool es384
    ) external pure returns (bytes memory, bytes memory, bytes memory) {
        bytes memory header = es384 ? CoseSign1.ES384 : CoseSign1.ES256;
        (bytes calldata payload, bytes calldata signature) = CoseSign1.decode(document, header, es384 ? 96 : 64);
        return (payload, signature, CoseSign1.signedBytes(header, payload));
    }

    function payloadOf(bytes calldata payload) external pure returns (Seen memory seen) {
        NitroPayload memory fields = NitroDocument.decode(payload);
        seen.moduleId = fields.moduleId.toBytes();
        seen.timestampMs = fields.timestampMs;
        seen.pcrMask = fields.pcrMask;
        seen.pcrs = new bytes[](32);
        for (uint256 i = 0; i < 32; ++i) {
            if ((fields.pcrMask >> i) & 1 == 1) seen.pcrs[i] = NitroDocument.pcr(fields, i);
        }
        seen.certificate = fields.certificate.toBytes();
        seen.cabundle = fields.cabundle.toBytes();
        seen.cabundleCount = fields.cabundleCount;
        seen.publicKey = fields.publicKey.toBytes();
        seen.userData = fields.userData.toBytes();
        seen.nonce = fields.nonce.toBytes();
    }

    function pcr(bytes calldata payload, uint256 index) external pure returns (bytes memory) {
        return NitroDocument.pcr(NitroDocument.decode(payload), index);
    }
}
