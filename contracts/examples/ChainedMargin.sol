// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { SyncInferenceConsumer } from "../consumers/SyncInferenceConsumer.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";
import { FixedLog } from "../libraries/FixedLog.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { TensorEncoder } from "../libraries/TensorEncoder.sol";
import { TensorReader } from "../libraries/TensorReader.sol";
import { TensorSet } from "../libraries/TensorSet.sol";
import { MarketFeed } from "./MarketFeed.sol";

/// @title A margin set by two models, the second of which is asked about the first one's answer
/// @notice `eth_volatility` forecasts the next day; the fall of `DEVIATIONS` such days is the buffer; `liquidation_risk` says
/// how likely the price falls through that buffer; the margin is the buffer, widened by that risk. Both answers are used in
/// the transaction that asked, though what the second one is asked is known only when the first one has answered.
/// @dev Features are the feed's, whose reporter is trusted; nothing comes from calldata. Anyone may call.
contract ChainedMargin is SyncInferenceConsumer {
    /// @notice The models set a margin.
    event MarginSet(int256 volatility, uint256 buffer, int256 risk, uint256 margin);

    uint256 private constant UNIT = 1e18;
    uint256 private constant DEVIATIONS = 2;
    /// @dev The buffers `liquidation_risk` was trained on.
    uint256 private constant MIN_BUFFER = 0.005e18;
    uint256 private constant MAX_BUFFER = 0.3e18;

    /// @notice Where features come from.
    MarketFeed public immutable feed;
    /// @notice sha-256 of `eth_volatility`: `features` float [1,13] -> `daily_volatility` float [1,1].
    bytes32 public immutable volatilityModel;
    /// @notice sha-256 of `liquidation_risk`: `features` float [1,17] -> `probability` float [1,1].
    bytes32 public immutable riskModel;
    /// @notice Margin in units of 1e-18 of a position; all of it until the models have spoken.
    uint256 public margin = UNIT;

    /// @param hub_ The hub to ask.
    /// @param terms Whose answers count.
    /// @param feed_ Where features come from.
    /// @param models `eth_volatility`, then `liquidation_risk`.
    constructor(
        IInferenceHub hub_,
        InferTerms memory terms,
        MarketFeed feed_,
        bytes32[2] memory models
    ) SyncInferenceConsumer(hub_, terms) {
        (feed, volatilityModel, riskModel) = (feed_, models[0], models[1]);
    }

    /// @notice Sets the margin for the present market.
    function refresh() external returns (uint256) {
        int256[] memory market = feed.features();
        int256 volatility = _single(_infer(volatilityModel, _encode(market)), "daily_volatility");
        uint256 buffer = bufferOf(volatility);
        int256 risk = _single(_infer(riskModel, _encode(_riskFeatures(buffer, market))), "probability");
        // A probability outside 0 to 1 is what no model of probabilities says: the whole position.
        bool isOdd = risk < 0 || uint256(risk) > UNIT;
        margin = isOdd ? UNIT : buffer + ((UNIT - buffer) * uint256(risk)) / UNIT;
        emit MarginSet(volatility, buffer, risk, margin);
        return margin;
    }

    /// @notice How far the price may fall for a forecast, in units of 1e-18.
    function bufferOf(int256 volatility) public pure returns (uint256) {
        if (volatility <= 0 || uint256(volatility) >= MAX_BUFFER / DEVIATIONS) return MAX_BUFFER;
        uint256 buffer = DEVIATIONS * uint256(volatility);
        return buffer < MIN_BUFFER ? MIN_BUFFER : buffer;
    }

    /// @dev The fall in four forms, then the market, as `liquidation_risk` was trained.
    function _riskFeatures(uint256 buffer, int256[] memory market) private pure returns (int256[] memory list) {
        int256 drop = -FixedLog.ln(UNIT - buffer);
        int256 logDrop = FixedLog.ln(uint256(drop));
        list = new int256[](17);
        (list[0], list[1], list[2], list[3]) = (drop, logDrop, logDrop - market[1], logDrop - market[2]);
        for (uint256 i = 0; i < 13; ++i) list[4 + i] = market[i];
    }

    function _encode(int256[] memory list) private pure returns (bytes memory) {
        uint32 count = uint32(list.length);
        return TensorEncoder.set("features", TensorEncoder.float32(TensorEncoder.shape(1, count), list));
    }

    function _single(NamedTensor[] memory outputs, string memory name) private pure returns (int256) {
        return TensorReader.fixedSingle(TensorSet.single(outputs, name));
    }
}
