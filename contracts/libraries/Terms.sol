// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IInferenceHubErrors } from "../interfaces/IInferenceHubErrors.sol";

/// @dev The first 32 bytes of terms: `u8 version | u40 deadline | u40 retryUntil | u32 callbackGas | u8 minTrust |
/// u8 proofKind | u8 inputKind | u32 assignedOperator | u72 refusalFeeWei | u8 flags`, big-endian.
type TermsHead is uint256;

using Terms for TermsHead global;

/// @notice Terms as fields, for those who build them.
/// @param deadline Last second at which a result may land.
/// @param retryUntil Last second at which a failed callback may run again; 0 = never.
/// @param callbackGas What the callback gets; 0 = no callback.
/// @param minTrust Lowest trust level.
/// @param assignedOperator The only operator that may serve it; 0 = any.
/// @param refusalFeeWei What of the reward pays a signed refusal.
/// @param profile The only runtime profile; 0 = any.
/// @param imageId The only image; 0 = any approved one.
/// @param contextRoot The context that the statement must carry; 0 = none.
/// @param refundTo Whose credit a refund is; 0 = the requester's.
struct TermsFields {
    uint40 deadline;
    uint40 retryUntil;
    uint32 callbackGas;
    uint8 minTrust;
    uint32 assignedOperator;
    uint72 refusalFeeWei;
    bytes32 profile;
    bytes32 imageId;
    bytes32 contextRoot;
    address refundTo;
}

