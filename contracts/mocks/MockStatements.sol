// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ResultStatement } from "../interfaces/HubTypes.sol";
import { Domain } from "../libraries/Domain.sol";
import { Statements } from "../libraries/Statements.sol";

/// @notice Test only: the hashes that Solidity and TypeScript must agree on, callable.
contract MockStatements {
    function requestId(
        bytes32 domain,
        address requester,
        bytes32 salt,
        bytes32 modelHash,
        bytes32 inputHash,
        bytes calldata terms,
        uint96 rewardWei
    ) external pure returns (bytes32) {
        return Statements.requestId(domain, requester, salt, modelHash, inputHash, keccak256(terms), rewardWei);
    }

    function resultHash(ResultStatement calldata statement) external pure returns (bytes32) {
        return Statements.resultHash(statement);
    }

    function refusalHash(bytes32 id, uint16 reason, uint64 issuedAt, uint64 expiresAt) external pure returns (bytes32) {
        return Statements.refusalHash(id, reason, issuedAt, expiresAt);
    }

    function admissionHash(
        bytes32 modelHash,
        bytes32 signatureHash,
        uint64 issuedAt,
        uint64 expiresAt
    ) external pure returns (bytes32) {
        return Statements.admissionHash(modelHash, signatureHash, issuedAt, expiresAt);
    }

    function heartbeatHash(
        address signer,
        uint64 counter,
        uint64 blockNumber,
        bytes32 blockHash
    ) external pure returns (bytes32) {
        return Statements.heartbeatHash(signer, counter, blockNumber, blockHash);
    }

    function digest(bytes32 domain, bytes32 structHash) external pure returns (bytes32) {
        return Domain.digest(domain, structHash);
    }
}
