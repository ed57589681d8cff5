// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Claims, IAttestationVerifier } from "../interfaces/IAttestationVerifier.sol";

/// @notice Test only: believes whatever claims it is fed, ABI-encoded, as the document.
contract MockAttestationVerifier is IAttestationVerifier {
    /// @inheritdoc IAttestationVerifier
    bool public override vouchesForHardware = true;

    /// @notice Changes its mind about hardware, as no honest verifier can.
    function setVouchesForHardware(bool vouches) external {
        vouchesForHardware = vouches;
    }

    /// @inheritdoc IAttestationVerifier
    function verify(bytes calldata document, bytes calldata) external pure override returns (Claims memory) {
        return abi.decode(document, (Claims));
    }
}
