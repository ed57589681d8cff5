// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Claims, IAttestationVerifier } from "../interfaces/IAttestationVerifier.sol";

/// @notice Test only: believes whatever claims it is fed, ABI-encoded, as the document.
contract MockAttestationVerifier is IAttestationVerifier {
    /// @inheritdoc IAttestationVerifier
    function vouchesForHardware() external pure override returns (bool) {
        return true;
    }

    /// @inheritdoc IAttestationVerifier
    function verify(bytes calldata document, bytes calldata) external pure override returns (Claims memory) {
        return abi.decode(document, (Claims));
    }
}
