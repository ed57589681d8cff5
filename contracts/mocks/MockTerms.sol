// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { Callback } from "../libraries/Callback.sol";
import { Proofs } from "../libraries/Proofs.sol";
import { Terms, TermsFields, TermsHead } from "../libraries/Terms.sol";

/// @notice Test only: the internal libraries, callable.
contract MockTerms {
    function encode(TermsFields calldata fields) external pure returns (bytes memory) {
        return Terms.encode(fields);
    }

    function parse(
        bytes calldata terms
    ) external pure returns (TermsFields memory f, uint8 proofKind, uint8 inputKind) {
        TermsHead head = Terms.parse(terms);
        f.deadline = uint40(head.deadline());
        f.retryUntil = uint40(head.retryUntil());
        f.callbackGas = uint32(head.callbackGas());
        f.minTrust = head.minTrust();
        f.assignedOperator = head.assignedOperator();
        f.refusalFeeWei = uint72(head.refusalFeeWei());
        f.profile = head.profile(terms);
        f.imageId = head.imageId(terms);
        f.contextRoot = head.contextRoot(terms);
        f.refundTo = head.refundTo(terms, address(0));
        return (f, head.proofKind(), head.inputKind());
    }

    function recover(bytes32 digest, bytes calldata proof) external view returns (address) {
        return Proofs.recover(digest, proof);
    }

    function affordable(uint256 callbackGas, uint256 outputLength) external view returns (bool, uint256) {
        return (Callback.affordable(callbackGas, outputLength), gasleft());
    }
}
