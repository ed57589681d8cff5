// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IERC1271 } from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { IInferenceHub } from "./interfaces/IInferenceHub.sol";
import { IIntentForwarder, Intent } from "./interfaces/IIntentForwarder.sol";
import { ISyncInferenceErrors } from "./interfaces/ISyncInferenceErrors.sol";
import { InferTerms, PortableResult } from "./interfaces/SyncTypes.sol";
import { Domain } from "./libraries/Domain.sol";

/// @title IntentForwarder
/// @notice See `IIntentForwarder`.
/// @dev Order: all checks; nonce and money; the hub; the target; the rest of the money. Re-entry into anything that moves
/// money or nonces is refused, so that the books a target sees are never half written.
contract IntentForwarder is IIntentForwarder, ReentrancyGuardTransient {
    bytes32 private constant INTENT_TYPE = keccak256(
        "Intent(address from,address target,uint256 value,bytes data,uint256 nonce,uint64 deadline,uint96 maxResultFeeWei,uint96 relayFeeWei,uint96 maxFailureFeeWei,uint32 gas,address relayer)"
    );
    /// @dev What a contract wallet may use to check a signature.
    uint256 private constant ERC1271_GAS = 200_000;
    /// @dev `isTrustedForwarder` compares an address; 30,000 covers an upgradeable proxy.
    uint256 private constant TRUST_GAS = 30_000;
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

    /// @inheritdoc IIntentForwarder
    mapping(address account => uint256 wei_) public override balanceOf;
    /// @dev 256 nonces a word.
    mapping(address from => mapping(uint256 word => uint256 bits)) private _usedNonces;

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
        _check(intent, signature);
        _useNonce(intent.from, intent.nonce);
        uint256 resultFeesWei = _provide(intent, results);
        bytes32 missing;
        (success, reason, missing) = _call(intent);
        if (missing != 0) revert IntentInferenceMissing(missing);
        uint256 relayFeeWei = intent.relayFeeWei;
        if (!success) {
            if (intent.maxFailureFeeWei < relayFeeWei) relayFeeWei = intent.maxFailureFeeWei;
            balanceOf[intent.from] += intent.value + intent.relayFeeWei - relayFeeWei;
        }
        if (relayFeeWei != 0) balanceOf[msg.sender] += relayFeeWei;
        emit IntentExecuted(intent.from, intent.nonce, msg.sender, success, reason, resultFeesWei, relayFeeWei);
    }

    /// @inheritdoc IIntentForwarder
    function cancel(uint256 nonce) external override nonReentrant {
        _useNonce(msg.sender, nonce);
        emit IntentCancelled(msg.sender, nonce);
    }

    /// @inheritdoc IIntentForwarder
    function depositFor(address account) external payable override nonReentrant {
        balanceOf[account] += msg.value;
        emit Deposited(account, msg.value);
    }

    /// @inheritdoc IIntentForwarder
    function withdraw(uint256 amountWei) external override nonReentrant {
        _debit(msg.sender, amountWei);
        emit Withdrawn(msg.sender, amountWei);
        (bool sent, ) = msg.sender.call{ value: amountWei }("");
        if (!sent) revert IntentPaymentFailed(msg.sender, amountWei);
    }

    /// @inheritdoc IIntentForwarder
    function isNonceUsed(address from, uint256 nonce) external view override returns (bool) {
        return _usedNonces[from][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
    }

    /// @inheritdoc IIntentForwarder
    function digestOf(Intent calldata intent) public view override returns (bytes32) {
        bytes32 domain = block.chainid == _chainId ? _domain : Domain.ofForwarder(address(this));
        bytes32 typeHash = INTENT_TYPE;
        bytes32 dataHash = keccak256(intent.data);
        bytes32 structHash;
        // Eleven head words of the intent behind the type hash, the offset of the data replaced by its hash, at the free
        // pointer, which is not moved. Words with dirty upper bits give a hash that nobody signed.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, typeHash)
            calldatacopy(add(p, 0x20), intent, 0x160)
            mstore(add(p, 0x80), dataHash)
            structHash := keccak256(p, 0x180)
        }
        return Domain.digest(domain, structHash);
    }

    /// @dev Everything that makes an intent not executable, now or by this caller.
    function _check(Intent calldata intent, bytes calldata signature) private view {
        if (block.timestamp > intent.deadline) revert IntentExpired(intent.deadline, block.timestamp);
        address relayer = intent.relayer;
        if (relayer != address(0) && relayer != msg.sender) revert IntentWrongRelayer(relayer, msg.sender);
        address target = intent.target;
        // The forwarder is somebody at the hub: it has credit there for a moment. A user's call must not act as it.
        if (target == address(hub) || target == _registry || target == address(this)) {
            revert IntentTargetForbidden(target);
        }
        _requireSigned(intent.from, digestOf(intent), signature);
        if (!_trusts(target)) revert IntentTargetDoesNotTrust(target);
    }

    /// @dev The key first: an account with delegated code (EIP-7702) keeps its key, and no foreign code runs for it.
    function _requireSigned(address from, bytes32 digest, bytes calldata signature) private view {
        (address recovered, ECDSA.RecoverError problem, ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (problem == ECDSA.RecoverError.NoError && recovered == from) return;
        if (from.code.length == 0) revert IntentSignatureInvalid(from);
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        if (_ask(from, ERC1271_GAS, question) != bytes32(IERC1271.isValidSignature.selector)) {
            revert IntentSignatureInvalid(from);
        }
    }

    /// @dev ERC-2771: without this a target would take the forwarder for the one who acts.
    function _trusts(address target) private view returns (bool) {
        bytes memory question = abi.encodeWithSignature("isTrustedForwarder(address)", address(this));
        return target.code.length != 0 && _ask(target, TRUST_GAS, question) == bytes32(uint256(1));
    }

    /// @dev One word of answer, or zero. Whatever is returned beyond it is not copied.
    function _ask(address to, uint256 gas_, bytes memory question) private view returns (bytes32 answer) {
        assembly ("memory-safe") {
            mstore(0, 0)
            let ok := staticcall(gas_, to, add(question, 0x20), mload(question), 0, 0x20)
            if and(ok, gt(returndatasize(), 0x1f)) {
                answer := mload(0)
            }
        }
    }

    function _useNonce(address from, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 0xff);
        uint256 bits = _usedNonces[from][nonce >> 8];
        if (bits & bit != 0) revert IntentNonceUsed(from, nonce);
        _usedNonces[from][nonce >> 8] = bits | bit;
    }

    /// @dev Takes all that the intent may cost, and brings its results. A result that was there already is not charged by
    /// the hub: what it would have cost comes back, to the user.
    function _provide(Intent calldata intent, PortableResult[] calldata results) private returns (uint256 feesWei) {
        for (uint256 i = 0; i < results.length; ++i) feesWei += results[i].feeWei;
        if (feesWei > intent.maxResultFeeWei) revert IntentResultFeeTooHigh(feesWei, intent.maxResultFeeWei);
        _debit(intent.from, intent.value + feesWei + intent.relayFeeWei);
        if (results.length == 0) return 0;
        uint256 duplicates = hub.provide{ value: feesWei }(results);
        if (duplicates == 0 || feesWei == 0) return feesWei;
        uint256 unspentWei;
        for (uint256 i = 0; i < results.length; ++i) {
            if (duplicates & (1 << i) != 0) unspentWei += results[i].feeWei;
        }
        if (unspentWei == 0) return feesWei;
        hub.withdraw();
        balanceOf[intent.from] += unspentWei;
        feesWei -= unspentWei;
    }

    /// @dev Calls the target with exactly the gas that the user promised it, and reads no more of a failure than is used.
    /// @return success Whether the call succeeded.
    /// @return reason First four bytes of a failure.
    /// @return missing The key of an absent inference that the call failed for, or zero.
    function _call(Intent calldata intent) private returns (bool success, bytes4 reason, bytes32 missing) {
        bytes memory data = abi.encodePacked(intent.data, intent.from);
        bytes memory failure = new bytes(FAILURE_BYTES);
        (address target, uint256 value, uint256 callGas) = (intent.target, intent.value, intent.gas);
        // EIP-150: with too little left `CALL` would give less than was promised, and a relayer could make a user's call
        // fail on purpose and be paid for the failure.
        if (((gasleft() - gasleft() / 64) * 63) / 64 < callGas + CALL_COST + AFTER_CALL_GAS) {
            revert IntentGasTooLow(callGas);
        }
        uint256 returned;
        assembly ("memory-safe") {
            success := call(callGas, target, value, add(data, 0x20), mload(data), 0, 0)
            if iszero(success) {
                returned := returndatasize()
                if gt(returned, FAILURE_BYTES) {
                    returned := FAILURE_BYTES
                }
                returndatacopy(add(failure, 0x20), 0, returned)
                reason := and(mload(add(failure, 0x20)), shl(224, 0xffffffff))
            }
        }
        if (!success && reason == ISyncInferenceErrors.InferenceRequired.selector && returned == FAILURE_BYTES) {
            missing = _missing(failure);
        }
    }

    /// @dev A target may make up the error, but then of a key that is absent, and its user's relayer is the only one who
    /// loses: relayers simulate before they send.
    function _missing(bytes memory failure) private view returns (bytes32 key) {
        uint256 trust;
        bytes32 profile;
        bytes32 imageId;
        // Words behind the selector: key, model, offset of the input, level, profile, image.
        assembly ("memory-safe") {
            key := mload(add(failure, 0x24))
            trust := mload(add(failure, 0x84))
            profile := mload(add(failure, 0xa4))
            imageId := mload(add(failure, 0xc4))
        }
        if (trust > type(uint8).max) return key;
        if (hub.isPresent(key, InferTerms(uint8(trust), profile, imageId))) return 0;
    }

    function _debit(address account, uint256 amountWei) private {
        uint256 balanceWei = balanceOf[account];
        if (balanceWei < amountWei) revert IntentBalanceTooLow(account, balanceWei, amountWei);
        // No underflow: just compared.
        unchecked {
            balanceOf[account] = balanceWei - amountWei;
        }
    }
}
