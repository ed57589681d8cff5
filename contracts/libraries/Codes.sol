// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title Why something did not land
/// @notice Answered by `fulfillBatch` per item and by `registry.check`, so that a batch can say why without reverting.
/// Codes below 32 are the hub's, codes from 32 are the registry's. Numbers never change their meaning.
library Codes {
    /// @dev It landed, or the key is usable.
    uint8 internal constant OK = 0;
    /// @dev No such request, or it has ended.
    uint8 internal constant NOT_OPEN = 1;
    /// @dev The deadline of the terms is over.
    uint8 internal constant DEADLINE_PASSED = 2;
    /// @dev The terms assign another operator.
    uint8 internal constant WRONG_OPERATOR = 3;
    /// @dev The terms demand another runtime profile.
    uint8 internal constant PROFILE_MISMATCH = 4;
    /// @dev `issuedAt` is further ahead than clocks may differ.
    uint8 internal constant ISSUED_IN_FUTURE = 5;
    /// @dev `expiresAt` is not ahead.
    uint8 internal constant STATEMENT_EXPIRED = 6;
    /// @dev `expiresAt` is more than a day after `issuedAt`.
    uint8 internal constant LIFETIME_TOO_LONG = 7;
    /// @dev Not 64 bytes, high s, or it recovers to nobody.
    uint8 internal constant BAD_PROOF = 8;
    /// @dev A stranger tried to land a result that has a callback.
    uint8 internal constant CALLER_NOT_ALLOWED = 9;
    /// @dev The callback could not be given what it was promised.
    uint8 internal constant GAS_TOO_LOW = 10;
    /// @dev Kept for requests whose `proofKind` this hub can not check; `request` refuses them today.
    uint8 internal constant PROOF_KIND_UNSUPPORTED = 11;

    /// @dev The key was never registered. A signature over anything else recovers to such a key.
    uint8 internal constant SIGNER_UNKNOWN = 32;
    /// @dev The key was closed for ever.
    uint8 internal constant SIGNER_CLOSED = 33;
    /// @dev The key's epoch is over.
    uint8 internal constant EPOCH_ENDED = 34;
    /// @dev The key did not show that it lives.
    uint8 internal constant HEARTBEAT_OVERDUE = 35;
    /// @dev The key's image was revoked.
    uint8 internal constant IMAGE_REVOKED = 36;
    /// @dev The key's level is below the demanded one.
    uint8 internal constant TRUST_TOO_LOW = 37;
    /// @dev The key belongs to another image than the demanded one.
    uint8 internal constant IMAGE_MISMATCH = 38;
    /// @dev Kept for registries in which a key may precede its image; ours refuses such a registration.
    uint8 internal constant IMAGE_NOT_ACTIVE = 39;
}
