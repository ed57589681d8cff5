// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IRegistryGovernance } from "./IRegistryGovernance.sol";
import { IEnclaveRegistryErrors } from "./IEnclaveRegistryErrors.sol";

/// @notice An attestation with what its hashes stand for, and the operator's consent.
/// @param verifierIndex Which verifier understands the document.
/// @param document The attestation document.
/// @param aux Hints for the verifier, empty for ES256.
/// @param endpoint Where the enclave is reached; its hash is in the document. Not parsed.
/// @param keyConfig RFC 9458 key configuration without length prefix; its hash is in the document. Not parsed.
/// @param consentDeadline Last second at which `consent` is good; ignored if the operator is the sender.
/// @param consent The operator's EIP-712 `RegistrationConsent` (EOA or ERC-1271); ignored if the operator is the
/// sender.
struct Registration {
    uint8 verifierIndex;
    bytes document;
    bytes aux;
    string endpoint;
    bytes keyConfig;
    uint64 consentDeadline;
    bytes consent;
}

/// @title Attestation -> live enclave keys
/// @notice Says which secp256k1 keys were born in an approved enclave image and are good now. A signer goes
/// None -> Active -> Closed once; operators have an id and a payout apart from any key, and both survive all of them.
/// Trust levels: 4 hardware-rooted, 3/2/1 software sandboxes as the document says, 0 development only.
/// WORK IN FLIGHT, the one rule: what a key signed settles exactly as long as `check` answers 0 for it in the block where
/// it lands, and otherwise not at all. This holds for `fulfill`, `refuse`, `provide`, `publish`, `verify` and `admit`, and
/// again for each use of a stored result.
///   active          settles
///   draining, and the key that was rotated away: settles until `epochEnd`, then as expired
///   overdue         nothing settles (HEARTBEAT_OVERDUE) until the next heartbeat, then everything again
///   expired         nothing settles (EPOCH_ENDED), for ever
///   closed          nothing settles (SIGNER_CLOSED), from this very transaction on, for ever
///   image revoked   nothing settles (IMAGE_REVOKED), for every key of it, from this very transaction on, for ever
/// A request whose result does not settle stays open: another key may serve it, and its escrow is refunded after the
/// deadline. What has landed is not undone; whether it can be called authentic is `wasActive` at the time when it landed.
/// NOT CHECKED: that an endpoint answers, that a software sandbox keeps memory from being copied (it can not; the level
/// says so), that operators are different people.
interface IEnclaveRegistry is IRegistryGovernance, IEnclaveRegistryErrors {
    /// @notice A key became active.
    /// @param signer The enclave key.
    /// @param operatorId Whom its results credit.
    /// @param imageId Its measured image under its root.
    /// @param operator The operator's address.
    /// @param payout Where the operator's credit is paid to, as the document says.
    /// @param trust Its level.
    /// @param epochEnd First second at which it is no longer good unless renewed.
    /// @param runtimeProfile The profile the document claims; each statement carries its own.
    /// @param endpoint Where the enclave is reached.
    /// @param keyConfig RFC 9458 key configuration.
    event EnclaveRegistered(
        address indexed signer,
        uint32 indexed operatorId,
        bytes32 indexed imageId,
        address operator,
        address payout,
        uint8 trust,
        uint40 epochEnd,
        bytes32 runtimeProfile,
        string endpoint,
        bytes keyConfig
    );

    /// @notice A key's epoch was extended by a fresh document.
    /// @param signer The enclave key.
    /// @param epochEnd Its new end.
    event EnclaveRenewed(address indexed signer, uint40 epochEnd);

    /// @notice A key takes nothing new and ends soon.
    /// @param signer The enclave key.
    /// @param until First second at which it is no longer good.
    event EnclaveDraining(address indexed signer, uint40 until);

    /// @notice A key took the place of another of its operator, which drains. Both are usable until then.
    /// @param from The key that drains.
    /// @param to The new key.
    event EnclaveRotated(address indexed from, address indexed to);

    /// @notice A key was closed, for ever.
    /// @param signer The enclave key.
    event EnclaveClosed(address indexed signer);

    /// @notice A key proved that it lives.
    /// @param signer The enclave key.
    /// @param counter The signed counter.
    /// @param dueAt First second at which the next one is overdue.
    event HeartbeatReceived(address indexed signer, uint64 counter, uint40 dueAt);

    /// @notice An operator got its id.
    /// @param operatorId Counted from 1.
    /// @param operator Its address.
    event OperatorAdded(uint32 indexed operatorId, address indexed operator);

