// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView } from "../libraries/ByteView.sol";

/// @notice The fields of an attestation payload, in place. A part that is absent or null is empty.
/// @param moduleId UTF-8, 1 to 256 bytes.
/// @param timestampMs The signer's clock, milliseconds since 1970; above 0.
/// @param pcrMask Bit i is set if PCR i is present. Bits 0 to 2 always are.
/// @param pcrs The entries of the PCR map; `NitroDocument.pcr` reads one.
/// @param certificate DER of the key that signs the document; empty in a development document.
/// @param cabundle The CBOR byte strings of the certificates above it, root first; empty in a development document.
/// @param cabundleCount How many certificates `cabundle` holds, 0 to 8.
/// @param publicKey At most 1024 bytes.
/// @param userData At most 1024 bytes.
/// @param nonce At most 1024 bytes.
struct NitroPayload {
    ByteView moduleId;
    uint64 timestampMs;
    uint32 pcrMask;
    ByteView pcrs;
    ByteView certificate;
    ByteView cabundle;
    uint256 cabundleCount;
    ByteView publicKey;
    ByteView userData;
    ByteView nonce;
}
