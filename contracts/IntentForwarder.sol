// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { IInferenceHub } from "./interfaces/IInferenceHub.sol";
import { IIntentForwarder, Intent } from "./interfaces/IIntentForwarder.sol";
import { ISyncInference } from "./interfaces/ISyncInference.sol";
import { ISyncInferenceErrors } from "./interfaces/ISyncInferenceErrors.sol";
import { InferTerms, PortableResult } from "./interfaces/SyncTypes.sol";
import { Brought } from "./libraries/Brought.sol";
import { Domain } from "./libraries/Domain.sol";
import { IntentAuth } from "./libraries/IntentAuth.sol";
import { Intents } from "./libraries/Intents.sol";
import { Purse, Purses } from "./libraries/Purse.sol";

/// @title IntentForwarder
/// @notice See `IIntentForwarder`.
/// @dev Order: all checks; nonce and money; the hub; the target; the rest of the money. Re-entry into anything that moves
/// money or nonces is refused, so that the books a target sees are never half written.
contract IntentForwarder is IIntentForwarder, ReentrancyGuardTransient {
    /// @dev Kept back for what follows the call: two balances (2 x 22,100), the event, the reading of a failure.
    uint256 private constant AFTER_CALL_GAS = 60_000;
    /// @dev Cost of the `CALL` itself before its 63/64 are counted: value 9,000 and 2,600 for a delegate, rounded up.
    uint256 private constant CALL_COST = 12_000;
    /// @dev Selector, key, model, offset of the input and three words of terms: all that is read of a failure.
    uint256 private constant FAILURE_BYTES = 0xc4;

    /// @notice Where results are provided.
    IInferenceHub public immutable hub;
    address private immutable _registry;
    bytes32 private immutable _domain;
    uint256 private immutable _chainId;

    mapping(address account => Purse purse) private _purses;
    /// @dev The words of nonces that are not the one in the purse, 128 nonces each.
    mapping(address from => mapping(uint256 word => uint256 used)) private _usedNonces;

    /// @param hub_ Where results are provided.
    constructor(IInferenceHub hub_) {
        hub = hub_;
        _registry = address(hub_.registry());
        _domain = Domain.ofForwarder(address(this));
        _chainId = block.chainid;
    }

    /// @dev Only what the hub gives back: the fee of a result that was there already.
    receive() external payable {
        if (msg.sender != address(hub)) revert IntentUnexpectedEther(msg.sender);
    }

    /// @inheritdoc IIntentForwarder
    function execute(
        Intent calldata intent,
        bytes calldata signature,
        PortableResult[] calldata results
    ) external override nonReentrant returns (bool success, bytes4 reason) {
        address from = _check(intent, signature);
        (uint256 resultFeesWei, uint256 nonce) = _take(intent, from, results);
        if (results.length != 0) resultFeesWei -= _provide(from, results, resultFeesWei);
        (success, reason) = _call(intent, from);
        (, uint256 relayFeeWei, uint256 maxFailureFeeWei) = Intents.feesOf(intent);
        if (!success) {
            uint256 backWei = Intents.valueOf(intent);
            if (maxFailureFeeWei < relayFeeWei) {
                // No overflow: value and fee were within the user's balance.
                unchecked {
                    backWei += relayFeeWei - maxFailureFeeWei;
                }
                relayFeeWei = maxFailureFeeWei;
            }
            _give(from, backWei);
        }
        _give(msg.sender, relayFeeWei);
        emit IntentExecuted(from, nonce, msg.sender, success, reason, resultFeesWei, relayFeeWei);
    }

    /// @inheritdoc IIntentForwarder
    function cancel(uint256 nonce) external override nonReentrant {
        _purses[msg.sender] = _useNonce(_purses[msg.sender], msg.sender, nonce);
        emit IntentCancelled(msg.sender, nonce);
    }

    /// @inheritdoc IIntentForwarder
    function depositFor(address account) external payable override nonReentrant {
        _give(account, msg.value);
        emit Deposited(account, msg.value);
    }

    /// @inheritdoc IIntentForwarder
    function withdraw(uint256 amountWei) external override nonReentrant {
        _purses[msg.sender] = _minus(_purses[msg.sender], msg.sender, amountWei);
        emit Withdrawn(msg.sender, amountWei);
        (bool sent, ) = msg.sender.call{ value: amountWei }("");
        if (!sent) revert IntentPaymentFailed(msg.sender, amountWei);
    }

    /// @inheritdoc IIntentForwarder
    function balanceOf(address account) external view override returns (uint256) {
        return _purses[account].balanceWei();
    }

    /// @inheritdoc IIntentForwarder
    function isNonceUsed(address from, uint256 nonce) external view override returns (bool) {
        Purse purse = _purses[from];
        uint256 word = nonce >> 7;
        uint256 used = word == purse.word() ? purse.used() : _usedNonces[from][word];
        return used & (1 << (nonce & 0x7f)) != 0;
    }

    /// @inheritdoc IIntentForwarder
    function digestOf(Intent calldata intent) public view override returns (bytes32) {
        bytes32 domain = block.chainid == _chainId ? _domain : Domain.ofForwarder(address(this));
        return Domain.digest(domain, Intents.hash(intent));
    }

    /// @dev Everything that makes an intent not executable, now or by this caller.
    function _check(Intent calldata intent, bytes calldata signature) private view returns (address) {
        (, uint256 deadline) = Intents.nonceOf(intent);
        if (block.timestamp > deadline) revert IntentExpired(deadline, block.timestamp);
        (address from, address target, address relayer) = Intents.partiesOf(intent);
        if (relayer != address(0) && relayer != msg.sender) revert IntentWrongRelayer(relayer, msg.sender);
        // The forwarder is somebody at the hub: it has credit there for a moment. A user's call must not act as it.
        if (target == address(hub) || target == _registry || target == address(this)) {
            revert IntentTargetForbidden(target);
        }
        IntentAuth.requireSigned(from, digestOf(intent), signature);
        IntentAuth.requireTrust(target);
        return from;
    }

    /// @dev Uses the nonce and takes all that the intent may cost, in one write.
    function _take(
        Intent calldata intent,
        address from,
        PortableResult[] calldata results
    ) private returns (uint256 resultFeesWei, uint256 nonce) {
        (nonce, ) = Intents.nonceOf(intent);
        Purse purse = _useNonce(_purses[from], from, nonce);
        resultFeesWei = _sum(results, type(uint256).max);
        (uint256 maxResultFeeWei, uint256 relayFeeWei, ) = Intents.feesOf(intent);
        if (resultFeesWei > maxResultFeeWei) revert IntentResultFeeTooHigh(resultFeesWei, maxResultFeeWei);
        // Checked sums: a contract wallet may have taken an intent with fees wider than their types.
        _purses[from] = _minus(purse, from, Intents.valueOf(intent) + resultFeesWei + relayFeeWei);
    }

    /// @dev What the results of which `chosen` has the bits cost.
    function _sum(PortableResult[] calldata results, uint256 chosen) private pure returns (uint256 feesWei) {
        for (uint256 i = 0; i < results.length; ++i) {
            // The hub gets the rest of this very calldata. An offset that wraps around would let it find another result
            // than was counted here; one that does not leads both to the same bytes.
            uint256 offset;
            assembly ("memory-safe") {
                offset := calldataload(add(results.offset, shl(5, i)))
            }
            if (offset > type(uint64).max) revert IntentResultsMalformed(i);
            if (chosen & (1 << i) != 0) feesWei += Brought.feeOf(Brought.at(results, i));
        }
    }

    /// @dev Brings the results. One that was there already is not charged by the hub: what it would have cost comes back, to
    /// the user.
    function _provide(
        address from,
        PortableResult[] calldata results,
        uint256 feesWei
    ) private returns (uint256 unspentWei) {
        bytes4 selector = ISyncInference.provide.selector;
        address to = address(hub);
        uint256 duplicates;
        // Selector and offset, then calldata from the array's length to the end as it is: offsets inside the array count
        // from its first word. At the free pointer, which is not moved; a failure comes back as it is.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, selector)
            mstore(add(p, 4), 0x20)
            let from_ := sub(results.offset, 0x20)
            let size := sub(calldatasize(), from_)
            calldatacopy(add(p, 0x24), from_, size)
            if iszero(call(gas(), to, feesWei, p, add(size, 0x24), 0, 0x20)) {
                returndatacopy(p, 0, returndatasize())
                revert(p, returndatasize())
            }
            duplicates := mload(0)
        }
        if (duplicates == 0) return 0;
        unspentWei = _sum(results, duplicates);
        if (unspentWei == 0) return 0;
        hub.withdraw();
        _give(from, unspentWei);
    }

    /// @dev Calls the target with exactly the gas that the user promised it, and reads no more of a failure than is used.
    /// Reverts if the call failed for an inference that is absent.
    function _call(Intent calldata intent, address from) private returns (bool success, bytes4 reason) {
        (, address target, ) = Intents.partiesOf(intent);
        (uint256 value, uint256 callGas) = (Intents.valueOf(intent), Intents.gasOf(intent));
        bytes calldata data = Intents.dataOf(intent);
        // The call's data at the free pointer, which is not moved. The hash has touched this memory: it costs no more gas.
        assembly ("memory-safe") {
            let p := mload(0x40)
            calldatacopy(p, data.offset, data.length)
            mstore(add(p, data.length), shl(96, from))
        }
        // EIP-150: with too little left `CALL` would give less than was promised, and a relayer could make a user's call
        // fail on purpose and be paid for the failure.
        if (((gasleft() - gasleft() / 64) * 63) / 64 < callGas + CALL_COST + AFTER_CALL_GAS) {
            revert IntentGasTooLow(callGas);
        }
        bool isMissing;
        bytes4 required = ISyncInferenceErrors.InferenceRequired.selector;
        // A failure is read into the same memory; where it is shorter than what is read, the rest is cleared first.
        assembly ("memory-safe") {
            let p := mload(0x40)
            success := call(callGas, target, value, p, add(data.length, 20), 0, 0)
            if iszero(success) {
                let size := returndatasize()
                if gt(size, FAILURE_BYTES) {
                    size := FAILURE_BYTES
                }
                mstore(p, 0)
                returndatacopy(p, 0, size)
                reason := and(mload(p), shl(224, 0xffffffff))
                isMissing := and(eq(reason, required), eq(size, FAILURE_BYTES))
            }
        }
        if (isMissing) _requirePresent();
    }

    /// @dev Reverts if the failure at the free pointer names an absent key. A target may make the error up, but then of a key
    /// that is absent, and its user's relayer is the only one who loses: relayers simulate before they send.
    function _requirePresent() private view {
        bytes32 key;
        uint256 trust;
        bytes32 profile;
        bytes32 imageId;
        // Words behind the selector: key, model, offset of the input, level, profile, image.
        assembly ("memory-safe") {
            let p := mload(0x40)
            key := mload(add(p, 0x04))
            trust := mload(add(p, 0x64))
            profile := mload(add(p, 0x84))
            imageId := mload(add(p, 0xa4))
        }
        if (trust > type(uint8).max || !hub.isPresent(key, InferTerms(uint8(trust), profile, imageId))) {
            revert IntentInferenceMissing(key);
        }
    }

    /// @dev Marks a nonce. Words of nonces are present, behind or far ahead: one ahead becomes the present one, which goes to
    /// where the others are. So a word from which no nonce was used is never looked up.
    function _useNonce(Purse purse, address from, uint256 nonce) private returns (Purse) {
        (uint256 word, uint256 bit, uint256 present) = (nonce >> 7, 1 << (nonce & 0x7f), purse.word());
        if (word < present || word >= Purses.WORDS) {
            uint256 used = _usedNonces[from][word];
            if (used & bit != 0) revert IntentNonceUsed(from, nonce);
            _usedNonces[from][word] = used | bit;
            return purse;
        }
        if (word == present) {
            if (purse.used() & bit != 0) revert IntentNonceUsed(from, nonce);
            return purse.withNonces(word, purse.used() | bit);
        }
        if (purse.used() != 0) _usedNonces[from][present] = purse.used();
        return purse.withNonces(word, bit);
    }

    function _give(address account, uint256 amountWei) private {
        if (amountWei != 0) _purses[account] = _purses[account].plus(amountWei);
    }

    function _minus(Purse purse, address account, uint256 amountWei) private pure returns (Purse) {
        uint256 balanceWei = purse.balanceWei();
        if (balanceWei < amountWei) revert IntentBalanceTooLow(account, balanceWei, amountWei);
        return purse.minus(amountWei);
    }
}
