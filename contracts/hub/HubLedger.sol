// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";
import { IInferenceHub } from "../interfaces/IInferenceHub.sol";
import { Account } from "../libraries/Account.sol";

/// @title The hub's money: credits and their payment
/// @notice Invariant: the rewards of all open requests plus all credits equal what the hub was paid less what it paid
/// out. Money moves between accounts inside the hub and leaves it by withdrawal only.
abstract contract HubLedger is IInferenceHub {
    /// @inheritdoc IInferenceHub
    IEnclaveRegistry public immutable override registry;

    /// @dev Keyed by `Account`: addresses as themselves, operators by their id.
    mapping(uint256 account => uint256 amountWei) private _credits;

    constructor(IEnclaveRegistry registry_) {
        registry = registry_;
    }

    /// @inheritdoc IInferenceHub
    function withdraw() external override returns (uint256 amountWei) {
        amountWei = _take(Account.ofAddress(msg.sender));
        emit Withdrawn(msg.sender, 0, amountWei);
        _pay(msg.sender, amountWei);
    }

    /// @inheritdoc IInferenceHub
    function withdrawOperator(uint32 operatorId) external override returns (uint256 amountWei) {
        amountWei = _take(Account.ofOperator(operatorId));
        // An operator with credit has registered, and a registered operator's payout is never zero.
        address payout = registry.payoutOf(operatorId);
        emit Withdrawn(payout, operatorId, amountWei);
        _pay(payout, amountWei);
    }

    /// @inheritdoc IInferenceHub
    function creditOf(address account) external view override returns (uint256) {
        return _credits[Account.ofAddress(account)];
    }

    /// @inheritdoc IInferenceHub
    function operatorCreditOf(uint32 operatorId) external view override returns (uint256) {
        return _credits[Account.ofOperator(operatorId)];
    }

    /// @dev Grows a credit. Nothing is written for nothing: a request without reward costs no slot.
    function _credit(uint256 account, uint256 amountWei) internal {
        if (amountWei == 0) return;
        // No overflow: the sum of all credits is money that exists, below 2^96 ether-weis by the supply.
        unchecked {
            _credits[account] += amountWei;
        }
    }

    /// @dev Shrinks an address's credit.
    function _debit(uint256 account, uint256 amountWei) internal {
        uint256 availableWei = _credits[account];
        if (availableWei < amountWei) revert HubCreditTooLow(address(uint160(account)), availableWei, amountWei);
        // No underflow: just compared.
        unchecked {
            _credits[account] = availableWei - amountWei;
        }
    }

    /// @dev The credit is gone before anybody is called, so a receiver that comes back finds nothing.
    function _take(uint256 account) private returns (uint256 amountWei) {
        amountWei = _credits[account];
        if (amountWei == 0) revert HubNothingToWithdraw(account);
        _credits[account] = 0;
    }

    /// @dev Sends no data, and copies none back: a receiver can only waste its own withdrawal.
    function _pay(address to, uint256 amountWei) private {
        bool success;
        assembly ("memory-safe") {
            success := call(gas(), to, amountWei, 0, 0, 0, 0)
        }
        if (!success) revert HubPaymentFailed(to, amountWei);
    }
}
