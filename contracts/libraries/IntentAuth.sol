// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IERC1271 } from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import { ERC2771Context } from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import { IIntentForwarder } from "../interfaces/IIntentForwarder.sol";
import { Proofs } from "./Proofs.sol";

/// @title Who signed an intent, and whether its target will believe the forwarder
library IntentAuth {
    /// @dev What a contract wallet may use to check a signature.
    uint256 private constant ERC1271_GAS = 200_000;
    /// @dev `isTrustedForwarder` compares an address; 30,000 covers an upgradeable proxy.
    uint256 private constant TRUST_GAS = 30_000;

    /// @notice Reverts unless the user's key, or the user's contract, signed.
    /// @dev The key first: an account with delegated code (EIP-7702) keeps its key, and no foreign code runs for it.
    function requireSigned(address from, bytes32 digest, bytes calldata signature) internal view {
        // The zero address is who a wrong signature recovers to.
        if (from != address(0) && Proofs.recoverLong(digest, signature) == from) return;
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 answer;
        // One word of answer, which an account without code does not give. Nothing beyond it is copied.
        assembly ("memory-safe") {
            let ok := staticcall(ERC1271_GAS, from, add(question, 0x20), mload(question), 0, 0x20)
            if and(ok, gt(returndatasize(), 0x1f)) {
                answer := mload(0)
            }
        }
        if (answer != bytes32(IERC1271.isValidSignature.selector)) {
            revert IIntentForwarder.IntentSignatureInvalid(from);
        }
    }

    /// @notice Reverts unless the target trusts this contract.
    /// @dev ERC-2771: without this a target would take the forwarder for the one who acts.
    function requireTrust(address target) internal view {
        bytes4 selector = ERC2771Context.isTrustedForwarder.selector;
        bool trusts;
        // 36 bytes at the free pointer, which is not moved. An account without code answers nothing.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, selector)
            mstore(add(p, 4), address())
            let ok := staticcall(TRUST_GAS, target, p, 0x24, 0, 0x20)
            trusts := and(and(ok, gt(returndatasize(), 0x1f)), eq(mload(0), 1))
        }
        if (!trusts) revert IIntentForwarder.IntentTargetDoesNotTrust(target);
    }
}
