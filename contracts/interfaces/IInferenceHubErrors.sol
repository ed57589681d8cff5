// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title Errors of the hub
/// @notice Every rejection of a result by `fulfill`, `refuse` or `verify` has one error here and one code in
/// `libraries/Codes.sol`; `fulfillBatch` answers the code. `requestId` is 0 for a portable statement.
interface IInferenceHubErrors {
    /// @notice The registry was deployed for another hub.
    /// @param expected This hub.
    /// @param actual The registry's.
    error HubRegistryMismatch(address expected, address actual);

    /// @notice The terms are not one of the canonical encodings of docs/protocol.md section 2.
    /// @param length Their length, bytes.
    /// @param head Their first 32 bytes, zero-filled.
    error HubTermsMalformed(uint256 length, bytes32 head);

    /// @notice The model hash is zero.
    error HubModelZero();

    /// @notice The input is empty.
    error HubInputEmpty();

    /// @notice Only inline input (kind 0) is accepted today.
    /// @param inputKind As in the terms.
    error HubInputKindUnsupported(uint8 inputKind);

    /// @notice Only one enclave's signature (kind 0) is accepted today.
    /// @param proofKind As in the terms.
    error HubProofKindUnsupported(uint8 proofKind);

    /// @notice A minimum trust of 0 is refused where the registry allows no development enclaves, and above 4 nothing
    /// exists.
    /// @param minTrust As demanded.
    error HubMinTrustInvalid(uint8 minTrust);

    /// @notice The deadline of a new request is not ahead, or further ahead than allowed.
    /// @param deadline As in the terms, seconds.
    /// @param timestamp The block's time.
    /// @param latest The furthest deadline allowed.
    error HubDeadlineInvalid(uint256 deadline, uint256 timestamp, uint256 latest);

    /// @notice The callback may be given 5,000,000 gas at most.
    /// @param callbackGas As in the terms.
    /// @param maximum The cap.
    error HubCallbackGasTooHigh(uint256 callbackGas, uint256 maximum);

    /// @notice The value does not fit the 96 bits of a reward.
    /// @param valueWei As sent.
    error HubRewardTooLarge(uint256 valueWei);

    /// @notice The refusal fee is above the reward.
    /// @param refusalFeeWei As in the terms.
    /// @param rewardWei As sent.
    error HubRefusalFeeTooHigh(uint256 refusalFeeWei, uint256 rewardWei);

    /// @notice The id was used before: same requester, question, terms, reward and salt.
    /// @param requestId The id.
    error HubRequestExists(bytes32 requestId);

    /// @notice The request is in another state than the call needs (code NOT_OPEN).
    /// @param requestId The id that follows from what was handed in; an unknown one has status 0.
    /// @param status Its status.
    error HubRequestNotOpen(bytes32 requestId, uint8 status);

    /// @notice Too late to fulfil or refuse (code DEADLINE_PASSED).
    /// @param requestId The request.
    /// @param deadline Seconds.
    /// @param timestamp The block's time.
    error HubDeadlinePassed(bytes32 requestId, uint256 deadline, uint256 timestamp);

    /// @notice Too early to refund.
    /// @param requestId The request.
    /// @param deadline Seconds.
    /// @param timestamp The block's time.
    error HubDeadlineNotPassed(bytes32 requestId, uint256 deadline, uint256 timestamp);

    /// @notice The terms assign the request to another operator (code WRONG_OPERATOR).
    /// @param requestId The request.
    /// @param assigned The operator of the terms.
    /// @param actual The signer's operator.
    error HubWrongOperator(bytes32 requestId, uint32 assigned, uint32 actual);

    /// @notice The result was computed under another profile (code PROFILE_MISMATCH).
    /// @param requestId The request.
    /// @param expected As demanded.
    /// @param actual As signed.
    error HubProfileMismatch(bytes32 requestId, bytes32 expected, bytes32 actual);

    /// @notice The statement claims a time further ahead than clocks may differ (code ISSUED_IN_FUTURE).
    /// @param requestId The request.
    /// @param issuedAt As signed.
    /// @param timestamp The block's time.
    error HubIssuedInFuture(bytes32 requestId, uint256 issuedAt, uint256 timestamp);

