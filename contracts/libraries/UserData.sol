// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistryErrors } from "../interfaces/IEnclaveRegistryErrors.sol";

/// @notice What an enclave says about itself inside its attestation, version 1.
/// @param version 1.
/// @param level The software level it reached.
/// @param hardwareRooted What it claims; never believed under a software root.
/// @param chainId The chain it serves.
/// @param registry The registry it registers with.
/// @param hubDomain The domain it signs under.
/// @param operator Whom its results credit.
/// @param payout Where that credit is paid to.
/// @param endpointHash keccak256 of its endpoint.
/// @param keyConfigHash keccak256 of its HPKE key configuration.
/// @param runtimeProfile The profile of its runners.
struct EnclaveData {
    uint8 version;
    uint8 level;
    bool hardwareRooted;
    uint256 chainId;
    address registry;
    bytes32 hubDomain;
    address operator;
    address payout;
    bytes32 endpointHash;
    bytes32 keyConfigHash;
    bytes32 runtimeProfile;
}

/// @title Reader of `user_data`
library UserData {
    /// @dev Eleven words.
    uint256 private constant LENGTH = 352;

    /// @notice Decodes the canonical 352 bytes or reverts.
    /// @dev `abi.decode` would revert without a name on dirty upper bits; here every unsound encoding has one error.
    /// @param raw As attested.
    /// @return data The fields; only `version` and the encoding have been judged.
    function decode(bytes memory raw) internal pure returns (EnclaveData memory data) {
        if (raw.length != LENGTH) revert IEnclaveRegistryErrors.RegistryUserDataMalformed(raw.length);
        bool canonical =
            _word(raw, 0) == 1 &&
                _word(raw, 1) <= type(uint8).max &&
                _word(raw, 2) <= 1 &&
                _word(raw, 4) <= type(uint160).max &&
                _word(raw, 6) <= type(uint160).max &&
                _word(raw, 7) <= type(uint160).max;
        if (!canonical) revert IEnclaveRegistryErrors.RegistryUserDataMalformed(raw.length);
        data = abi.decode(raw, (EnclaveData));
    }

    /// @dev Word `index` of `raw`; all indexes used are below 11, inside the length that was checked.
    function _word(bytes memory raw, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(raw, 0x20), shl(5, index)))
        }
    }
}
