// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { InferenceConsumer } from "../consumers/InferenceConsumer.sol";
import { ConsumerPolicy } from "../consumers/ConsumerPolicy.sol";
import { InferenceAnswer } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { TensorEncoder } from "../libraries/TensorEncoder.sol";
import { TensorReader } from "../libraries/TensorReader.sol";
import { TensorSet } from "../libraries/TensorSet.sol";
import { MarketFeed } from "./MarketFeed.sol";

/// @title A vault that lends less against ether when a model expects it to move more
/// @notice Anyone may pay for a new forecast of the next day's volatility; the callback sets the loan-to-value for new
/// loans and withdrawals from it. Debts count in dollars, payments are made in ether at the feed's price.
/// @dev The forecast only tightens or loosens what may be borrowed next; it liquidates nobody, so that an operator that
/// chooses the moment of an answer gains no victim. A step is bounded by what was stored when the forecast was asked for,
/// an older forecast never replaces a newer one, and without a recent one the most cautious value holds. Interest is left
/// out to keep the example small.
contract VolatilityVault is InferenceConsumer {
    /// @notice What one account locked and owes.
    struct Position {
        uint256 collateralWei;
        uint256 debtUsd;
    }

    /// @notice Only the lender supplies and reclaims.
    error VaultNotLender(address caller);
    /// @notice Not the reward of a forecast, or too little for the debt.
    error VaultValueWrong(uint256 value, uint256 needed);
    /// @notice The vault has less to lend.
    error VaultLiquidityTooLow(uint256 freeWei, uint256 neededWei);
    /// @notice The debt would pass what the collateral carries at the present loan-to-value.
    error VaultDebtTooHigh(uint256 debtUsd, uint256 limitUsd);
    /// @notice More would be repaid than is owed.
    error VaultDebtTooLow(uint256 debtUsd, uint256 repaidUsd);
    /// @notice More would be unlocked than is locked.
    error VaultCollateralTooLow(uint256 collateralWei, uint256 neededWei);
    /// @notice The debt is below the liquidation threshold.
    error VaultPositionHealthy(address account);
    /// @notice The caller did not take its ether; nothing changed.
    error VaultTransferFailed(address account);

    /// @notice A forecast was paid for.
    event ForecastAsked(bytes32 indexed requestId, address indexed payer);
    /// @notice A forecast set the loan-to-value.
    event ForecastTaken(bytes32 indexed requestId, int256 volatility, uint256 loanToValue);
    /// @notice A newer forecast was already in force.
    event ForecastIgnored(bytes32 indexed requestId, uint256 requestedAt);
    /// @notice What an account has locked and owes now.
    event PositionChanged(address indexed account, uint256 collateralWei, uint256 debtUsd);
    /// @notice The vault kept what the debt was worth.
    event PositionLiquidated(address indexed account, uint256 keptWei);

    uint256 private constant UNIT = 1e18;
    /// @notice Bounds of the loan-to-value, in units of 1e-18.
    uint256 public constant MIN_LOAN_TO_VALUE = 0.3e18;
    uint256 public constant MAX_LOAN_TO_VALUE = 0.8e18;
    /// @notice Above this share of the collateral a debt is liquidated, whatever the forecast.
    uint256 public constant LIQUIDATION_LOAN_TO_VALUE = 0.9e18;
    /// @notice How many daily standard deviations of fall a new loan must survive.
    uint256 public constant DEVIATIONS = 4;
    /// @notice The most that one forecast moves the loan-to-value.
    uint256 public constant MAX_STEP = 0.2e18;
    /// @notice How long a forecast holds: what the model forecasts.
    uint256 public constant MAX_FORECAST_AGE_SECONDS = 1 days;

    /// @notice Whose ether is lent.
    address public immutable lender;
    /// @notice Where price and features come from: whoever reports there is trusted with every decision here.
    MarketFeed public immutable feed;
    /// @notice sha-256 of the model.
    bytes32 public immutable modelHash;
    /// @notice What a forecast costs whoever asks for it.
    uint256 public immutable rewardWei;

    /// @notice Ether that can be lent.
    uint256 public freeWei;
    /// @notice Block time at which the forecast in force was asked for, seconds.
    uint256 public forecastAt;
    /// @notice What an account has locked and owes.
    mapping(address account => Position) public positionOf;
    uint256 private _loanToValue = MIN_LOAN_TO_VALUE;
    /// @dev The loan-to-value when the forecast was asked for: the middle of what the answer may set.
    mapping(bytes32 requestId => uint256 loanToValue) private _askedAt;

    /// @param hub_ The hub to ask.
    /// @param policy Whose answers count.
    /// @param feed_ Where prices and features come from.
    /// @param modelHash_ `eth_volatility`: `features` float [1,13] -> `daily_volatility` float [1,1].
    /// @param rewardWei_ Paid to the operator per forecast.
    constructor(
        IInferenceHub hub_,
        ConsumerPolicy memory policy,
        MarketFeed feed_,
        bytes32 modelHash_,
        uint256 rewardWei_
    ) InferenceConsumer(hub_, policy) {
        (lender, feed, modelHash, rewardWei) = (msg.sender, feed_, modelHash_, rewardWei_);
    }

    /// @notice Adds to what the vault can lend.
    function supply() external payable {
        if (msg.sender != lender) revert VaultNotLender(msg.sender);
        freeWei += msg.value;
    }

    /// @notice Takes back what is not lent.
    function reclaim(uint256 amountWei) external {
        if (msg.sender != lender) revert VaultNotLender(msg.sender);
        _spendFree(amountWei);
        _send(amountWei);
    }

    /// @notice Asks for a new forecast; the value is its reward, and comes back to the caller, by the hub, if nobody
    /// answers.
    function refresh() external payable returns (bytes32 requestId) {
        if (msg.value != rewardWei) revert VaultValueWrong(msg.value, rewardWei);
        bytes memory features = TensorEncoder.float32(TensorEncoder.shape(1, 13), feed.features());
        requestId = _ask(modelHash, TensorEncoder.set("features", features), rewardWei, msg.sender);
        _askedAt[requestId] = loanToValue();
        emit ForecastAsked(requestId, msg.sender);
    }

    /// @notice Locks ether.
    function deposit() external payable {
        positionOf[msg.sender].collateralWei += msg.value;
        _emitChange(msg.sender);
    }

    /// @notice Borrows dollars, paid out in ether.
    function borrow(uint256 amountUsd) external {
        Position storage position = positionOf[msg.sender];
        position.debtUsd += amountUsd;
        _requireCovered(position);
        uint256 payoutWei = feed.toWeiDown(amountUsd);
        _spendFree(payoutWei);
        _emitChange(msg.sender);
        _send(payoutWei);
    }

    /// @notice Pays debt back in ether; what the value has too much comes back.
    function repay(uint256 amountUsd) external payable {
        Position storage position = positionOf[msg.sender];
        if (amountUsd > position.debtUsd) revert VaultDebtTooLow(position.debtUsd, amountUsd);
        uint256 owedWei = feed.toWeiUp(amountUsd);
        if (msg.value < owedWei) revert VaultValueWrong(msg.value, owedWei);
        position.debtUsd -= amountUsd;
        freeWei += owedWei;
        _emitChange(msg.sender);
        _send(msg.value - owedWei);
    }

    /// @notice Unlocks ether that the debt does not need. Without debt no price is needed either.
    function withdraw(uint256 amountWei) external {
        Position storage position = positionOf[msg.sender];
        if (amountWei > position.collateralWei) revert VaultCollateralTooLow(position.collateralWei, amountWei);
        position.collateralWei -= amountWei;
        if (position.debtUsd != 0) _requireCovered(position);
        _emitChange(msg.sender);
        _send(amountWei);
    }

    /// @notice Sells the collateral of a position whose debt passed 90 % of it, by anyone. The rest stays the account's.
    function liquidate(address account) external {
        Position storage position = positionOf[account];
        uint256 limitUsd = (feed.toUsd(position.collateralWei) * LIQUIDATION_LOAN_TO_VALUE) / UNIT;
        if (position.debtUsd <= limitUsd) revert VaultPositionHealthy(account);
        uint256 owedWei = feed.toWeiUp(position.debtUsd);
        uint256 keptWei = owedWei < position.collateralWei ? owedWei : position.collateralWei;
        position.collateralWei -= keptWei;
        position.debtUsd = 0;
        freeWei += keptWei;
        emit PositionLiquidated(account, keptWei);
        _emitChange(account);
    }

    /// @notice The share of the collateral that may be borrowed now, in units of 1e-18.
    function loanToValue() public view returns (uint256) {
        return block.timestamp - forecastAt <= MAX_FORECAST_AGE_SECONDS ? _loanToValue : MIN_LOAN_TO_VALUE;
    }

    /// @dev Only records. NaN, infinity and a missing tensor revert in the readers; a volatility of zero or less is what no
    /// market has, and counts as the most cautious answer.
    function _onAnswer(InferenceAnswer calldata answer, NamedTensor[] memory outputs) internal override {
        uint256 middle = _askedAt[answer.requestId];
        delete _askedAt[answer.requestId];
        if (answer.requestedAt < forecastAt) {
            emit ForecastIgnored(answer.requestId, answer.requestedAt);
            return;
        }
        int256 volatility = TensorReader.fixedSingle(TensorSet.single(outputs, "daily_volatility"));
        _loanToValue = _bounded(_targetOf(volatility), middle);
        forecastAt = answer.requestedAt;
        emit ForecastTaken(answer.requestId, volatility, _loanToValue);
    }

    /// @inheritdoc InferenceConsumer
    function _onNoAnswer(bytes32 requestId) internal override {
        delete _askedAt[requestId];
    }

    /// @dev What is left of the liquidation threshold after the fall that a new loan must survive.
    function _targetOf(int256 volatility) private pure returns (uint256) {
        if (volatility <= 0 || uint256(volatility) >= UNIT / DEVIATIONS) return MIN_LOAN_TO_VALUE;
        uint256 left = UNIT - DEVIATIONS * uint256(volatility);
        return (LIQUIDATION_LOAN_TO_VALUE * left) / UNIT;
    }

    /// @dev Within a step of `middle`, and within the bounds of the vault.
    function _bounded(uint256 target, uint256 middle) private pure returns (uint256) {
        if (target > middle + MAX_STEP) target = middle + MAX_STEP;
        if (target + MAX_STEP < middle) target = middle - MAX_STEP;
        if (target > MAX_LOAN_TO_VALUE) return MAX_LOAN_TO_VALUE;
        return target < MIN_LOAN_TO_VALUE ? MIN_LOAN_TO_VALUE : target;
    }

    /// @dev Reverts if the debt passes what the collateral carries now.
    function _requireCovered(Position storage position) private view {
        uint256 limitUsd = (feed.toUsd(position.collateralWei) * loanToValue()) / UNIT;
        if (position.debtUsd > limitUsd) revert VaultDebtTooHigh(position.debtUsd, limitUsd);
    }

    function _spendFree(uint256 amountWei) private {
        if (amountWei > freeWei) revert VaultLiquidityTooLow(freeWei, amountWei);
        freeWei -= amountWei;
    }

    function _emitChange(address account) private {
        emit PositionChanged(account, positionOf[account].collateralWei, positionOf[account].debtUsd);
    }

    /// @dev Last in every function: whatever the receiver calls again finds the state already changed.
    function _send(uint256 amountWei) private {
        (bool sent, ) = msg.sender.call{ value: amountWei }("");
        if (!sent) revert VaultTransferFailed(msg.sender);
    }
}
