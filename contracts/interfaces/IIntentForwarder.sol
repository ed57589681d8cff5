// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

import { PortableResult } from "./SyncTypes.sol";

/// @notice What a user signs (EIP-712) so that somebody else sends it, with the results it needs.
/// @param from The user.
/// @param target What is called. It must trust the forwarder (ERC-2771).
/// @param value Wei sent with the call, out of the user's balance.
/// @param data Calldata; the forwarder appends the user's address.
/// @param nonce Any number the user did not use: nonces are unordered. Counted ones, below 2^39, cost least.
/// @param deadline Last second at which it can be executed.
/// @param maxResultFeeWei The most that its results may cost.
/// @param relayFeeWei What the relayer gets if the call succeeds.
/// @param maxFailureFeeWei The most that the relayer gets if the call fails, never more than `relayFeeWei`.
/// @param gas What the call gets, exactly.
/// @param relayer Who may execute it; 0 = anybody.
struct Intent {
    address from;
    address target;
    uint256 value;
    bytes data;
    uint256 nonce;
    uint64 deadline;
    uint96 maxResultFeeWei;
    uint96 relayFeeWei;
    uint96 maxFailureFeeWei;
    uint32 gas;
    address relayer;
}

/// @title Users' signed intents, executed with the results they need
/// @notice A relayer brings a user's intent and the results; the forwarder provides them at the hub and calls the target,
/// which sees the user by ERC-2771, all in one transaction. Users pay from a balance that they keep here. The forwarder is
/// trusted by nobody for results: the hub checks them.
///
/// It calls targets that users choose, so it holds no right anywhere: it refuses the hub, the registry and itself as
/// targets, nobody should approve it for a token, and a target that does not trust it is not called.
///
/// NOT CHECKED: that a target does what its user expects, and that it treats the appended address as ERC-2771 says.
interface IIntentForwarder {
    /// @notice An intent was executed; its nonce is used, whatever the call did.
    /// @param from The user.
    /// @param nonce Of the intent.
    /// @param relayer Who was paid.
    /// @param success Whether the call succeeded.
    /// @param reason First four bytes of what a failed call returned, zero-filled.
    /// @param resultFeesWei What the results cost the user.
    /// @param relayFeeWei What the relayer was paid.
    event IntentExecuted(
        address indexed from,
        uint256 indexed nonce,
        address indexed relayer,
        bool success,
        bytes4 reason,
        uint256 resultFeesWei,
        uint256 relayFeeWei
    );
    /// @notice A user's nonce can not be used any more.
    event IntentCancelled(address indexed from, uint256 indexed nonce);
    /// @notice A balance grew.
    event Deposited(address indexed account, uint256 amountWei);
    /// @notice A balance was paid out.
    event Withdrawn(address indexed account, uint256 amountWei);

    /// @notice The deadline is over. Sign a new intent.
    error IntentExpired(uint256 deadline, uint256 timestamp);
    /// @notice Executed or cancelled before.
    error IntentNonceUsed(address from, uint256 nonce);
    /// @notice Another relayer was named.
    error IntentWrongRelayer(address relayer, address caller);
    /// @notice The hub, the registry and the forwarder itself are no targets.
    error IntentTargetForbidden(address target);
    /// @notice The target does not trust this forwarder, so it would not see the user.
    error IntentTargetDoesNotTrust(address target);
    /// @notice Neither the user's key nor the user's contract (ERC-1271) signed this intent.
    error IntentSignatureInvalid(address from);
    /// @notice The results cost more than the user allowed.
    error IntentResultFeeTooHigh(uint256 feesWei, uint256 maximumWei);
    /// @notice The results are not encoded as the ABI has it.
    error IntentResultsMalformed(uint256 index);
    /// @notice Value, fees of the results and the relayer's fee are more than the user's balance.
    error IntentBalanceTooLow(address account, uint256 balanceWei, uint256 neededWei);
    /// @notice Less gas is left than the call was promised: send with a higher gas limit. Nothing happened.
    error IntentGasTooLow(uint256 gas);
    /// @notice The call needed an inference that was not brought. Nothing happened: bring it and execute again.
    error IntentInferenceMissing(bytes32 key);
    /// @notice The receiver did not take its ether.
    error IntentPaymentFailed(address to, uint256 amountWei);
    /// @notice Ether comes by `depositFor`, not by a plain transfer.
    error IntentUnexpectedEther(address sender);

    /// @notice Executes an intent with the results it needs.
    /// @dev Reverts whole, and pays nobody, if anything is wrong with intent or results, if less than `intent.gas` is left
    /// for the call, or if the call fails with `InferenceRequired` of a key that is absent. Any other failure of the call
    /// uses the nonce, gives its value back to the user's balance and pays the relayer at most `maxFailureFeeWei`.
    /// @param intent What the user signed.
    /// @param signature 65 bytes `r ‖ s ‖ v` of the user's key, low s; or whatever the user's contract takes (ERC-1271,
    /// asked with at most 200,000 gas).
    /// @param results What the hub is to provide for the call.
    /// @return success Whether the call succeeded.
    /// @return reason First four bytes of what a failed call returned.
    function execute(
        Intent calldata intent,
        bytes calldata signature,
        PortableResult[] calldata results
    ) external returns (bool success, bytes4 reason);

    /// @notice Makes a nonce of the caller unusable.
    function cancel(uint256 nonce) external;

    /// @notice Adds the value to the balance of an account.
    function depositFor(address account) external payable;

    /// @notice Pays out of the caller's balance, to the caller.
    function withdraw(uint256 amountWei) external;

    /// @notice What an account has here.
    function balanceOf(address account) external view returns (uint256);

    /// @notice Whether a nonce was executed or cancelled.
    function isNonceUsed(address from, uint256 nonce) external view returns (bool);

    /// @notice What a user signs for an intent: its EIP-712 digest under name `AssayIntentForwarder`, version `1`.
    function digestOf(Intent calldata intent) external view returns (bytes32);
}
