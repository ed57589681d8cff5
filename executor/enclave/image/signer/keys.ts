import { randomBytes } from "node:crypto";
import { x25519 } from "@noble/curves/ed25519";
import { type Address, address, type Hex32 } from "../../../domain/ids";
import { hexToBytes } from "../../../protocol/bytes";
import { keccak256 } from "../../../protocol/statement";

/** This file of the package alone: its index initialises every algorithm it has. */
const curveWith = async (seed: Uint8Array) =>
  (await import("@bitauth/libauth/build/lib/crypto/secp256k1.js")).instantiateSecp256k1(seed);
type Secp256k1 = Awaited<ReturnType<typeof curveWith>>;

/** RFC 9458, section 3.1: one key, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 with AES-128-GCM. */
const KEY_CONFIG_HEAD = Uint8Array.of(0, 0x00, 0x20);
const KEY_CONFIG_TAIL = Uint8Array.of(0x00, 0x04, 0x00, 0x01, 0x00, 0x01);

/**
 * The keys of one enclave, born here and gone with the process. They are private fields of one object; nothing prints, sends or stores
 * them, and no native add-on shares their address space.
 */
export class EnclaveKeys {
  readonly #curve: Secp256k1;
  readonly #signing: Uint8Array;
  readonly #recipient: Uint8Array = x25519.utils.randomPrivateKey();
  /** 65 bytes, uncompressed. */
  readonly publicKey: Uint8Array;
  readonly signer: Address;
  /** 41 bytes, without a length in front (docs/protocol.md, "user_data"). */
  readonly keyConfig: Uint8Array;

  private constructor(curve: Secp256k1, signing: Uint8Array) {
    this.#curve = curve;
    this.#signing = signing;
    this.publicKey = demand(curve.derivePublicKeyUncompressed(signing));
    this.signer = address(`0x${keccak256(this.publicKey.subarray(1)).slice(-40)}`);
    this.keyConfig = Buffer.concat([KEY_CONFIG_HEAD, x25519.getPublicKey(this.#recipient), KEY_CONFIG_TAIL]);
  }

  /**
   * New keys. The curve is bitcoin-core's libsecp256k1 compiled to WASM: constant-time, with nonces of RFC 6979, and faster than
   * plain JavaScript. The seed blinds its scalar multiplications.
   */
  static async create(): Promise<EnclaveKeys> {
    const curve = await curveWith(randomBytes(32));
    let signing: Uint8Array = randomBytes(32);
    while (!curve.validatePrivateKey(signing)) signing = randomBytes(32);
    return new EnclaveKeys(curve, signing);
  }

  /** The 64-byte EIP-2098 signature of a digest: r, then s with the parity of y in its top bit. */
  sign(digest: Hex32): Uint8Array {
    const { signature, recoveryId } = demand(
      this.#curve.signMessageHashRecoverableCompact(this.#signing, hexToBytes(digest)),
    );
    const compact = Uint8Array.from(signature);
    // A low s leaves the top bit free; that is what the compact form relies on. An r beyond the order, ids 2 and 3, does not occur: 2^-127.
    compact[32] = (compact[32] as number) | ((recoveryId & 1) << 7);
    return compact;
  }
}

/** The library answers a wrong key or digest by a text; neither can be wrong here, and nothing goes on if one is. */
function demand<T>(result: T | string): T {
  if (typeof result === "string") throw new Error(`secp256k1: ${result}`);
  return result;
}