    /// @notice The statement's time is over (code STATEMENT_EXPIRED).
    /// @param requestId The request.
    /// @param expiresAt As signed.
    /// @param timestamp The block's time.
    error HubStatementExpired(bytes32 requestId, uint256 expiresAt, uint256 timestamp);

    /// @notice The statement lives longer than 86,400 s (code LIFETIME_TOO_LONG).
    /// @param requestId The request.
    /// @param issuedAt As signed.
    /// @param expiresAt As signed.
    error HubLifetimeTooLong(bytes32 requestId, uint256 issuedAt, uint256 expiresAt);

    /// @notice The proof is not a 64-byte EIP-2098 signature with low s that recovers to a key (code BAD_PROOF).
    /// @dev A signature over anything else recovers to some stranger: that is `HubSignerNotUsable` with SIGNER_UNKNOWN.
    /// @param requestId The request.
    error HubBadProof(bytes32 requestId);

    /// @notice The registry does not vouch for the recovered key (codes 32 and above).
    /// @param requestId The request.
    /// @param signer The recovered key.
    /// @param code Why, see `libraries/Codes.sol`.
    error HubSignerNotUsable(bytes32 requestId, address signer, uint8 code);

    /// @notice A request with a callback is open to its requester, the signer's operator and posters only (code
    /// CALLER_NOT_ALLOWED).
    /// @param requestId The request.
    /// @param caller Who tried.
    error HubCallerNotAllowed(bytes32 requestId, address caller);

    /// @notice Less gas is left than the callback was promised (code GAS_TOO_LOW).
    /// @param requestId The request.
    /// @param callbackGas What the terms promise.
    error HubGasTooLow(bytes32 requestId, uint256 callbackGas);

    /// @notice What is handed back is not what landed.
    /// @param requestId The request.
    /// @param expected The stored commitment.
    /// @param actual What follows from the arguments.
    error HubCommitmentMismatch(bytes32 requestId, uint208 expected, uint208 actual);

    /// @notice No retry any more, or never (0).
    /// @param requestId The request.
    /// @param retryUntil Seconds.
    /// @param timestamp The block's time.
    error HubRetryOver(bytes32 requestId, uint256 retryUntil, uint256 timestamp);

    /// @notice The retried callback failed again.
    /// @param requestId The request.
    /// @param reason First four bytes of what it returned.
    error HubCallbackFailedAgain(bytes32 requestId, bytes4 reason);

    /// @notice There is no credit to pay.
    /// @param account An address, or an operator id with bit 160 set.
    error HubNothingToWithdraw(uint256 account);

    /// @notice The receiver did not take the payment; the credit stays.
    /// @param to The receiver.
    /// @param amountWei The amount.
    error HubPaymentFailed(address to, uint256 amountWei);

    /// @notice The statement is neither portable nor made for the caller.
    /// @param requestId As signed.
    /// @param requester As signed.
    /// @param caller Who called `verify`.
    error HubNotForCaller(bytes32 requestId, address requester, address caller);

    /// @notice The statement is for another model.
    /// @param expected As demanded.
    /// @param actual As signed.
    error HubModelMismatch(bytes32 expected, bytes32 actual);

    /// @notice The statement is for another input.
    /// @param expected As demanded.
    /// @param actual As signed.
    error HubInputMismatch(bytes32 expected, bytes32 actual);

    /// @notice The output handed in is not the signed one.
    /// @param expected As signed.
    /// @param actual Hash of what was handed in.
    error HubOutputMismatch(bytes32 expected, bytes32 actual);

    /// @notice The statement is for another context, or a portable one claims a context.
    /// @param expected As demanded, or 0.
    /// @param actual As signed.
    error HubContextMismatch(bytes32 expected, bytes32 actual);

    /// @notice A consumer must say how old a result may be.
    error HubMaxAgeZero();

    /// @notice The statement is older than the consumer takes.
    /// @param issuedAt As signed.
    /// @param maxAgeSeconds As demanded.
    /// @param timestamp The block's time.
    error HubStatementTooOld(uint256 issuedAt, uint256 maxAgeSeconds, uint256 timestamp);
}
