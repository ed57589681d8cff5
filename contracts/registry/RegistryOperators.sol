// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "../interfaces/IEnclaveRegistry.sol";

/// @title Operators, apart from any key
/// @notice One id per address, counted from 1 and never given up: credit, reputation and evidence hang on it while
/// keys, payouts and posters come and go.
abstract contract RegistryOperators is IEnclaveRegistry {
    uint32 private _operatorCount;
    mapping(uint32 operatorId => address operator) private _operators;
    mapping(address operator => uint32 operatorId) private _operatorIds;
    mapping(uint32 operatorId => address payout) private _payouts;
    mapping(uint32 operatorId => mapping(address poster => bool allowed)) private _posters;

    modifier onlyOperator(uint32 operatorId) {
        if (msg.sender != _operators[operatorId]) revert RegistryNotAllowed(msg.sender);
        _;
    }

    /// @inheritdoc IEnclaveRegistry
    function setPayout(uint32 operatorId, address payout) external override onlyOperator(operatorId) {
        _setPayout(operatorId, payout);
    }

    /// @inheritdoc IEnclaveRegistry
    function setPoster(uint32 operatorId, address poster, bool allowed) external override onlyOperator(operatorId) {
        _posters[operatorId][poster] = allowed;
        emit PosterSet(operatorId, poster, allowed);
    }

    /// @inheritdoc IEnclaveRegistry
    function payoutOf(uint32 operatorId) external view override returns (address) {
        return _payouts[operatorId];
    }

    /// @inheritdoc IEnclaveRegistry
    function operatorOf(uint32 operatorId) external view override returns (address) {
        return _operators[operatorId];
    }

    /// @inheritdoc IEnclaveRegistry
    function operatorIdOf(address operator) public view override returns (uint32) {
        return _operatorIds[operator];
    }

    /// @inheritdoc IEnclaveRegistry
    function mayActFor(uint32 operatorId, address account) public view override returns (bool) {
        // The zero address is no operator: without the second test it would be one of every unknown id.
        return (account == _operators[operatorId] && account != address(0)) || _posters[operatorId][account];
    }

    /// @dev The id of an operator, given on first use, with its payout as attested.
    function _enrol(address operator, address payout) internal returns (uint32 operatorId) {
        operatorId = _operatorIds[operator];
        if (operatorId == 0) {
            operatorId = ++_operatorCount;
            _operatorIds[operator] = operatorId;
            _operators[operatorId] = operator;
            emit OperatorAdded(operatorId, operator);
        }
        if (_payouts[operatorId] != payout) _setPayout(operatorId, payout);
    }

    function _setPayout(uint32 operatorId, address payout) private {
        if (payout == address(0)) revert RegistryZero();
        _payouts[operatorId] = payout;
        emit PayoutSet(operatorId, payout);
    }
}
