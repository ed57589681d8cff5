import type { HexBytes } from "../domain/ids";

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A JSON-RPC error object. Its message is for logs; decisions look at `code` and at `revertData` only. */
export interface RpcRefusal {
  readonly code: number;
  readonly message: string;
  /** The data of a revert, wherever this node puts it. */
  readonly revertData?: HexBytes;
}

export type RpcReply = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: RpcRefusal };

export interface RpcOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** One address or several that act as one. A reply list has the order of its calls; transport failures are thrown. */
export interface Rpc {
  /** Which address the calls of the last successful batch went to; for telling one node's word from another's. */
  readonly name: string;
  batch(calls: readonly RpcCall[], options?: RpcOptions): Promise<readonly RpcReply[]>;
}

const HEX = /^0x([0-9a-f]{2})*$/i;

/**
 * Finds the data of a revert. geth and anvil give it as `error.data`, Hardhat as `error.data.data`.
 * Source: EIP-1474 leaves the place open; both were observed.
 */
export function revertDataOf(data: unknown): HexBytes | undefined {
  if (typeof data === "string" && HEX.test(data)) return data.toLowerCase() as HexBytes;
  if (typeof data === "object" && data !== null && "data" in data) return revertDataOf(data.data);
  return undefined;
}
