import { keccak256 } from "ethers";
import { createKeccak } from "hash-wasm";
import { type Hex32, hex32 } from "../domain/ids";

/** keccak256 in WebAssembly: 2 ms for a tensor of 600 KB that takes plain JavaScript 20. */
export async function fastKeccak(): Promise<(bytes: Uint8Array) => Hex32> {
  const hasher = await createKeccak(256);
  return (bytes) => hex32(`0x${hasher.init().update(bytes).digest("hex")}`);
}

/** Has ethers hash by this too: a transaction of a hundred answers is hashed three times before it is sent. */
export function hashTransactionsBy(hash: (bytes: Uint8Array) => Hex32): void {
  keccak256.register(hash);
}
