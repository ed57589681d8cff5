// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title Errors of the enclave registry
interface IEnclaveRegistryErrors {
    /// @notice A constructor argument is outside its bounds.
    /// @param name Which.
    /// @param actual Its value.
    /// @param bound The bound it breaks.
    error RegistryConfigInvalid(bytes32 name, uint256 actual, uint256 bound);

    /// @notice Development roots and development levels exist on development chains only.
    /// @param chainId This chain.
    error RegistryNotADevelopmentChain(uint256 chainId);

    /// @notice The caller does not hold the role.
    /// @param caller Who called.
    error RegistryNotAllowed(address caller);

    /// @notice The image, root or verifier was scheduled before.
    /// @param id The image or root id.
    error RegistryAlreadyScheduled(bytes32 id);

    /// @notice The image, root or verifier is unknown or was revoked before.
    /// @param id The image or root id, or the verifier's index.
    error RegistryNotRevocable(bytes32 id);

    /// @notice `compromisedSince` lies ahead.
    /// @param compromisedSince As given.
    /// @param timestamp The block's time.
    error RegistryCompromisedInFuture(uint256 compromisedSince, uint256 timestamp);

    /// @notice There are no more than 256 verifiers.
    error RegistryTooManyVerifiers();

    /// @notice The address has no code.
    /// @param account The address.
    error RegistryNotAContract(address account);

    /// @notice The id or address must not be zero.
    error RegistryZero();

    /// @notice The role can not be accepted before that time, or was never offered (0).
    /// @param activeFrom Seconds.
    /// @param timestamp The block's time.
    error RegistryTooEarly(uint256 activeFrom, uint256 timestamp);

    /// @notice The verifier is unknown, not yet live, or revoked.
    /// @param index Its index.
    error RegistryVerifierNotActive(uint8 index);

    /// @notice The root is unknown, not yet live, or revoked.
    /// @param rootId The root.
    error RegistryRootNotActive(bytes32 rootId);

    /// @notice The image is unknown, not yet live, or revoked.
    /// @param imageId The image.
    error RegistryImageNotActive(bytes32 imageId);

    /// @notice The document was used before.
    /// @param payloadHash keccak256 of its payload.
    error RegistryDocumentSpent(bytes32 payloadHash);

    /// @notice A PCR does not have 48 bytes.
    /// @param index Which.
    /// @param length Its length.
    error RegistryPcrLength(uint8 index, uint256 length);

    /// @notice PCR0 is all zero: a debug enclave, whose memory is open.
    error RegistryDebugEnclave();

    /// @notice The public key is not 65 bytes that begin with 0x04.
    /// @param length Its length.
    error RegistryPublicKeyMalformed(uint256 length);

    /// @notice `user_data` is not the canonical encoding of version 1.
    /// @param length Its length.
    error RegistryUserDataMalformed(uint256 length);

    /// @notice The document is for another chain.
    /// @param expected This chain.
    /// @param actual As attested.
    error RegistryWrongChain(uint256 expected, uint256 actual);

    /// @notice The document is for another registry.
    /// @param expected This registry.
    /// @param actual As attested.
    error RegistryWrongRegistry(address expected, address actual);

    /// @notice The document is for another hub.
    /// @param expected This registry's hub domain.
    /// @param actual As attested.
    error RegistryWrongHub(bytes32 expected, bytes32 actual);

    /// @notice Endpoint or key configuration is not what the document hashes.
    /// @param expected As attested.
    /// @param actual Hash of what was handed in.
    error RegistryHashMismatch(bytes32 expected, bytes32 actual);

    /// @notice The level is not allowed under this root.
    /// @param level As claimed.
    /// @param hardwareRooted As claimed.
    error RegistryLevelNotAllowed(uint8 level, bool hardwareRooted);

    /// @notice The nonce is neither absent nor the hash of one of the last 256 blocks.
    /// @param length Its length.
    /// @param blockNumber The block it names.
    error RegistryNonceStale(uint256 length, uint256 blockNumber);

    /// @notice The document carries no nonce and its timestamp is too old or ahead.
    /// @param attestedAt Seconds.
    /// @param timestamp The block's time.
    error RegistryDocumentNotFresh(uint256 attestedAt, uint256 timestamp);

    /// @notice The operator neither sent the transaction nor signed consent.
    /// @param operator The operator.
    error RegistryNoConsent(address operator);

    /// @notice The consent's time is over.
    /// @param deadline Seconds.
    /// @param timestamp The block's time.
    error RegistryConsentExpired(uint256 deadline, uint256 timestamp);

    /// @notice The key was registered before.
    /// @param signer The enclave key.
    error RegistrySignerNotNew(address signer);

    /// @notice The key is not active.
    /// @param signer The enclave key.
    /// @param state Its state.
    error RegistrySignerNotActive(address signer, uint8 state);

    /// @notice The key's epoch has ended.
    /// @param signer The enclave key.
    /// @param epochEnd Seconds.
    /// @param timestamp The block's time.
    error RegistryEpochEnded(address signer, uint256 epochEnd, uint256 timestamp);

    /// @notice The key drains: it is not renewed and not drained again. Register another key.
    /// @param signer The enclave key.
    error RegistrySignerDraining(address signer);

    /// @notice A key is rotated to one of its own operator only.
    /// @param signer The key that was to end.
    /// @param expected Its operator.
    /// @param actual The operator of the new key.
    error RegistryOperatorMismatch(address signer, uint32 expected, uint32 actual);

    /// @notice The root is flagged as hardware, but this verifier vouches for none: send the document to the root's own.
    /// @param index The verifier.
    /// @param rootId The root it named.
    error RegistryNotHardware(uint8 index, bytes32 rootId);

    /// @notice The renewal is of another image or another enclave than was registered.
    /// @param signer The enclave key.
    error RegistryRenewalMismatch(address signer);

    /// @notice The counter does not grow, or is above 2^56 - 1.
    /// @param last The last counter taken.
    /// @param actual The counter given.
    error RegistryCounterInvalid(uint64 last, uint64 actual);

    /// @notice The block is not one of the last 256.
    /// @param blockNumber As given.
    /// @param current This block.
    error RegistryBlockTooOld(uint256 blockNumber, uint256 current);

    /// @notice The heartbeat was not signed by the key.
    /// @param expected The enclave key.
    /// @param actual What the signature recovers to, 0 if to nothing.
    error RegistryBadSignature(address expected, address actual);
}
