// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { BoundResult, Expected, Fulfilment, Request, ResultStatement } from "./HubTypes.sol";
import { IEnclaveRegistry } from "./IEnclaveRegistry.sol";
import { IInferenceHubErrors } from "./IInferenceHubErrors.sol";
import { ISyncInference } from "./ISyncInference.sol";

/// @title Requests, escrow, fulfilment, refusals, callbacks, refunds and pull verification
/// @notice A contract asks a model, an enclave answers, the chain checks the proof, the contract acts.
/// A request moves `None -> Open -> Fulfilled | CallbackFailed | Refused | Refunded`; `CallbackFailed` becomes
/// `Fulfilled` by a retry that succeeds. The state of an id is never reused.
/// The hub never calls an address, or sends data, that a caller chooses: it calls the requester with one fixed
/// selector, its immutable registry, and it pays by withdrawal. It has no owner and no proxy, and no key of anybody can
/// take escrow.
/// NOT CHECKED: that input and output are canonical tensor sets, that a model hash names an existing model, that a
/// model is any good. The first is the enclave's promise, the others are the consumer's choice.
interface IInferenceHub is IInferenceHubErrors, ISyncInference {
    /// @notice A request was opened. The input travels here and is not stored.
    /// @param requestId Hash over everything below and the hub's domain.
    /// @param requester Who asked and will be called back.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param salt The requester's salt.
    /// @param rewardWei The escrow.
    /// @param terms Packed terms.
    /// @param input The encoded input set.
    event Requested(
        bytes32 indexed requestId,
        address indexed requester,
        bytes32 indexed modelHash,
        bytes32 salt,
        uint96 rewardWei,
        bytes terms,
        bytes input
    );

    /// @notice A result landed and its operator was credited. The output is in the calldata of the transaction.
    /// @param requestId The request.
    /// @param signer The enclave key.
    /// @param statementHash EIP-712 `hashStruct` of the bound `ResultStatement` (without the domain).
    event Fulfilled(bytes32 indexed requestId, address indexed signer, bytes32 statementHash);

    /// @notice The callback of a result that landed (and was paid) failed.
    /// @param requestId The request.
    /// @param reason First four bytes of what the requester returned, zero-filled: mostly its error selector. Zero
    /// where the requester has no code, ran out of gas or returned nothing.
    event CallbackFailed(bytes32 indexed requestId, bytes4 reason);

    /// @notice A failed callback was run again and succeeded.
    /// @param requestId The request.
    event CallbackRetried(bytes32 indexed requestId);

    /// @notice A request ended by a signed refusal; the escrow less the refusal fee is back.
    /// @param requestId The request.
    /// @param signer The enclave key.
    /// @param reason See docs/protocol.md section 4.
    event Refused(bytes32 indexed requestId, address indexed signer, uint16 reason);

    /// @notice A request was not served in time and its escrow was credited back.
    /// @param requestId The request.
    /// @param refundTo Whose credit grew.
    /// @param amountWei By how much.
    event Refunded(bytes32 indexed requestId, address indexed refundTo, uint256 amountWei);

    /// @notice A batch item did not land. Nothing of it took effect.
    /// @param requestId The id that follows from the item.
    /// @param index Its place in the batch.
    /// @param code Why, see `libraries/Codes.sol`.
    event ItemRejected(bytes32 indexed requestId, uint256 index, uint8 code);

    /// @notice A credit was paid out.
    /// @param to Who was paid.
    /// @param operatorId The operator whose credit it was, or 0 for an address's own.
    /// @param amountWei How much.
    event Withdrawn(address indexed to, uint32 indexed operatorId, uint256 amountWei);

    /// @notice Opens a request and reserves its reward: the value sent.
    /// @dev Terms must be canonical. `deadline` must be after the block's time and at most 30 days ahead. Reverts with
    /// `HubRequestExists` if the id was ever used: choose another salt.
    /// @param modelHash sha-256 of the ONNX file; not zero.
    /// @param input The encoded input set, not empty; public for ever.
    /// @param terms Packed terms.
    /// @param salt Any value the caller did not use for the same question.
    /// @return requestId The id, see docs/protocol.md section 3.
    function request(
        bytes32 modelHash,
        bytes calldata input,
        bytes calldata terms,
        bytes32 salt
    ) external payable returns (bytes32 requestId);

    /// @notice Lands a result: verifies, credits the signer's operator, then calls the requester back if asked to.
    /// @dev At or before the deadline. Open to everyone without a callback; with one, only to the requester, the
    /// signer's operator and its posters, so that the moment of acting is no free option for strangers. A failing
    /// callback does not revert: see `CallbackFailed`. Reverts if less gas is left than the callback was promised.
    /// Send it with `callbackGas * 64 / 63` plus 120,000 gas (more for large outputs), not with an estimate.
    /// @param statement What was signed, as far as it can not be derived.
    /// @param output The encoded output set; any tail that is not signed changes the hash and is refused.
    /// @param proof The 64-byte EIP-2098 signature, low s.
    function fulfill(BoundResult calldata statement, bytes calldata output, bytes calldata proof) external;

