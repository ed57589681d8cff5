// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @dev The one storage slot of a key: `u8 state | u8 level | u32 operatorId | u32 image | u1 draining | u39 validFrom |
/// u40 epochEnd | u40 heartbeatDue | u56 counter`. Everything that `check` needs of a key is here, so it costs one cold
/// read. The flag stands before a field that `check` does not read: none of those it reads pays for cutting it off.
type SignerRecord is uint256;

using SignerRecords for SignerRecord global;

/// @title The life of an enclave key in one slot
/// @notice None -> Active -> Closed, once; an active key may be draining, and that for ever. The slot is never deleted:
/// signer -> operator holds for ever.
library SignerRecords {
    uint8 internal constant ACTIVE = 1;
    uint8 internal constant CLOSED = 2;
    /// @dev The largest heartbeat counter.
    uint64 internal constant MAX_COUNTER = type(uint56).max;

    uint256 private constant DRAINING = 1 << 175;
    uint256 private constant EPOCH_MASK = uint256(0xffffffffff) << 96;
    uint256 private constant PULSE_MASK = type(uint96).max;

    /// @notice A new active key with counter 0. Times are block times in seconds and fit 39 bits for 17,000 years.
    function create(
        uint8 level_,
        uint32 operatorId_,
        uint32 image_,
        uint256 validFrom_
    ) internal pure returns (SignerRecord) {
        return
            SignerRecord.wrap(
                (uint256(ACTIVE) << 248) |
                    (uint256(level_) << 240) |
                    (uint256(operatorId_) << 208) |
                    (uint256(image_) << 176) |
                    (validFrom_ << 136)
            );
    }

    /// @notice The same key with another epoch end.
    function withEpochEnd(SignerRecord r, uint256 epochEnd_) internal pure returns (SignerRecord) {
        return SignerRecord.wrap((SignerRecord.unwrap(r) & ~EPOCH_MASK) | (epochEnd_ << 96));
    }

    /// @notice The same key after a sign of life.
    function withPulse(SignerRecord r, uint256 heartbeatDue_, uint64 counter_) internal pure returns (SignerRecord) {
        return SignerRecord.wrap((SignerRecord.unwrap(r) & ~PULSE_MASK) | (heartbeatDue_ << 56) | counter_);
    }

    /// @notice The same key, draining.
    function drained(SignerRecord r) internal pure returns (SignerRecord) {
        return SignerRecord.wrap(SignerRecord.unwrap(r) | DRAINING);
    }

    /// @notice The same key, closed.
    function closed(SignerRecord r) internal pure returns (SignerRecord) {
        return SignerRecord.wrap((SignerRecord.unwrap(r) & (type(uint256).max >> 8)) | (uint256(CLOSED) << 248));
    }

    /// @notice 0 None, or one of the constants.
    function state(SignerRecord r) internal pure returns (uint8) {
        return uint8(SignerRecord.unwrap(r) >> 248);
    }

    /// @notice Trust level.
    function level(SignerRecord r) internal pure returns (uint8) {
        return uint8(SignerRecord.unwrap(r) >> 240);
    }

    /// @notice Whom its results credit.
    function operatorId(SignerRecord r) internal pure returns (uint32) {
        return uint32(SignerRecord.unwrap(r) >> 208);
    }

    /// @notice Index of its image.
    function image(SignerRecord r) internal pure returns (uint32) {
        return uint32(SignerRecord.unwrap(r) >> 176);
    }

    /// @notice Block time of registration, seconds.
    function validFrom(SignerRecord r) internal pure returns (uint40) {
        return uint40((SignerRecord.unwrap(r) & ~DRAINING) >> 136);
    }

    /// @notice Whether it takes nothing new and is never renewed.
    function draining(SignerRecord r) internal pure returns (bool) {
        return SignerRecord.unwrap(r) & DRAINING != 0;
    }

    /// @notice First second at which it is no longer good.
    function epochEnd(SignerRecord r) internal pure returns (uint40) {
        return uint40(SignerRecord.unwrap(r) >> 96);
    }

    /// @notice First second at which the next heartbeat is overdue.
    function heartbeatDue(SignerRecord r) internal pure returns (uint40) {
        return uint40(SignerRecord.unwrap(r) >> 56);
    }

    /// @notice The last heartbeat counter.
    function counter(SignerRecord r) internal pure returns (uint64) {
        return uint56(SignerRecord.unwrap(r));
    }
}
