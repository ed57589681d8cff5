// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { InferTerms } from "./SyncTypes.sol";

/// @title Errors of the synchronous way
interface ISyncInferenceErrors {
    /// @notice No usable result is present for what was asked: bring one with `provide` or `publish` and call again. An
    /// engine that simulates the transaction reads from this what to run.
    /// @param key The inference key.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param input The encoded input set, whole.
    /// @param terms The demand.
    error InferenceRequired(bytes32 key, bytes32 modelHash, bytes input, InferTerms terms);
    /// @notice A result can not stand for the key it names; nothing of the call took effect.
    /// @param index Its place in the call.
    /// @param key The inference key.
    /// @param code Why, see `libraries/Codes.sol`: profile, time, proof or the registry's word.
    error HubResultRejected(uint256 index, bytes32 key, uint8 code);
    /// @notice More results than one call takes.
    /// @param count How many.
    /// @param maximum How many at most.
    error HubTooManyResults(uint256 count, uint256 maximum);
    /// @notice One sponsor for each result is needed.
    /// @param results How many results.
    /// @param sponsors How many sponsors.
    error HubSponsorsMismatch(uint256 results, uint256 sponsors);
    /// @notice The fees are more than the value sent and the sender's credit: `deposit` first, or send value.
    /// @param account Whose credit.
    /// @param availableWei What there is beside the value.
    /// @param neededWei What is missing from the value.
    error HubCreditTooLow(address account, uint256 availableWei, uint256 neededWei);
    /// @notice The sponsor's grant to this operator does not cover the fees: it is empty, used up for today, or closed.
    /// @param sponsor The sponsor.
    /// @param operatorId The operator.
    /// @param availableWei What it covers now.
    /// @param neededWei What was asked of it.
    error HubGrantTooLow(address sponsor, uint32 operatorId, uint256 availableWei, uint256 neededWei);
    /// @notice Only the operator that a sponsor granted its allowance, or its posters, may draw on it.
    /// @param operatorId The operator.
    /// @param caller Who tried.
    error HubNotOperator(uint32 operatorId, address caller);
    /// @notice A grant, or a day's allowance, is above 2^72 - 1 wei.
    /// @param amountWei What was asked for.
    error HubGrantTooLarge(uint256 amountWei);
    /// @notice A day's allowance is not lowered under an operator that may have computed on it: give notice first.
    /// @param presentWei What it is.
    /// @param askedWei What was asked for.
    error HubGrantLowered(uint256 presentWei, uint256 askedWei);
    /// @notice No notice was given, or it is not over.
    /// @param endsAt When it is over, seconds; 0 if none was given.
    /// @param timestamp The block's time.
    error HubNoticeNotOver(uint256 endsAt, uint256 timestamp);
    /// @notice There is no such grant.
    /// @param sponsor The sponsor.
    /// @param operatorId The operator.
    error HubGrantUnknown(address sponsor, uint32 operatorId);
}