    /// @notice Lands many results; an item that can not land is reported and spoils no other.
    /// @dev Reverts only for calldata that is not ABI-encoded, or if gas runs out between items. An item is rejected
    /// with `GAS_TOO_LOW` rather than starved. An estimate finds a gas limit at which items are rejected: compute the
    /// limit instead, as for `fulfill`, item by item.
    /// @param items The results, each paid to its own signer's operator.
    /// @return codes 0 where an item landed, otherwise why not.
    function fulfillBatch(Fulfilment[] calldata items) external returns (uint8[] memory codes);

    /// @notice Ends a request by an enclave's signed refusal, by anyone, at or before the deadline.
    /// @dev The same checks of signer, operator, trust, image and time as for a result. `refusalFeeWei` of the terms
    /// goes to the operator, the rest to `refundTo`. There is no callback: the requester sees the status.
    /// @param request The request.
    /// @param reason As signed.
    /// @param issuedAt As signed.
    /// @param expiresAt As signed.
    /// @param proof The 64-byte EIP-2098 signature, low s.
    function refuse(
        Request calldata request,
        uint16 reason,
        uint64 issuedAt,
        uint64 expiresAt,
        bytes calldata proof
    ) external;

    /// @notice Runs a failed callback again, until `retryUntil` of the terms. Reverts if it fails again, and then
    /// changes nothing.
    /// @dev Open to the requester, the signer's operator and its posters. What is handed back is compared with the
    /// stored commitment, so nothing is verified anew and a signer that was closed or revoked meanwhile does not
    /// matter.
    /// @param statement As it landed.
    /// @param output As it landed.
    /// @param signer As it landed.
    /// @param requestedAt Block time of the request, seconds.
    function retryCallback(
        BoundResult calldata statement,
        bytes calldata output,
        address signer,
        uint64 requestedAt
    ) external;

    /// @notice After the deadline, by anyone: credits the escrow of an open request to `refundTo` of its terms, or to
    /// the requester where absent.
    /// @param request The request.
    function refund(Request calldata request) external;

    /// @notice Pays out the caller's own credit, to the caller.
    /// @return amountWei What was paid; never 0.
    function withdraw() external returns (uint256 amountWei);

    /// @notice Pays out an operator's credit to `registry.payoutOf(operatorId)`; by anyone.
    /// @param operatorId The operator.
    /// @return amountWei What was paid; never 0.
    function withdrawOperator(uint32 operatorId) external returns (uint256 amountWei);

    /// @notice Pull: reverts unless a usable enclave signed exactly this output for exactly what is expected.
    /// @dev Takes portable statements and those whose requester is the caller. Stores nothing, so the same result
    /// passes again until it is too old or expired: a consumer that must act once records that itself.
    /// NOT CHECKED: `feeWei` (nothing is charged here), whether a bound statement's request is still open.
    /// @param expected What the consumer demands. `maxAgeSeconds` 0 is refused: it would let whoever brings the result
    /// choose among all those of a whole statement lifetime (24 h), which a consumer has to decide, not to forget.
    /// @param output The encoded output set.
    /// @param statement What was signed.
    /// @param proof The 64-byte EIP-2098 signature, low s.
    /// @return signer The enclave key.
    /// @return trust Its trust level, 4 hardware-rooted, 3-1 software, 0 development only.
    function verify(
        Expected calldata expected,
        bytes calldata output,
        ResultStatement calldata statement,
        bytes calldata proof
    ) external view returns (address signer, uint8 trust);

    /// @notice The stored state of an id.
    /// @param requestId The id.
    /// @return status 0 None, 1 Open, 2 Fulfilled, 3 CallbackFailed, 4 Refused, 5 Refunded.
    /// @return at Block time of the last move, seconds (Open: of the request; CallbackFailed, and a retry: of landing).
    /// @return commitment After a result: `uint208(keccak256(abi.encode(statementHash, signer, requestedAt)))`, else 0.
    function statusOf(bytes32 requestId) external view returns (uint8 status, uint40 at, uint208 commitment);

    /// @notice What `withdraw` would pay `account`.
    /// @param account Any address.
    /// @return Wei.
    function creditOf(address account) external view returns (uint256);

    /// @notice What `withdrawOperator` would pay.
    /// @param operatorId Any operator.
    /// @return Wei.
    function operatorCreditOf(uint32 operatorId) external view returns (uint256);

    /// @notice For explaining only, never for acting: did this statement land while its key was good?
    /// @dev True if the statement is the one recorded for the id, and the moment of landing lies inside the key's epoch
    /// and before any revocation's `compromisedSince`. No time that a statement claims about itself is looked at.
    /// @param requestId The id.
    /// @param statementHash EIP-712 `hashStruct` of the bound statement.
    /// @param signer The enclave key.
    /// @param requestedAt Block time of the request, seconds.
    /// @return Whether all of that holds.
    function wasAuthentic(
        bytes32 requestId,
        bytes32 statementHash,
        address signer,
        uint64 requestedAt
    ) external view returns (bool);

    /// @notice EIP-712 domain under which enclaves sign: name `Assay`, version `1`, this chain, this hub.
    /// @dev Follows the chain id after a split. Request ids keep the domain of deployment, so that escrow stays
    /// refundable on both sides of a split while signatures of one side are void on the other.
    /// @return The domain separator.
    function domainSeparator() external view returns (bytes32);

    /// @notice The registry, fixed at deployment.
    /// @return Its address.
    function registry() external view returns (IEnclaveRegistry);
}
