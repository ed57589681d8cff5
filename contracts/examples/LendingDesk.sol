// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { InferenceConsumer } from "../consumers/InferenceConsumer.sol";
import { ConsumerPolicy } from "../consumers/ConsumerPolicy.sol";
import { InferenceAnswer } from "../interfaces/IInferenceCallback.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { FixedLog } from "../libraries/FixedLog.sol";
import { NamedTensor, Tensor } from "../libraries/Tensor.sol";
import { TensorEncoder } from "../libraries/TensorEncoder.sol";
import { TensorReader } from "../libraries/TensorReader.sol";
import { TensorSet } from "../libraries/TensorSet.sol";
import { MarketFeed } from "./MarketFeed.sol";

/// @title A desk that refuses, grants and prices one-day loans by the probability of their liquidation
/// @notice A borrower locks ether and asks for dollars; the model says how likely the ether falls below the debt within a
/// day; the callback refuses, or grants at a rate that grows with the risk. Debts count in dollars, payments are made in
/// ether at the feed's price.
/// @dev Everything that pays is a credit that its owner claims, so that no borrower's code runs inside a callback. What
/// the answer is judged by is stored when it is asked for: neither the lender's later settings nor the moment that an
/// operator chooses for the answer can change it.
contract LendingDesk is InferenceConsumer {
    using TensorReader for Tensor;

    /// @notice Where a loan stands.
    enum Stage {
        None,
        Asked,
        Refused,
        Granted,
        Repaid,
        Liquidated,
        Unanswered
    }

    /// @notice What the lender lends at. Copied into every loan when it is asked for.
    /// @param maxRisk The highest probability of liquidation that is granted, in units of 1e-18.
    /// @param baseRate Interest for the day without any risk, in units of 1e-18.
    /// @param riskRate Interest for the day per unit of risk, in units of 1e-18.
    struct Pricing {
        uint64 maxRisk;
        uint64 baseRate;
        uint64 riskRate;
    }

    /// @notice One loan, by the id of the request that decides it.
    /// @param collateralWei Locked by the borrower.
    /// @param debtUsd Owed; the interest is added when it is granted.
    /// @param payoutWei Reserved when asked; what was paid out once granted.
    /// @param minPriceUsd Below this price the loan is refused, whatever the model says.
    /// @param dueAt Block time, seconds; after it anyone may liquidate.
    struct Loan {
        address borrower;
        Stage stage;
        uint40 dueAt;
        uint256 collateralWei;
        uint256 debtUsd;
        uint256 payoutWei;
        uint256 minPriceUsd;
        Pricing pricing;
    }

    /// @notice Only the lender funds, empties and prices the desk.
    error DeskNotLender(address caller);
    /// @notice A rate or a risk above one.
    error DeskPricingInvalid();
    /// @notice The value does not pay for the answer and some collateral, or not for the debt.
    error DeskValueTooLow(uint256 value, uint256 needed);
    /// @notice The collateral is worth too little beside the debt. `buffer` is how far the price may fall, in 1e-18.
    error DeskBufferTooThin(uint256 buffer, uint256 least);
    /// @notice The desk can not reserve what it would have to pay out.
    error DeskLiquidityTooLow(uint256 freeWei, uint256 neededWei);
    /// @notice The loan does not stand where the call needs it.
    error DeskWrongStage(bytes32 requestId, Stage stage);
    /// @notice Neither overdue nor worth less than its debt.
    error DeskLoanHealthy(bytes32 requestId);
    /// @notice The account has no credit.
    error DeskNothingToClaim(address account);
    /// @notice The account did not take its ether; the credit stays.
    error DeskTransferFailed(address account);

    /// @notice A loan was asked for and waits for the model.
    event LoanAsked(bytes32 indexed requestId, address indexed borrower, uint256 collateralWei, uint256 debtUsd);
    /// @notice The model, or the price, spoke against the loan; the collateral is the borrower's to claim.
    event LoanRefused(bytes32 indexed requestId, int256 risk);
    /// @notice The loan runs. `debtUsd` has the interest in it, `payoutWei` is the borrower's to claim.
    event LoanGranted(bytes32 indexed requestId, int256 risk, uint256 payoutWei, uint256 debtUsd, uint256 dueAt);
    /// @notice The debt is paid; the collateral is the borrower's to claim.
    event LoanRepaid(bytes32 indexed requestId, uint256 paidWei);
    /// @notice The desk kept what the debt was worth.
    event LoanLiquidated(bytes32 indexed requestId, uint256 keptWei);
    /// @notice Nobody answered; the collateral is the borrower's to claim, the reward is at the hub.
    event LoanUnanswered(bytes32 indexed requestId);
    /// @notice Loans asked for from now on are judged and priced by this.
    event PricingSet(Pricing pricing);

    /// @notice How long a loan runs: what the model forecasts.
    uint256 public constant TERM_SECONDS = 1 days;
    uint256 private constant UNIT = 1e18;
    /// @dev The model was trained on buffers of 0.5 % to 30 %. A larger one is shown to it as 30 %, which can only make
    /// the risk look higher; a smaller one is not asked about.
    uint256 private constant MIN_BUFFER = 0.005e18;
    uint256 private constant MAX_BUFFER = 0.3e18;
    /// @dev How far the price may have fallen between question and answer.
    uint256 private constant MAX_DRIFT = 0.01e18;

    /// @notice Whose ether is lent.
    address public immutable lender;
    /// @notice Where price and features come from: whoever reports there is trusted with every decision here.
    MarketFeed public immutable feed;
    /// @notice sha-256 of the model.
    bytes32 public immutable modelHash;
    /// @notice What a borrower pays for the answer, beside the collateral.
    uint256 public immutable rewardWei;

    /// @notice What the next loan is judged and priced by.
    Pricing public pricing;
    /// @notice Ether that is neither lent, reserved, locked nor credited.
    uint256 public freeWei;
    mapping(bytes32 requestId => Loan) private _loans;
    /// @notice What `claim` would pay an account.
    mapping(address account => uint256 amountWei) public creditOf;

    modifier onlyLender() {
        if (msg.sender != lender) revert DeskNotLender(msg.sender);
        _;
    }

    /// @param hub_ The hub to ask.
    /// @param policy Whose answers count.
    /// @param feed_ Where prices and features come from.
    /// @param modelHash_ `liquidation_risk`: `features` float [1,17] -> `probability` float [1,1].
    /// @param rewardWei_ Paid to the operator per answer.
    constructor(
        IInferenceHub hub_,
        ConsumerPolicy memory policy,
        MarketFeed feed_,
        bytes32 modelHash_,
        uint256 rewardWei_
    ) InferenceConsumer(hub_, policy) {
        (lender, feed, modelHash, rewardWei) = (msg.sender, feed_, modelHash_, rewardWei_);
        pricing = Pricing({ maxRisk: 0.2e18, baseRate: 0.0002e18, riskRate: 0.02e18 });
    }

    /// @notice Adds to what the desk can lend.
    function deposit() external payable onlyLender {
        freeWei += msg.value;
    }

    /// @notice Takes back what is not lent, reserved, locked or credited.
    function withdraw(uint256 amountWei) external onlyLender {
        _spendFree(amountWei);
        creditOf[lender] += amountWei;
    }

    /// @notice Sets what loans asked for from now on are judged and priced by.
    function setPricing(Pricing calldata pricing_) external onlyLender {
        bool sane = pricing_.maxRisk <= UNIT && pricing_.baseRate <= UNIT && pricing_.riskRate <= UNIT;
        if (!sane) revert DeskPricingInvalid();
        pricing = pricing_;
        emit PricingSet(pricing_);
    }

    /// @notice Asks for a loan. The value is the collateral and the reward of the answer.
    /// @param debtUsd Dollars to borrow, in units of 1e-18.
    /// @return requestId The loan's id.
    function ask(uint256 debtUsd) external payable returns (bytes32 requestId) {
        if (msg.value <= rewardWei) revert DeskValueTooLow(msg.value, rewardWei + 1);
        uint256 collateralWei = msg.value - rewardWei;
        uint256 buffer = _bufferOf(feed.toUsd(collateralWei), debtUsd);
        uint256 payoutWei = feed.toWeiDown(debtUsd);
        _spendFree(payoutWei);
        bytes memory features = TensorEncoder.float32(TensorEncoder.shape(1, 17), _features(buffer));
        requestId = _ask(modelHash, TensorEncoder.set("features", features), rewardWei, msg.sender);
        _loans[requestId] = Loan({
            borrower: msg.sender,
            stage: Stage.Asked,
            dueAt: 0,
            collateralWei: collateralWei,
            debtUsd: debtUsd,
            payoutWei: payoutWei,
            minPriceUsd: (feed.price() * (UNIT - MAX_DRIFT)) / UNIT,
            pricing: pricing
        });
        emit LoanAsked(requestId, msg.sender, collateralWei, debtUsd);
    }

    /// @notice Pays a loan back, by anyone, at the feed's price. What is too much is credited to the payer.
    function repay(bytes32 requestId) external payable {
        Loan storage loan = _inStage(requestId, Stage.Granted);
        uint256 owedWei = feed.toWeiUp(loan.debtUsd);
        if (msg.value < owedWei) revert DeskValueTooLow(msg.value, owedWei);
        loan.stage = Stage.Repaid;
        freeWei += owedWei;
        creditOf[msg.sender] += msg.value - owedWei;
        creditOf[loan.borrower] += loan.collateralWei;
        emit LoanRepaid(requestId, owedWei);
    }

    /// @notice Sells the collateral of a loan that is overdue or worth less than its debt, by anyone. What the debt does
    /// not need goes back to the borrower. Without a fresh price nothing moves, neither this nor `repay`.
    function liquidate(bytes32 requestId) external {
        Loan storage loan = _inStage(requestId, Stage.Granted);
        uint256 owedWei = feed.toWeiUp(loan.debtUsd);
        if (block.timestamp <= loan.dueAt && owedWei <= loan.collateralWei) revert DeskLoanHealthy(requestId);
        uint256 keptWei = owedWei < loan.collateralWei ? owedWei : loan.collateralWei;
        loan.stage = Stage.Liquidated;
        freeWei += keptWei;
        creditOf[loan.borrower] += loan.collateralWei - keptWei;
        emit LoanLiquidated(requestId, keptWei);
    }

    /// @notice Pays out the caller's credit: a granted loan, returned collateral, change.
    function claim() external returns (uint256 amountWei) {
        amountWei = creditOf[msg.sender];
        if (amountWei == 0) revert DeskNothingToClaim(msg.sender);
        creditOf[msg.sender] = 0;
        (bool sent, ) = msg.sender.call{ value: amountWei }("");
        if (!sent) revert DeskTransferFailed(msg.sender);
    }

    /// @notice A loan as it stands.
    function loanOf(bytes32 requestId) external view returns (Loan memory) {
        return _loans[requestId];
    }

    /// @dev Decides by what was stored when the loan was asked for. The price is looked at again because the operator
    /// chose the moment: the borrower gets no more ether than the debt is worth now, nor than was reserved.
    function _onAnswer(InferenceAnswer calldata answer, NamedTensor[] memory outputs) internal override {
        Loan storage loan = _loans[answer.requestId];
        int256 risk = TensorSet.single(outputs, "probability").fixedSingle();
        bool priceHolds = feed.isFresh() && feed.price() >= loan.minPriceUsd;
        // What is no probability is no answer to price a loan by.
        if (!priceHolds || risk < 0 || risk > int256(uint256(loan.pricing.maxRisk))) {
            _giveBack(loan, Stage.Refused);
            emit LoanRefused(answer.requestId, risk);
            return;
        }
        uint256 rate = loan.pricing.baseRate + (uint256(risk) * loan.pricing.riskRate) / UNIT;
        uint256 nowWei = feed.toWeiDown(loan.debtUsd);
        uint256 payoutWei = nowWei < loan.payoutWei ? nowWei : loan.payoutWei;
        freeWei += loan.payoutWei - payoutWei;
        loan.stage = Stage.Granted;
        loan.dueAt = uint40(block.timestamp + TERM_SECONDS);
        loan.payoutWei = payoutWei;
        loan.debtUsd += (loan.debtUsd * rate) / UNIT;
        creditOf[loan.borrower] += payoutWei;
        emit LoanGranted(answer.requestId, risk, payoutWei, loan.debtUsd, loan.dueAt);
    }

    /// @inheritdoc InferenceConsumer
    function _onNoAnswer(bytes32 requestId) internal override {
        _giveBack(_loans[requestId], Stage.Unanswered);
        emit LoanUnanswered(requestId);
    }

    /// @dev Ends a loan that never ran: the reserve is free again, the collateral the borrower's.
    function _giveBack(Loan storage loan, Stage stage) private {
        loan.stage = stage;
        freeWei += loan.payoutWei;
        creditOf[loan.borrower] += loan.collateralWei;
    }

    function _inStage(bytes32 requestId, Stage stage) private view returns (Loan storage loan) {
        loan = _loans[requestId];
        if (loan.stage != stage) revert DeskWrongStage(requestId, loan.stage);
    }

    function _spendFree(uint256 amountWei) private {
        if (amountWei > freeWei) revert DeskLiquidityTooLow(freeWei, amountWei);
        freeWei -= amountWei;
    }

    /// @dev How far the price may fall until the collateral is worth the debt.
    function _bufferOf(uint256 collateralUsd, uint256 debtUsd) private pure returns (uint256 buffer) {
        if (debtUsd < collateralUsd) buffer = UNIT - (debtUsd * UNIT) / collateralUsd;
        if (debtUsd == 0 || buffer < MIN_BUFFER) revert DeskBufferTooThin(buffer, MIN_BUFFER);
        return buffer > MAX_BUFFER ? MAX_BUFFER : buffer;
    }

    /// @dev The model's features: d = -ln(1 - buffer), ln d, ln d less the log volatilities of a day and a week, and the
    /// thirteen of the feed. Only the buffer is the borrower's choice, and a truthful one: it follows from what is locked.
    function _features(uint256 buffer) private view returns (int256[] memory list) {
        int256[] memory market = feed.features();
        int256 distance = -FixedLog.ln(UNIT - buffer);
        int256 logDistance = FixedLog.ln(uint256(distance)); // A buffer of at least 0.5 % is a distance above zero.
        list = new int256[](17);
        (list[0], list[1]) = (distance, logDistance);
        (list[2], list[3]) = (logDistance - market[1], logDistance - market[2]);
        for (uint256 i = 0; i < 13; ++i) list[4 + i] = market[i];
    }
}
