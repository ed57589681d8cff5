// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { Inference, InferTerms, PortableResult } from "./SyncTypes.sol";
import { ISyncInferenceErrors } from "./ISyncInferenceErrors.sol";

/// @title The synchronous way: a consumer asks in its own transaction and has the answer there
/// @notice A portable result is *present* for a key when somebody brought it: by `provide`, for the rest of the
/// transaction (EIP-1153), or by `publish`, until it expires. It is *usable now* if it has not expired and the registry
/// vouches for its signer under the key's demand at this very moment. What was provided is looked at first, then what was
/// published. In each of the two places the first usable entry wins and is never overwritten while it is usable.
///
/// Bringing costs the signed fee, once for each time a result becomes present; using is free. A consumer is never charged,
/// so nobody can spend its money by calling it.
///
/// NOT CHECKED: that input and output are canonical tensor sets (the enclave's promise), whether the model is any good,
/// how old a usable result is within its lifetime of at most 24 h, and whether the sender of a transaction chose its input
/// or its moment: a consumer whose answer moves money takes its input from its own, time-averaged state.
interface ISyncInference is ISyncInferenceErrors {
    /// @notice A result was published.
    /// @param key The inference key it fills.
    /// @param signer The enclave key.
    /// @param sponsor Whose grant to the signer's operator paid the fee; 0 = the sender paid.
    /// @param expiresAt When it ends to be usable at the latest, seconds.
    /// @param feeWei What it cost, wei.
    event Published(
        bytes32 indexed key,
        address indexed signer,
        address indexed sponsor,
        uint64 expiresAt,
        uint256 feeWei
    );
    /// @notice A published result that was no longer usable is gone.
    /// @param key The inference key.
    event Pruned(bytes32 indexed key);
    /// @notice A sponsor's grant changed: money came, the allowance rose, or a notice ended or was withdrawn.
    /// @param sponsor Whose.
    /// @param operatorId Who may draw on it.
    /// @param balanceWei What it holds now.
    /// @param dailyWei What may be drawn a day (of 86,400 s, from the Unix epoch).
    event GrantChanged(address indexed sponsor, uint32 indexed operatorId, uint256 balanceWei, uint256 dailyWei);
    /// @notice A sponsor wants its money back.
    /// @param sponsor Whose.
    /// @param operatorId Who may draw on it until then.
    /// @param endsAt From when on it can be reclaimed, seconds.
    event GrantNotice(address indexed sponsor, uint32 indexed operatorId, uint256 endsAt);

    /// @notice The output of a model on an input, if a result that satisfies the terms is present and usable now.
    /// @dev Writes nothing and costs no fee. Not `view`, so that a recorder can stand in for it in a simulation.
    /// Reverts with `InferenceRequired` otherwise, and with `HubMinTrustInvalid` for a trust level that does not exist.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param input The encoded input set.
    /// @param terms The demand.
    /// @return output The encoded output set.
    function infer(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external returns (bytes memory output);

    /// @notice As `infer`, and says so instead of reverting where no result is present.
    /// @dev For information only: who sends the transaction decides whether a result is brought, so a fallback must be the
    /// worst case for the sender.
    /// @return present Whether there is one.
    /// @return output The encoded output set, or nothing.
    function tryInfer(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external returns (bool present, bytes memory output);

    /// @notice As `tryInfer`, for static calls.
    /// @return present Whether there is one.
    /// @return output The encoded output set, or nothing.
    function peek(
        bytes32 modelHash,
        bytes calldata input,
        InferTerms calldata terms
    ) external view returns (bool present, bytes memory output);

    /// @notice Whether a usable result is present for a key.
    /// @dev The terms must be those that the key was made of, which is not checked: the answer is for who made the key.
    /// @param key The inference key.
    /// @param terms The demand.
    /// @return Whether `infer` would give an output.
    function isPresent(bytes32 key, InferTerms calldata terms) external view returns (bool);

    /// @notice Makes results present for the rest of this transaction. Fees are taken from the value, then from the
    /// sender's credit; what is left of the value becomes the sender's credit.
    /// @dev Reverts with `HubResultRejected` if one of them can not stand for its key. At most 256.
    /// @param results The results and the keys they fill.
    /// @return duplicates Bit i is set where a usable result was there before result i, which therefore was not taken, and
    /// not charged.
    function provide(PortableResult[] calldata results) external payable returns (uint256 duplicates);

    /// @notice Makes results present until they expire. Otherwise as `provide`.
    /// @param results The results and the keys they fill.
    /// @return duplicates As for `provide`.
    function publish(PortableResult[] calldata results) external payable returns (uint256 duplicates);

    /// @notice As `publish`, for operators: the fee of each result is paid by the grant of its sponsor, where one is named.
    /// @dev A grant pays for results of the operator that it was made to, and only that operator (or a poster of it) can
    /// draw on it: a result is public, so anybody else could bring it again and again at the sponsor's expense.
    /// @param results The results and the keys they fill.
    /// @param sponsors Who pays for each; zero = the sender, as in `publish`.
    /// @return duplicates As for `provide`.
    function publishFor(
        PortableResult[] calldata results,
        address[] calldata sponsors
    ) external payable returns (uint256 duplicates);

    /// @notice Clears published results that are no longer usable, by anyone; the refund of gas is the caller's.
    /// @param inferences What they answered.
    /// @return kept Bit i is set where the result is still usable, or there is none.
    function prune(Inference[] calldata inferences) external returns (uint256 kept);

    /// @notice Adds the value to the sender's credit, from which fees can be paid. `withdraw` gives it back.
    function deposit() external payable;

    /// @notice Adds the value to what an operator may draw on for results that it publishes for the sender, and sets how
    /// much of it a day. A notice that was given is withdrawn.
    /// @dev The most an operator can take without having earned it is a day's allowance for each day until the notice is
    /// over.
    /// @param operatorId The operator.
    /// @param dailyWei The allowance of a day; not below the present one.
    function grant(uint32 operatorId, uint256 dailyWei) external payable;

    /// @notice Announces that the sender wants its money back; the operator can draw on it for one more day, for what it
    /// computed already.
    /// @param operatorId The operator.
    function giveNotice(uint32 operatorId) external;

    /// @notice After the notice: what is left becomes the sender's credit, and the grant is gone.
    /// @param operatorId The operator.
    /// @return amountWei What was left.
    function reclaim(uint32 operatorId) external returns (uint256 amountWei);

    /// @notice What an operator may draw on.
    /// @param sponsor The sponsor.
    /// @param operatorId The operator.
    /// @return balanceWei What it holds.
    /// @return dailyWei The allowance of a day.
    /// @return availableWei What can be drawn now.
    /// @return noticeEndsAt When a notice that was given is over, seconds; 0 if none was.
    function grantOf(
        address sponsor,
        uint32 operatorId
    ) external view returns (uint256 balanceWei, uint256 dailyWei, uint256 availableWei, uint256 noticeEndsAt);
}
