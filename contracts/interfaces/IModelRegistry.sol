// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { IEnclaveRegistry } from "./IEnclaveRegistry.sol";

/// @title Model hash -> tensor signature, as an enclave admitted it; names per registrant
/// @notice The tensor signature of a hash is what a live enclave signed in an `Admission`. Names, versions, locations
/// and deprecation belong to whoever registered them and gate nothing: no contract of the system reads them.
/// NOT CHECKED: that a location holds the bytes (whoever fetches re-hashes), that a name is honest.
interface IModelRegistry {
    /// @notice A model's tensor signature became known.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param signatureHash keccak256 of the tensor signature.
    /// @param signer The enclave key that admitted it.
    /// @param tensorSignature See docs/protocol.md section 1.
    event ModelAdmitted(
        bytes32 indexed modelHash,
        bytes32 indexed signatureHash,
        address indexed signer,
        bytes tensorSignature
    );

    /// @notice A usable key signed another tensor signature for a hash that has one: evidence that an enclave is wrong.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param signatureHash The other signature's hash; the first one stays.
    /// @param signer The enclave key.
    event AdmissionConflict(bytes32 indexed modelHash, bytes32 indexed signatureHash, address indexed signer);

    /// @notice A name and version was given to a model.
    /// @param registrant Whose name it is.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param name At most 64 bytes.
    /// @param version At most 32 bytes.
    /// @param location Where the bytes can be had, at most 512 bytes.
    event ModelRegistered(
        address indexed registrant,
        bytes32 indexed modelHash,
        string name,
        string version,
        string location
    );

    /// @notice A name and version was deprecated.
    /// @param registrant Whose name it is.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param name The name.
    /// @param version The version.
    event ModelDeprecated(address indexed registrant, bytes32 indexed modelHash, string name, string version);

    /// @notice The model hash is zero.
    error ModelHashZero();
    /// @notice The proof does not recover to a key.
    /// @param modelHash The model.
    error ModelBadProof(bytes32 modelHash);
    /// @notice The enclave registry does not vouch for the key.
    /// @param signer The recovered key.
    /// @param code Why, see `libraries/Codes.sol`.
    error ModelSignerNotUsable(address signer, uint8 code);
    /// @notice The admission is not good at this time.
    /// @param code ISSUED_IN_FUTURE, STATEMENT_EXPIRED or LIFETIME_TOO_LONG of `libraries/Codes.sol`.
    /// @param issuedAt As signed.
    /// @param expiresAt As signed.
    /// @param timestamp The block's time.
    error ModelStatementNotUsable(uint8 code, uint64 issuedAt, uint64 expiresAt, uint256 timestamp);
    /// @notice The text is empty where it must not be, or too long.
    /// @param length Its length, bytes.
    /// @param maximum The cap, bytes.
    error ModelTextLength(uint256 length, uint256 maximum);
    /// @notice The name and version exist and never change their meaning.
    /// @param registrant Whose name it is.
    /// @param modelHash What they stand for.
    error ModelVersionExists(address registrant, bytes32 modelHash);
    /// @notice No such name and version.
    /// @param registrant Whose name was asked for.
    error ModelVersionUnknown(address registrant);

    /// @notice Records what an enclave admitted; by anyone. The first admission by a usable key wins; a different one
    /// later only emits `AdmissionConflict`, an equal one does nothing.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param tensorSignature Its tensor signature; the enclave promises that it is well-formed.
    /// @param issuedAt As signed, seconds.
    /// @param expiresAt As signed, seconds.
    /// @param proof 64-byte EIP-2098 over `Admission` under the hub's domain, low s.
    function admit(
        bytes32 modelHash,
        bytes calldata tensorSignature,
        uint64 issuedAt,
        uint64 expiresAt,
        bytes calldata proof
    ) external;

    /// @notice The hash of a model's tensor signature.
    /// @param modelHash sha-256 of the ONNX file.
    /// @return keccak256 of the tensor signature, 0 if no enclave admitted the model.
    function signatureHashOf(bytes32 modelHash) external view returns (bytes32);

    /// @notice Gives a model a name and version of the caller's, once.
    /// @param name 1 to 64 bytes.
    /// @param version 1 to 32 bytes.
    /// @param modelHash sha-256 of the ONNX file.
    /// @param location Where the bytes can be had, at most 512 bytes, may be empty.
    function register(
        string calldata name,
        string calldata version,
        bytes32 modelHash,
        string calldata location
    ) external;

    /// @notice Marks a name and version of the caller's as deprecated.
    /// @param name The name.
    /// @param version The version.
    function deprecate(string calldata name, string calldata version) external;

    /// @notice What a name and version stand for; reverts if there is no such.
    /// @param registrant Whose name it is.
    /// @param name The name.
    /// @param version The version.
    /// @return modelHash sha-256 of the ONNX file.
    /// @return location Where the bytes can be had.
    /// @return deprecated Whether its registrant advises against it.
    function resolve(
        address registrant,
        string calldata name,
        string calldata version
    ) external view returns (bytes32 modelHash, string memory location, bool deprecated);

    /// @notice The registry that says which keys are enclaves.
    /// @return Its address, fixed at deployment.
    function registry() external view returns (IEnclaveRegistry);
}
