// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";

/// @title The hub's two questions to its registry, without the compiler's coding
/// @notice The registry is immutable, was deployed for this hub and has code, which the hub's constructor proved by
/// calling it. So its answers have the declared form and need no second check. Saves about 300 gas a question.
library RegistryCalls {
    /// @notice `registry.check(signer, minTrust, imageId)`, the first two answers.
    /// @return code 0 if the key is usable.
    /// @return operatorId Whom its results credit.
    function vouch(
        IEnclaveRegistry registry,
        address signer,
        uint256 minTrust,
        bytes32 imageId
    ) internal view returns (uint256 code, uint256 operatorId) {
        bytes4 selector = IEnclaveRegistry.check.selector;
        // 100 bytes at the free pointer, which is not moved; 64 of the 128 bytes of the answer land in scratch space. A
        // registry that reverts, which `check` never does, makes the caller revert. The address is cleaned.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, selector)
            mstore(add(p, 0x04), shr(96, shl(96, signer)))
            mstore(add(p, 0x24), minTrust)
            mstore(add(p, 0x44), imageId)
            if iszero(staticcall(gas(), registry, p, 0x64, 0, 0x40)) {
                revert(0, 0)
            }
            code := mload(0)
            operatorId := mload(0x20)
        }
    }

    /// @notice `registry.checkFor(signer, minTrust, imageId, account)`.
    /// @return code 0 if the key is usable.
    /// @return operatorId Whom its results credit.
    /// @return mayAct Whether the account may act for that operator.
    function vouchFor(
        IEnclaveRegistry registry,
        address signer,
        uint256 minTrust,
        bytes32 imageId,
        address account
    ) internal view returns (uint256 code, uint256 operatorId, bool mayAct) {
        bytes4 selector = IEnclaveRegistry.checkFor.selector;
        // 132 bytes at the free pointer, which is not moved; the answer overwrites them. Both addresses are cleaned.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, selector)
            mstore(add(p, 0x04), shr(96, shl(96, signer)))
            mstore(add(p, 0x24), minTrust)
            mstore(add(p, 0x44), imageId)
            mstore(add(p, 0x64), shr(96, shl(96, account)))
            if iszero(staticcall(gas(), registry, p, 0x84, p, 0x60)) {
                revert(0, 0)
            }
            code := mload(p)
            operatorId := mload(add(p, 0x20))
            mayAct := mload(add(p, 0x40))
        }
    }
}
