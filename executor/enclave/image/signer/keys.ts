import { x25519 } from "@noble/curves/ed25519";
import { secp256k1 } from "@noble/curves/secp256k1";
import { type Address, address, type Hex32 } from "../../../domain/ids";
import { hexToBytes } from "../../../protocol/bytes";
import { keccak256 } from "../../../protocol/statement";

/** RFC 9458, section 3.1: one key, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 with AES-128-GCM. */
const KEY_CONFIG_HEAD = Uint8Array.of(0, 0x00, 0x20);
const KEY_CONFIG_TAIL = Uint8Array.of(0x00, 0x04, 0x00, 0x01, 0x00, 0x01);

/**
 * The keys of one enclave, born here and gone with the process. They are private fields of one object; nothing prints, sends or stores
 * them, and no native add-on shares their address space.
 */
export class EnclaveKeys {
  readonly #signing: Uint8Array = secp256k1.utils.randomPrivateKey();
  readonly #recipient: Uint8Array = x25519.utils.randomPrivateKey();
  /** 65 bytes, uncompressed. */
  readonly publicKey: Uint8Array = secp256k1.getPublicKey(this.#signing, false);
  readonly signer: Address = address(`0x${keccak256(this.publicKey.subarray(1)).slice(-40)}`);
  /** 41 bytes, without a length in front (docs/protocol.md, "user_data"). */
  readonly keyConfig: Uint8Array = Buffer.concat([
    KEY_CONFIG_HEAD,
    x25519.getPublicKey(this.#recipient),
    KEY_CONFIG_TAIL,
  ]);

  /** The 64-byte EIP-2098 signature of a digest: r, then s with the parity of y in its top bit. */
  sign(digest: Hex32): Uint8Array {
    const signature = secp256k1.sign(hexToBytes(digest), this.#signing, { lowS: true });
    const compact = signature.toCompactRawBytes();
    // A low s leaves the top bit free; that is what the compact form relies on.
    compact[32] = (compact[32] as number) | (signature.recovery << 7);
    return compact;
  }
}
