// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { BoundResult, Request, ResultStatement } from "../interfaces/HubTypes.sol";
import { Inference, InferTerms, PortableResult } from "../interfaces/SyncTypes.sol";
import { Handed } from "./Handed.sol";

/// @title Hashes of what is asked and what is signed
/// @notice docs/protocol.md sections 3 and 4. All functions are pure; domains are added by `Domain.digest`.
library Statements {
    /// @dev Separates these ids from those of orders signed or paid elsewhere.
    bytes32 private constant REQUEST_TAG = keccak256("assay/request/1");
    bytes32 private constant RESULT_TYPE = keccak256(
        "ResultStatement(bytes32 requestId,bytes32 modelHash,bytes32 inputHash,bytes32 outputHash,bytes32 contextRoot,bytes32 runtimeProfile,address requester,uint96 feeWei,uint64 issuedAt,uint64 expiresAt)"
    );
    bytes32 private constant REFUSAL_TYPE = keccak256(
        "Refusal(bytes32 requestId,uint16 reason,uint64 issuedAt,uint64 expiresAt)"
    );
    bytes32 private constant ADMISSION_TYPE = keccak256(
        "Admission(bytes32 modelHash,bytes32 signatureHash,uint64 issuedAt,uint64 expiresAt)"
    );
    bytes32 private constant HEARTBEAT_TYPE = keccak256(
        "Heartbeat(address signer,uint64 counter,uint64 blockNumber,bytes32 blockHash)"
    );
    bytes32 private constant CONSENT_TYPE = keccak256(
        "RegistrationConsent(bytes32 payloadHash,address operator,uint64 deadline)"
    );

    /// @notice `keccak256(abi.encode(REQUEST_TAG, domain, requester, salt, modelHash, inputHash, termsHash,
    /// rewardWei))`.
    /// @dev No counter, so a reorg or a race never gives one id two meanings.
    function requestId(
        bytes32 domain,
        address requester,
        bytes32 salt,
        bytes32 modelHash,
        bytes32 inputHash,
        bytes32 termsHash,
        uint256 rewardWei
    ) internal pure returns (bytes32 id) {
        bytes32 tag = REQUEST_TAG;
        // Eight words at the free pointer, which is not moved: the same bytes as `abi.encode` without its bookkeeping.
        // The address is cleaned, because the upper bits of a value in assembly are not defined.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, tag)
            mstore(add(p, 0x20), domain)
            mstore(add(p, 0x40), shr(96, shl(96, requester)))
            mstore(add(p, 0x60), salt)
            mstore(add(p, 0x80), modelHash)
            mstore(add(p, 0xa0), inputHash)
            mstore(add(p, 0xc0), termsHash)
            mstore(add(p, 0xe0), rewardWei)
            id := keccak256(p, 0x100)
        }
    }

    /// @notice The id of a request that is handed back in calldata.
    /// @param terms `q.terms`, decoded once by the caller.
    function requestIdOf(bytes32 domain, Request calldata q, bytes calldata terms) internal pure returns (bytes32 id) {
        bytes32 tag = REQUEST_TAG;
        // The six head words of a `Request` are requester, salt, modelHash, inputHash, offset of terms, rewardWei: the
        // preimage of the id once the offset is replaced by the hash. All is written at the free pointer, which is not
        // moved. Words with dirty upper bits are hashed as they are: such an id was never opened, so whoever finds the
        // id open has read clean words.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, terms.offset, terms.length)
            let termsHash := keccak256(p, terms.length)
            mstore(p, tag)
            mstore(add(p, 0x20), domain)
            calldatacopy(add(p, 0x40), q, 0xc0)
            mstore(add(p, 0xc0), termsHash)
            id := keccak256(p, 0x100)
        }
    }

    /// @notice EIP-712 `hashStruct` of the bound statement that an enclave signs for a request and an output. All that
    /// can be derived is derived, so that none of it can be claimed; the fee is 0, because the reward is the escrow.
    /// @param id The request's id.
    /// @param s What is not derived.
    /// @param contextRoot As the terms fix it.
    /// @param output The output set.
    function boundHash(
        bytes32 id,
        BoundResult calldata s,
        bytes32 contextRoot,
        bytes calldata output
    ) internal pure returns (bytes32 hash) {
        Request calldata q = Handed.requestOf(s);
        bytes32 typeHash = RESULT_TYPE;
        // Eleven words at the free pointer, which is not moved. Of `q` word 0 is the requester, words 2 and 3 are
        // model and input hash; of `s` word 1 is the profile, words 2 and 3 are the two times. Dirty upper bits make a
        // hash that no enclave signs.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, output.offset, output.length)
            let outputHash := keccak256(p, output.length)
            mstore(p, typeHash)
            mstore(add(p, 0x20), id)
            calldatacopy(add(p, 0x40), add(q, 0x40), 0x40)
            mstore(add(p, 0x80), outputHash)
            mstore(add(p, 0xa0), contextRoot)
            mstore(add(p, 0xc0), calldataload(add(s, 0x20)))
            mstore(add(p, 0xe0), calldataload(q))
            mstore(add(p, 0x100), 0)
            calldatacopy(add(p, 0x120), add(s, 0x40), 0x40)
            hash := keccak256(p, 0x160)
        }
    }

    /// @notice EIP-712 `hashStruct` of a whole result statement.
    function resultHash(ResultStatement calldata s) internal pure returns (bytes32 hash) {
        bytes32 typeHash = RESULT_TYPE;
        // Ten words of calldata behind the type hash, at the free pointer, which is not moved. Words with dirty upper
        // bits are hashed as they are: no enclave signs such a hash, so they only make the signature wrong.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 0x20), s, 0x140)
            hash := keccak256(p, 0x160)
        }
    }

    /// @notice `keccak256(abi.encode(modelHash, inputHash, minTrust, profile, imageId))` of an inference in calldata.
    function inferenceKey(Inference calldata inference) internal pure returns (bytes32 key) {
        // Five words of calldata at the free pointer, which is not moved. A `minTrust` with dirty upper bits gives a key
        // under which nobody ever looks: `inferenceKeyOf` hashes a clean one.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, inference, 0xa0)
            key := keccak256(p, 0xa0)
        }
    }

    /// @notice The same of what a consumer asks.
    function inferenceKeyOf(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) internal pure returns (bytes32 key) {
        // The input, then the five words, at the free pointer, which is not moved. Callers have read the level through the
        // compiler's decoder, which refuses dirty upper bits.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, input.offset, input.length)
            let inputHash := keccak256(p, input.length)
            mstore(p, modelHash)
            mstore(add(p, 0x20), inputHash)
            calldatacopy(add(p, 0x40), terms, 0x60)
            key := keccak256(p, 0xa0)
        }
    }

    /// @notice EIP-712 `hashStruct` of the portable statement behind a result: request, context and requester are zero, so
    /// that a bound statement, which one requester paid for, can never pass for one.
    function portableHash(PortableResult calldata r, bytes calldata output) internal pure returns (bytes32 hash) {
        bytes32 typeHash = RESULT_TYPE;
        // Eleven words at the free pointer, which is not moved. Of `r` words 0 and 1 are model and input hash, word 5 is the
        // profile, words 6 to 8 are fee and times. Dirty upper bits make a hash that no enclave signs.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, output.offset, output.length)
            let outputHash := keccak256(p, output.length)
            mstore(p, typeHash)
            mstore(add(p, 0x20), 0)
            calldatacopy(add(p, 0x40), r, 0x40)
            mstore(add(p, 0x80), outputHash)
            mstore(add(p, 0xa0), 0)
            mstore(add(p, 0xc0), calldataload(add(r, 0xa0)))
            mstore(add(p, 0xe0), 0)
            calldatacopy(add(p, 0x100), add(r, 0xc0), 0x60)
            hash := keccak256(p, 0x160)
        }
    }

    /// @notice EIP-712 `hashStruct` of a refusal.
    function refusalHash(bytes32 id, uint16 reason, uint64 issuedAt, uint64 expiresAt) internal pure returns (bytes32) {
        return keccak256(abi.encode(REFUSAL_TYPE, id, reason, issuedAt, expiresAt));
    }

    /// @notice EIP-712 `hashStruct` of an admission.
    function admissionHash(
        bytes32 modelHash,
        bytes32 signatureHash,
        uint64 issuedAt,
        uint64 expiresAt
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(ADMISSION_TYPE, modelHash, signatureHash, issuedAt, expiresAt));
    }

    /// @notice EIP-712 `hashStruct` of a heartbeat.
    function heartbeatHash(
        address signer,
        uint64 counter,
        uint64 blockNumber,
        bytes32 blockHash
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(HEARTBEAT_TYPE, signer, counter, blockNumber, blockHash));
    }

    /// @notice EIP-712 `hashStruct` of an operator's consent.
    function consentHash(bytes32 payloadHash, address operator, uint64 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONSENT_TYPE, payloadHash, operator, deadline));
    }

    /// @notice What the hub keeps of a result, so that what is handed back later can be compared.
    /// @return commitment `uint208(keccak256(abi.encode(statementHash, signer, requestedAt)))`.
    function commitmentOf(
        bytes32 statementHash,
        address signer,
        uint256 requestedAt
    ) internal pure returns (uint208 commitment) {
        // Three words at the free pointer, which is not moved; the address is cleaned.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, statementHash)
            mstore(add(p, 0x20), shr(96, shl(96, signer)))
            mstore(add(p, 0x40), requestedAt)
            commitment := shr(48, shl(48, keccak256(p, 0x60)))
        }
    }
}