/// @title Packed terms, version 1
/// @notice Head of 32 bytes, then `profile` (32), `imageId` (32), `contextRoot` (32) and `refundTo` (20), each present
/// exactly if its flag bit is set and then not zero. So every set of terms has one encoding, and one hash.
library Terms {
    /// @dev The only version there is.
    uint256 private constant VERSION = 1;
    uint256 private constant HAS_PROFILE = 1;
    uint256 private constant HAS_IMAGE = 2;
    uint256 private constant HAS_CONTEXT = 4;
    uint256 private constant HAS_REFUND_TO = 8;
    /// @dev Bits 4-7 have no meaning and must be zero.
    uint256 private constant UNKNOWN_FLAGS = 0xf0;

    /// @dev Version, `retryUntil` and flags.
    uint256 private constant PLAIN_MASK = (0xff << 248) | (0xffffffffff << 168) | 0xff;

    /// @notice Checks that terms are canonical and returns their head.
    /// @dev Judges the encoding and what the fields say about one another, not whether the hub accepts their values.
    /// @param terms The packed terms.
    /// @return head Their first 32 bytes.
    function parse(bytes calldata terms) internal pure returns (TermsHead head) {
        head = headOf(terms);
        uint256 word = TermsHead.unwrap(head);
        // Most terms have no tail and no retries: version 1, everything else that could be wrong is zero.
        if (terms.length == 32 && word & PLAIN_MASK == VERSION << 248) return head;
        uint256 bits = word & 0xff;
        bool canonical = word >> 248 == VERSION && bits & UNKNOWN_FLAGS == 0 && terms.length == _lengthFor(bits);
        if (canonical && bits != 0) {
            canonical =
                (bits & HAS_PROFILE == 0 || head.profile(terms) != 0) &&
                (bits & HAS_IMAGE == 0 || head.imageId(terms) != 0) &&
                (bits & HAS_CONTEXT == 0 || head.contextRoot(terms) != 0) &&
                (bits & HAS_REFUND_TO == 0 || head.refundTo(terms, address(0)) != address(0));
        }
        uint256 retry = head.retryUntil();
        if (retry != 0) canonical = canonical && retry >= head.deadline() && head.callbackGas() != 0;
        if (!canonical) revert IInferenceHubErrors.HubTermsMalformed(terms.length, bytes32(terms));
    }

    /// @notice The head of terms that are known to be canonical, because an open request commits to them.
    /// @param terms The packed terms, at least 32 bytes, or the result means nothing.
    /// @return head Their first 32 bytes.
    function headOf(bytes calldata terms) internal pure returns (TermsHead head) {
        // Calldata beyond its end reads as zero, so this can not fail; `parse` checks the length.
        assembly ("memory-safe") {
            head := calldataload(terms.offset)
        }
    }

    /// @notice Packs terms of proof kind 0 and inline input.
    /// @dev Makes the one encoding; the hub judges the values.
    /// @param f The fields.
    /// @return The packed terms.
    function encode(TermsFields memory f) internal pure returns (bytes memory) {
        uint256 bits =
            (f.profile == 0 ? 0 : HAS_PROFILE) |
                (f.imageId == 0 ? 0 : HAS_IMAGE) |
                (f.contextRoot == 0 ? 0 : HAS_CONTEXT) |
                (f.refundTo == address(0) ? 0 : HAS_REFUND_TO);
        uint256 head =
            (VERSION << 248) |
                (uint256(f.deadline) << 208) |
                (uint256(f.retryUntil) << 168) |
                (uint256(f.callbackGas) << 136) |
                (uint256(f.minTrust) << 128) |
                (uint256(f.assignedOperator) << 80) |
                (uint256(f.refusalFeeWei) << 8) |
                bits;
        bytes memory packed = abi.encodePacked(head);
        if (f.profile != 0) packed = bytes.concat(packed, f.profile);
        if (f.imageId != 0) packed = bytes.concat(packed, f.imageId);
        if (f.contextRoot != 0) packed = bytes.concat(packed, f.contextRoot);
        return f.refundTo == address(0) ? packed : bytes.concat(packed, bytes20(f.refundTo));
    }

    /// @notice Last second at which a result may land.
    function deadline(TermsHead head) internal pure returns (uint256) {
        return (TermsHead.unwrap(head) >> 208) & 0xffffffffff;
    }

    /// @notice Last second at which a failed callback may run again.
    function retryUntil(TermsHead head) internal pure returns (uint256) {
        return (TermsHead.unwrap(head) >> 168) & 0xffffffffff;
    }

    /// @notice What the callback gets, gas.
    function callbackGas(TermsHead head) internal pure returns (uint256) {
        return (TermsHead.unwrap(head) >> 136) & 0xffffffff;
    }

    /// @notice Lowest trust level.
    function minTrust(TermsHead head) internal pure returns (uint8) {
        return uint8(TermsHead.unwrap(head) >> 128);
    }

    /// @notice Whether `proofKind` or `inputKind` is not 0.
    function hasKinds(TermsHead head) internal pure returns (bool) {
        return TermsHead.unwrap(head) & (0xffff << 112) != 0;
    }

    /// @notice How the result is proven.
    function proofKind(TermsHead head) internal pure returns (uint8) {
        return uint8(TermsHead.unwrap(head) >> 120);
    }

    /// @notice How the input is committed to.
    function inputKind(TermsHead head) internal pure returns (uint8) {
        return uint8(TermsHead.unwrap(head) >> 112);
    }

    /// @notice The only operator that may serve it, or 0.
    function assignedOperator(TermsHead head) internal pure returns (uint32) {
        return uint32(TermsHead.unwrap(head) >> 80);
    }

    /// @notice What of the reward pays a signed refusal, wei.
    function refusalFeeWei(TermsHead head) internal pure returns (uint256) {
        return (TermsHead.unwrap(head) >> 8) & 0xffffffffffffffffff;
    }

    /// @notice The only runtime profile, or 0.
    function profile(TermsHead head, bytes calldata terms) internal pure returns (bytes32) {
        if (TermsHead.unwrap(head) & HAS_PROFILE == 0) return 0;
        return _wordAt(terms, 32);
    }

    /// @notice The only image, or 0.
    function imageId(TermsHead head, bytes calldata terms) internal pure returns (bytes32) {
        if (TermsHead.unwrap(head) & HAS_IMAGE == 0) return 0;
        return _wordAt(terms, _lengthFor(TermsHead.unwrap(head) & HAS_PROFILE));
    }

    /// @notice The context that the statement must carry, or 0.
    function contextRoot(TermsHead head, bytes calldata terms) internal pure returns (bytes32) {
        if (TermsHead.unwrap(head) & HAS_CONTEXT == 0) return 0;
        return _wordAt(terms, _lengthFor(TermsHead.unwrap(head) & (HAS_PROFILE | HAS_IMAGE)));
    }

    /// @notice Whose credit a refund is: the terms', or else the requester's.
    function refundTo(TermsHead head, bytes calldata terms, address requester) internal pure returns (address) {
        if (TermsHead.unwrap(head) & HAS_REFUND_TO == 0) return requester;
        uint256 offset = _lengthFor(TermsHead.unwrap(head) & (HAS_PROFILE | HAS_IMAGE | HAS_CONTEXT));
        return address(bytes20(_wordAt(terms, offset)));
    }

    /// @dev The exact length of terms with these flags.
    function _lengthFor(uint256 bits) private pure returns (uint256) {
        if (bits == 0) return 32;
        return 32 + 32 * ((bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1)) + 20 * ((bits >> 3) & 1);
    }

    /// @dev 32 bytes of the terms. Only called for parts whose flag is set in terms of the exact length, so the part
    /// lies inside; what is read beyond a 20-byte tail is cut off by the caller.
    function _wordAt(bytes calldata terms, uint256 offset) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := calldataload(add(terms.offset, offset))
        }
    }
}