    /// @notice An operator's payout changed.
    /// @param operatorId The operator.
    /// @param payout Where its credit is paid to from now on, what is already credited included.
    event PayoutSet(uint32 indexed operatorId, address indexed payout);

    /// @notice A posting key was allowed or forbidden.
    /// @param operatorId The operator.
    /// @param poster The posting key.
    /// @param allowed Whether it may act.
    event PosterSet(uint32 indexed operatorId, address indexed poster, bool allowed);

    /// @notice Registers the key of an attested enclave.
    /// @dev In order: the verifier is live; the document verifies; its root is live; it was never spent; the PCRs have
    /// 48 bytes and PCR0 is not all zero (a debug enclave); the image is live and not revoked; the public key has the
    /// uncompressed form; `user_data` is the canonical 352 bytes and names this chain, registry and hub, and the
    /// hashes of `endpoint` and `keyConfig`; the level is allowed under the root; the document is fresh (`nonce` of
    /// one of the last 256 blocks, or none and a timestamp at most 600 s old and 120 s ahead); the operator consents;
    /// the key is new. An operator's first registration gives it an id. Each registration sets the payout to the
    /// document's. NOT CHECKED: that the public key lies on the curve (a key off it has no secret and so signs
    /// nothing), `moduleId`.
    /// @param r The document and what belongs to it.
    /// @return signer The enclave key.
    /// @return operatorId The operator's id.
    function register(Registration calldata r) external returns (address signer, uint32 operatorId);

    /// @notice Extends the epoch of an active key by a fresh document of the same enclave.
    /// @dev All checks of `register`, and the same image and the very same `user_data` (so the same operator, root,
    /// level, endpoint and keys). An epoch that has ended is not revived: gaps would make `wasActive` ambiguous. The
    /// operator's posters may renew too, since the operator agreed to this `user_data` before. The payout is not
    /// touched.
    /// @param r As for `register`.
    /// @return signer The enclave key.
    function renew(Registration calldata r) external returns (address signer);

    /// @notice Registers a new key and drains an old one of the same operator, in one transaction; by the operator or a
    /// poster. Both are usable until the drain ends, so that nothing has to wait.
    /// @dev All checks of `register` on the new key and of `drain` on the old one. The operator's consent is needed as in
    /// `register`, and is not enough: it names the new document alone, and who ends which key is for `mayActFor` to say.
    /// NOT CHECKED: that the new key has the image, level, endpoint or payout of the old one. A rotation may well be to a
    /// newer image.
    /// @param from An active key inside its epoch that does not drain yet.
    /// @param r As for `register`.
    /// @return signer The new key.
    /// @return operatorId The operator of both.
    function rotate(address from, Registration calldata r) external returns (address signer, uint32 operatorId);

    /// @notice Takes a sign of life signed by the enclave; sent by anyone.
    /// @dev The block hash can not be known beforehand, so heartbeats can not be stockpiled by whoever keeps a copy of
    /// old ones; the counter stops the same one being shown twice.
    /// @param signer The enclave key.
    /// @param counter Greater than the last one, below 2^56.
    /// @param blockNumber One of the last 256 blocks; the signature covers its hash.
    /// @param signature 64-byte EIP-2098 over `Heartbeat` under the registry's domain, low s.
    function heartbeat(address signer, uint64 counter, uint64 blockNumber, bytes calldata signature) external;

    /// @notice Ends a key in order: what it signed may land until its epoch ends, which is now in `drainSeconds` at the
    /// latest; by its operator or a poster, once, and for ever.
    /// @dev `check` answers as before until then, so requests, results, refusals and admissions in flight settle. It is
    /// never renewed; heartbeats go on, since without them it would end sooner; it may be closed. NOT CHECKED: that the
    /// enclave signs nothing new. A statement says by itself when it was issued, so only the enclave's host can keep it
    /// from taking work; what it signs meanwhile is as good as before.
    /// @param signer An active key inside its epoch.
    function drain(address signer) external;

    /// @notice Closes a key for ever; by its operator or a poster.
    /// @dev Its results that landed up to this block stay explainable.
    /// @param signer The enclave key.
    function close(address signer) external;

    /// @notice Changes where an operator's credit is paid to; by the operator only.
    /// @param operatorId The operator.
    /// @param payout Not zero.
    function setPayout(uint32 operatorId, address payout) external;

    /// @notice Allows or forbids a posting key, which may fulfil with callbacks, renew and close; by the operator only.
    /// @param operatorId The operator.
    /// @param poster The posting key.
    /// @param allowed Whether it may act.
    function setPoster(uint32 operatorId, address poster, bool allowed) external;

