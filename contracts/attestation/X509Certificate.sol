// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ByteView } from "../libraries/ByteView.sol";

/// @notice What a certificate says, in place; see `X509Reader`.
/// @param tbs The signed part: the whole TBSCertificate, head included.
/// @param serial The serial number without a sign byte, 1 to 20 bytes.
/// @param issuer The whole Name of the issuer, head included: compared byte for byte.
/// @param subject The whole Name of the subject, head included.
/// @param publicKey x ‖ y, 96 bytes. Not checked to be on the curve.
/// @param signature r ‖ s, 48 bytes each. Ranges are not checked.
/// @param notBefore The first second of its validity, since 1970.
/// @param notAfter The last one.
/// @param isCa Whether basicConstraints are critical and say cA.
/// @param pathLength How many CA certificates may follow; `NO_PATH_LENGTH` of `X509Reader` if it does not say.
/// @param keyUsage The first eight bits of keyUsage, digitalSignature highest; 0 if it does not have the extension.
struct X509Certificate {
    ByteView tbs;
    ByteView serial;
    ByteView issuer;
    ByteView subject;
    ByteView publicKey;
    uint256[4] signature;
    uint64 notBefore;
    uint64 notAfter;
    bool isCa;
    uint8 pathLength;
    uint8 keyUsage;
}
