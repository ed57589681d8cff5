import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { createKeccak, type IHasher } from "hash-wasm";
import { type Hex32, hex32 } from "../../../domain/ids";
import { bytesToHex } from "../../../protocol/bytes";

/** What is hashed in one go: a fifth of a millisecond. */
const SLICE_BYTES = 64 * 1024;

/** keccak256 of any length, compiled to WASM: 600 KB take 2 ms, in plain JavaScript 20 ms. */
export class Keccak {
  /** Hashers at rest. A hash in slices keeps its own, so that several may be under way. */
  readonly #idle: IHasher[];

  private constructor(first: IHasher) {
    this.#idle = [first];
  }

  static async create(): Promise<Keccak> {
    return new Keccak(await createKeccak(256));
  }

  /**
   * Lets other work in between slices: a signer that hashes an image in one go would leave its runners waiting for the rest of theirs.
   * Nobody may write to the bytes until the promise resolves.
   */
  async hash(bytes: Uint8Array): Promise<Hex32> {
    const hasher = (this.#idle.pop() ?? (await createKeccak(256))).init();
    for (let offset = 0; offset < bytes.length; offset += SLICE_BYTES) {
      if (offset > 0) await setImmediate();
      hasher.update(bytes.subarray(offset, offset + SLICE_BYTES));
    }
    const digest = hasher.digest("binary");
    this.#idle.push(hasher);
    return hex32(bytesToHex(digest));
  }
}

/** The model hash: sha-256 of the file. */
export function modelHashOf(bytes: Uint8Array): Hex32 {
  return hex32(`0x${createHash("sha256").update(bytes).digest("hex")}`);
}
