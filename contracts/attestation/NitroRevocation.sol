// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IP384 } from "../interfaces/IP384.sol";
import { ByteView, ByteViews } from "../libraries/ByteView.sol";
import { Sha384 } from "./Sha384.sol";
import { X509Crl } from "./X509Crl.sol";

/// @title Revocation by whoever brings a certificate revocation list
/// @notice The lists that AWS publishes are signed by the very keys that sign certificates, so that nobody has to be trusted
/// to bring one. A serial number that a key has revoked once stays revoked under that key.
/// @dev Anyone may "revoke" under a key of their own; it says nothing about other keys.
/// The dates of a list (thisUpdate, nextUpdate) have to be dates and are not compared with the block's time. RFC 5280 dates
/// a list so that a verifier notices that it may lack a newer entry; nothing here concludes anything from an entry that is
/// missing. What is there was signed by the issuer and stays true: a complete list drops an entry only when its certificate
/// has expired, and that alone ends it here. To demand a current list would let whoever keeps the newest one back (a
/// withheld download, a CA that has stopped publishing) also stop the revocation by the one before it.
/// A list from the future can only be made by the key itself, which may revoke its own certificates whenever it likes.
/// ATTACK that is left: a certificate that was on hold (reason 6, certificateHold) and is not any more can be killed for good
/// by the list of that time. It fails to the safe side, and certificates of these chains live for hours to days.
abstract contract NitroRevocation {
    /// @notice A serial number will never be accepted again.
    /// @param issuer keccak256 of the issuer's public key, x ‖ y.
    /// @param serial Without a sign byte.
    event NitroCertificateRevoked(bytes32 indexed issuer, bytes serial);

    /// @notice The key is not 96 bytes long.
    error NitroCrlKeyLength(uint256 length);
    /// @notice The list is not signed by the key.
    error NitroCrlSignatureInvalid();

    /// @notice The contract that verifies signatures.
    IP384 public immutable p384;

    mapping(bytes32 issuerAndSerial => bool revoked) private _revoked;

    constructor(IP384 verifier) {
        p384 = verifier;
    }

    /// @notice Kills every serial number that a list names. Permissionless; about 2.7 million gas, 9,000 for each further
    /// entry's hashing, and 25,000 for each that is new.
    /// @param issuerKey x ‖ y of the issuer, 96 bytes.
    /// @param crl The DER of the list. Errors: those of `X509Crl`, `DerReader` and `X509Time`.
    /// @return added How many were not revoked before.
    function revoke(bytes calldata issuerKey, bytes calldata crl) external returns (uint256 added) {
        if (issuerKey.length != 96) revert NitroCrlKeyLength(issuerKey.length);
        (ByteView tbs, uint256[4] memory signature, bytes calldata entries) = X509Crl.decode(crl);
        if (!p384.verify(_signatureOf(tbs, signature, issuerKey))) revert NitroCrlSignatureInvalid();
        bytes32 issuer = keccak256(issuerKey);
        while (entries.length != 0) {
            ByteView serial;
            (serial, entries) = X509Crl.next(entries);
            bytes32 key = _revocationKey(issuer, serial);
            if (_revoked[key]) continue;
            _revoked[key] = true;
            ++added;
            emit NitroCertificateRevoked(issuer, serial.toBytes());
        }
    }

    /// @notice Whether a serial number was revoked by the key that issued it.
    /// @param issuer keccak256 of the issuer's public key, x ‖ y.
    /// @param serial Without a sign byte.
    function isRevoked(bytes32 issuer, bytes calldata serial) external view returns (bool) {
        return _isRevoked(issuer, ByteViews.ofCalldata(serial));
    }

    function _isRevoked(bytes32 issuer, ByteView serial) internal view returns (bool) {
        return _revoked[_revocationKey(issuer, serial)];
    }

    /// @dev A signature over bytes, as `IP384` takes it.
    function _signatureOf(
        ByteView signed,
        uint256[4] memory rs,
        bytes memory key
    ) internal pure returns (bytes memory) {
        (uint256 high, uint256 low) = Sha384.hash(signed);
        return abi.encodePacked(uint128(high), low, uint128(rs[0]), rs[1], uint128(rs[2]), rs[3], key);
    }

    function _revocationKey(bytes32 issuer, ByteView serial) private pure returns (bytes32) {
        return keccak256(abi.encode(issuer, serial.hash()));
    }
}
