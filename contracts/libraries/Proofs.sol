// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title Proof kind 0: one enclave's signature
/// @notice 64 bytes `r ‖ yParityAndS` (EIP-2098) with low s, so that one statement has one proof per key.
library Proofs {
    /// @dev Half the group order of secp256k1: the largest s that EIP-2 calls low.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Recovers the key that signed, or 0. Never reverts.
    /// @dev That 0 is never taken for a key is up to the caller.
    /// @param digest What was signed.
    /// @param proof The signature.
    /// @return signer The key's address, 0 for a wrong length, a high s or a point that does not exist.
    function recover(bytes32 digest, bytes calldata proof) internal view returns (address signer) {
        // Written in assembly to save the copies of `ecrecover` by the compiler. Proof:
        // - the two words read are inside `proof`, whose length is checked first;
        // - the four arguments lie at the free pointer, which is not moved, so no live memory is written;
        // - the precompile writes 32 bytes to scratch space on success and nothing on failure; the word is zeroed
        // first, so   failure reads as 0;
        // - its result is an address: the upper 96 bits are zero by definition of the precompile.
        assembly ("memory-safe") {
            if eq(proof.length, 64) {
                let vs := calldataload(add(proof.offset, 32))
                let s := shr(1, shl(1, vs))
                if iszero(gt(s, HALF_ORDER)) {
                    let p := mload(0x40)
                    mstore(p, digest)
                    mstore(add(p, 0x20), add(27, shr(255, vs)))
                    mstore(add(p, 0x40), calldataload(proof.offset))
                    mstore(add(p, 0x60), s)
                    mstore(0, 0)
                    pop(staticcall(gas(), 1, p, 0x80, 0, 0x20))
                    signer := mload(0)
                }
            }
        }
    }

    /// @notice As `recover`, for the 65 bytes `r ‖ s ‖ v` that wallets make, low s, `v` 27 or 28.
    /// @param digest What was signed.
    /// @param signature The signature.
    /// @return signer The key's address, or 0.
    function recoverLong(bytes32 digest, bytes calldata signature) internal view returns (address signer) {
        // As above; `v` is a byte, and the precompile takes no other than 27 and 28.
        assembly ("memory-safe") {
            if eq(signature.length, 65) {
                let s := calldataload(add(signature.offset, 0x20))
                if iszero(gt(s, HALF_ORDER)) {
                    let p := mload(0x40)
                    mstore(p, digest)
                    mstore(add(p, 0x20), byte(0, calldataload(add(signature.offset, 0x40))))
                    mstore(add(p, 0x40), calldataload(signature.offset))
                    mstore(add(p, 0x60), s)
                    mstore(0, 0)
                    pop(staticcall(gas(), 1, p, 0x80, 0, 0x20))
                    signer := mload(0)
                }
            }
        }
    }
}
