// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title EIP-712 domains of the system
/// @notice Hub and registry both need the hub's domain: the hub to check signatures, the registry to compare it with
/// what an enclave attested. One expression serves both.
library Domain {
    bytes32 private constant TYPE_HASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant HUB_NAME = keccak256("Assay");
    bytes32 private constant REGISTRY_NAME = keccak256("AssayRegistry");
    bytes32 private constant FORWARDER_NAME = keccak256("AssayIntentForwarder");
    bytes32 private constant VERSION = keccak256("1");

    /// @notice The domain under which enclaves sign results, refusals and admissions.
    /// @param hub The verifying contract.
    /// @return The separator on this chain.
    function ofHub(address hub) internal view returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, HUB_NAME, VERSION, block.chainid, hub));
    }

    /// @notice The domain of heartbeats and registration consents.
    /// @param registry The verifying contract.
    /// @return The separator on this chain.
    function ofRegistry(address registry) internal view returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, REGISTRY_NAME, VERSION, block.chainid, registry));
    }

    /// @notice The domain under which users sign intents.
    /// @param forwarder The verifying contract.
    /// @return The separator on this chain.
    function ofForwarder(address forwarder) internal view returns (bytes32) {
        return keccak256(abi.encode(TYPE_HASH, FORWARDER_NAME, VERSION, block.chainid, forwarder));
    }

    /// @notice The EIP-712 digest `keccak256(0x1901 ‖ domain ‖ structHash)`.
    /// @param domain The separator.
    /// @param structHash The hashed struct.
    /// @return signed What is signed.
    function digest(bytes32 domain, bytes32 structHash) internal pure returns (bytes32 signed) {
        // 66 bytes at the free pointer, which is not moved: nothing is kept there, and memory is left expanded only.
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(240, 0x1901))
            mstore(add(p, 2), domain)
            mstore(add(p, 34), structHash)
            signed := keccak256(p, 66)
        }
    }
}
