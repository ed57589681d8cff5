// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { ERC2771Context } from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { SyncInferenceConsumer } from "../consumers/SyncInferenceConsumer.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { InferTerms } from "../interfaces/SyncTypes.sol";
import { NamedTensor } from "../libraries/Tensor.sol";
import { TensorEncoder } from "../libraries/TensorEncoder.sol";
import { TensorReader } from "../libraries/TensorReader.sol";
import { TensorSet } from "../libraries/TensorSet.sol";
import { HourlySeries } from "./HourlySeries.sol";

/// @title A constant-product pool whose fee follows a model's forecast of volatility, asked inside `swap`
/// @notice Who trades when the market is about to move takes from who provides; a fee that grows with the forecast gives some
/// of it back. Features come from the pool's own hourly series, see `HourlySeries`: a trader can not choose them, neither by
/// calldata nor by trading first in the same transaction. Without a forecast nobody swaps; while there is too little history
/// to ask for one, everybody pays the highest fee, the worst case for the sender.
/// @dev Works by bundle, by raw transaction and by intent: `_msgSender` is the user behind the trusted forwarder (ERC-2771).
/// One provider and plain tokens (no fee on transfer, no rebase) keep the example small.
contract VolatilityFeePool is SyncInferenceConsumer, HourlySeries, ERC2771Context {
    using SafeERC20 for IERC20;

    /// @notice Only the provider adds and removes.
    error PoolNotProvider(address caller);
    /// @notice The output is below what the trader accepts.
    error PoolOutputTooLow(uint256 amountOut, uint256 minimumOut);
    /// @notice There is nothing to swap against, or nothing was offered.
    error PoolEmpty();

    /// @notice A trader swapped.
    event Swapped(address indexed trader, bool zeroForOne, uint256 amountIn, uint256 amountOut, uint256 fee);

    uint256 private constant UNIT = 1e18;
    /// @notice Bounds of the fee, in units of 1e-18 of what comes in.
    uint256 public constant MIN_FEE = 0.0005e18;
    uint256 public constant MAX_FEE = 0.01e18;
    /// @dev A forecast of 3 % a day makes a fee of 0.2 %.
    uint256 private constant FEE_PER_VOLATILITY = 15;

    /// @notice Who owns what is in the pool.
    address public immutable provider;
    /// @notice The two tokens; the price is that of the first in units of the second.
    IERC20 public immutable token0;
    IERC20 public immutable token1;
    /// @notice sha-256 of the model.
    bytes32 public immutable modelHash;

    /// @notice What can be swapped.
    uint256 public reserve0;
    uint256 public reserve1;

    /// @param hub_ The hub to ask.
    /// @param terms Whose answers count.
    /// @param forwarder Whom to believe about senders (ERC-2771); 0 = nobody.
    /// @param tokens The two tokens.
    /// @param modelHash_ `eth_volatility`: `features` float [1,13] -> `daily_volatility` float [1,1].
    constructor(
        IInferenceHub hub_,
        InferTerms memory terms,
        address forwarder,
        IERC20[2] memory tokens,
        bytes32 modelHash_
    ) SyncInferenceConsumer(hub_, terms) ERC2771Context(forwarder) {
        (provider, token0, token1, modelHash) = (msg.sender, tokens[0], tokens[1], modelHash_);
    }

    /// @notice Adds to the pool.
    function add(uint256 amount0, uint256 amount1) external {
        if (_msgSender() != provider) revert PoolNotProvider(_msgSender());
        _observe(_price());
        (reserve0, reserve1) = (reserve0 + amount0, reserve1 + amount1);
        token0.safeTransferFrom(provider, address(this), amount0);
        token1.safeTransferFrom(provider, address(this), amount1);
    }

    /// @notice Takes out of the pool.
    function remove(uint256 amount0, uint256 amount1) external {
        if (_msgSender() != provider) revert PoolNotProvider(_msgSender());
        _observe(_price());
        (reserve0, reserve1) = (reserve0 - amount0, reserve1 - amount1);
        token0.safeTransfer(provider, amount0);
        token1.safeTransfer(provider, amount1);
    }

    /// @notice Swaps at the fee of the present forecast.
    /// @param zeroForOne Whether the first token comes in.
    /// @param amountIn What comes in.
    /// @param minimumOut What must come out.
    function swap(bool zeroForOne, uint256 amountIn, uint256 minimumOut) external returns (uint256 amountOut) {
        _observe(_price());
        _requireClosed();
        bytes memory input = modelInput();
        uint256 fee = input.length == 0 ? MAX_FEE : _feeOf(_infer(modelHash, input));
        amountOut = _outputOf(zeroForOne, amountIn, fee);
        if (amountOut < minimumOut) revert PoolOutputTooLow(amountOut, minimumOut);
        if (zeroForOne) (reserve0, reserve1) = (reserve0 + amountIn, reserve1 - amountOut);
        else (reserve0, reserve1) = (reserve0 - amountOut, reserve1 + amountIn);
        address trader = _msgSender();
        emit Swapped(trader, zeroForOne, amountIn, amountOut, fee);
        (IERC20 from, IERC20 to) = zeroForOne ? (token0, token1) : (token1, token0);
        from.safeTransferFrom(trader, address(this), amountIn);
        to.safeTransfer(trader, amountOut);
    }

    /// @notice What a swap would give now, by the forecast that is present. Reverts with `InferenceRequired` if none is, and
    /// with `SeriesBehind` if hours wait to be closed.
    function quote(bool zeroForOne, uint256 amountIn) external view returns (uint256 amountOut, uint256 fee) {
        _requireClosed();
        bytes memory input = modelInput();
        fee = input.length == 0 ? MAX_FEE : _feeOf(_peek(modelHash, input));
        amountOut = _outputOf(zeroForOne, amountIn, fee);
    }

    /// @notice What the model is asked in this hour; empty while there is too little history.
    function modelInput() public view returns (bytes memory) {
        int256[] memory list = features();
        if (list.length == 0) return "";
        return TensorEncoder.set("features", TensorEncoder.float32(TensorEncoder.shape(1, 13), list));
    }

    /// @inheritdoc HourlySeries
    function _price() internal view override returns (uint256) {
        return reserve0 == 0 ? 0 : (reserve1 * UNIT) / reserve0;
    }

    function _outputOf(bool zeroForOne, uint256 amountIn, uint256 fee) private view returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        if (amountIn == 0 || reserveIn == 0 || reserveOut == 0) revert PoolEmpty();
        uint256 net = amountIn - (amountIn * fee) / UNIT;
        return (net * reserveOut) / (reserveIn + net);
    }

    /// @dev NaN, infinity and a missing tensor revert in the readers. A volatility of zero or less is what no market has.
    function _feeOf(NamedTensor[] memory outputs) private pure returns (uint256) {
        int256 volatility = TensorReader.fixedSingle(TensorSet.single(outputs, "daily_volatility"));
        if (volatility <= 0) return MAX_FEE;
        uint256 fee = uint256(volatility) / FEE_PER_VOLATILITY;
        if (fee < MIN_FEE) return MIN_FEE;
        return fee > MAX_FEE ? MAX_FEE : fee;
    }
}
