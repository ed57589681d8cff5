import type { z } from "zod";
import type { Address, Hex32 } from "../domain/ids";
import { rpcError } from "./errors";
import { type Header, headerSchema, parseResult, type Receipt, receiptSchema } from "./schemas";
import type { Rpc, RpcCall, RpcOptions, RpcReply } from "./types";

export const hexOf = (value: number | bigint): string => `0x${value.toString(16)}`;

export const CALL = {
  latest: (): RpcCall => ({ method: "eth_getBlockByNumber", params: ["latest", false] }),
  header: (number: number): RpcCall => ({ method: "eth_getBlockByNumber", params: [hexOf(number), false] }),
  headerByHash: (hash: Hex32): RpcCall => ({ method: "eth_getBlockByHash", params: [hash, false] }),
  receipt: (hash: Hex32): RpcCall => ({ method: "eth_getTransactionReceipt", params: [hash] }),
  nonce: (account: Address): RpcCall => ({ method: "eth_getTransactionCount", params: [account, "latest"] }),
  balance: (account: Address): RpcCall => ({ method: "eth_getBalance", params: [account, "latest"] }),
  code: (account: Address): RpcCall => ({ method: "eth_getCode", params: [account, "latest"] }),
  sendRaw: (raw: string): RpcCall => ({ method: "eth_sendRawTransaction", params: [raw] }),
  chainId: (): RpcCall => ({ method: "eth_chainId", params: [] }),
  tip: (): RpcCall => ({ method: "eth_maxPriorityFeePerGas", params: [] }),
  transaction: (hash: Hex32): RpcCall => ({ method: "eth_getTransactionByHash", params: [hash] }),
} as const;

/** @throws AssayError `RPC_REFUSED` with code and data in the context. */
export function unwrap(reply: RpcReply | undefined, call: RpcCall): unknown {
  if (reply === undefined) throw rpcError("RPC_MALFORMED", "a reply is missing", { context: { method: call.method } });
  if (reply.ok) return reply.result;
  const { code, revertData, message } = reply.error;
  throw rpcError("RPC_REFUSED", "the node refused the call", {
    context: { method: call.method, code, revertData, nodeMessage: message },
  });
}

/** One call, its answer checked by a schema. */
export async function read<T>(rpc: Rpc, request: { call: RpcCall; schema: z.ZodType<T> }, options?: RpcOptions): Promise<T> {
  const [reply] = await rpc.batch([request.call], options);
  return parseResult(request.schema, unwrap(reply, request.call), request.call.method);
}

/** The header in a reply, or undefined where the node says that it has no such block. */
export function headerIn(reply: RpcReply | undefined, call: RpcCall): Header | undefined {
  const result = unwrap(reply, call);
  return result === null ? undefined : parseResult(headerSchema, result, call.method);
}

/** The receipt in a reply, or undefined where the node knows none. */
export function receiptIn(reply: RpcReply | undefined, call: RpcCall): Receipt | undefined {
  const result = unwrap(reply, call);
  return result === null ? undefined : parseResult(receiptSchema, result, call.method);
}