    /// @notice Is this key usable now, for at least this trust, under this image? Never reverts.
    /// @dev `operatorId`, `trust` and `image` are answered for every known key, whatever the code: a closed key keeps
    /// its operator for ever. `IMAGE_NOT_ACTIVE` is never answered, since no key registers before its image is live.
    /// @param signer Any address.
    /// @param minTrust Lowest level wanted.
    /// @param imageId The image wanted, or 0 for any approved one.
    /// @return code 0, or the first reason of `libraries/Codes.sol`.
    /// @return operatorId Whom its results credit.
    /// @return trust Its level.
    /// @return image Index of its image.
    function check(
        address signer,
        uint8 minTrust,
        bytes32 imageId
    ) external view returns (uint8 code, uint32 operatorId, uint8 trust, uint32 image);

    /// @notice `check` and `mayActFor` in one question: is this key usable, and may `account` act for its operator?
    /// @dev What a hub asks before it lands a result that has a callback. Never reverts.
    /// @param signer Any address.
    /// @param minTrust Lowest level wanted.
    /// @param imageId The image wanted, or 0 for any approved one.
    /// @param account Any address.
    /// @return code As for `check`.
    /// @return operatorId As for `check`.
    /// @return mayAct As for `mayActFor`.
    function checkFor(
        address signer,
        uint8 minTrust,
        bytes32 imageId,
        address account
    ) external view returns (uint8 code, uint32 operatorId, bool mayAct);

    /// @notice For explaining only: was the key inside its epoch at that time, and before its image's
    /// `compromisedSince`?
    /// @dev Heartbeats do not matter here.
    /// @param signer Any address.
    /// @param at A block time recorded on the chain, seconds.
    /// @return Whether it was.
    function wasActive(address signer, uint64 at) external view returns (bool);

    /// @notice The stored life of a key.
    /// @param signer Any address.
    /// @return state 0 None, 1 Active, 2 Closed.
    /// @return validFrom Block time of registration, seconds.
    /// @return epochEnd First second at which it is no longer good.
    /// @return heartbeatDue First second at which the next heartbeat is overdue.
    /// @return counter Last heartbeat counter.
    /// @return draining Whether it takes nothing new and is never renewed.
    function lifeOf(
        address signer
    )
        external
        view
        returns (uint8 state, uint40 validFrom, uint40 epochEnd, uint40 heartbeatDue, uint64 counter, bool draining);

    /// @notice Where an operator's credit is paid to.
    /// @param operatorId Any operator.
    /// @return The address, 0 for an unknown operator.
    function payoutOf(uint32 operatorId) external view returns (address);

    /// @notice The address of an operator.
    /// @param operatorId Any operator.
    /// @return The address, 0 for an unknown operator.
    function operatorOf(uint32 operatorId) external view returns (address);

    /// @notice The id of an operator.
    /// @param operator Any address.
    /// @return The id, 0 if it has none.
    function operatorIdOf(address operator) external view returns (uint32);

    /// @notice Is this account the operator or one of its posters?
    /// @param operatorId Any operator.
    /// @param account Any address.
    /// @return Whether it may act for the operator.
    function mayActFor(uint32 operatorId, address account) external view returns (bool);

    /// @notice Was a document with this payload used before?
    /// @param payloadHash keccak256 of the signed payload.
    /// @return Whether it was.
    function spentDocument(bytes32 payloadHash) external view returns (bool);

    /// @notice The hub this registry's enclaves sign for.
    /// @dev A later hub gets a registry of its own and lives beside the old one: enclaves attest to one hub domain,
    /// open requests of the old hub end there by fulfilment or refund, and nobody can move them.
    /// @return Its address, fixed at deployment.
    function hub() external view returns (address);

    /// @notice EIP-712 domain of `hub`, which documents must name.
    /// @return The domain separator.
    function hubDomain() external view returns (bytes32);

    /// @notice EIP-712 domain of this registry: name `AssayRegistry`, version `1`.
    /// @return The domain separator.
    function domainSeparator() external view returns (bytes32);

    /// @notice Whether enclaves of level 0 (in process, no sandbox) may register; only ever on development chains.
    /// @return Whether they may.
    function developmentLevelAllowed() external view returns (bool);

    /// @notice How long a registration or renewal lasts.
    /// @return Seconds, at most 86,400.
    function epochSeconds() external view returns (uint32);

    /// @notice How long a heartbeat lasts.
    /// @return Seconds, at most `epochSeconds`.
    function heartbeatSeconds() external view returns (uint32);

    /// @notice How long a key that drains is good at most.
    /// @return Seconds: the longest that an executor lets a statement be good for.
    function drainSeconds() external view returns (uint32);
}
