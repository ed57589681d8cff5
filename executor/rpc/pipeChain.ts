import { AssayError } from "../domain/errors";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { Overrides, PipeChain, PipeLog, PipeReceipt } from "../pipe/ports";
import { parseHeader } from "./chainSource";
import { type RpcAnswer, type RpcCall, type RpcClient, valueOrThrow } from "./client";

const quantity = (value: bigint): string => `0x${value.toString(16)}`;
const LATEST = "latest";

/** PIPE's view of the chain through JSON-RPC. */
export function rpcPipeChain(rpc: RpcClient): PipeChain & { pendingNonce(account: Address): Promise<number> } {
  const read = async (calls: readonly RpcCall[]): Promise<unknown[]> => {
    const answers = await rpc.batch(calls);
    return answers.map((answer, i) => valueOrThrow(answer, calls[i]?.method ?? ""));
  };
  return {
    head: async () => {
      const header = parseHeader(await rpc.call("eth_getBlockByNumber", [LATEST, false]));
      if (header === undefined)
        throw new AssayError({ code: "RPC_ANSWER_MALFORMED", message: "the node has no newest block", retry: "later" });
      return header;
    },
    call: async ({ from, to, value, data, gas, overrides, at }) => {
      const call = { from, ...(to === undefined ? {} : { to }), value: quantity(value), data, gas: quantity(gas) };
      const state = at === undefined ? LATEST : quantity(BigInt(at));
      const params = overrides === undefined ? [call, state] : [call, state, overridesOf(overrides)];
      const [answer] = await rpc.batch([{ method: "eth_call", params }]);
      return outcomeOf(answer);
    },
    code: async (account) => (await rpc.call<HexBytes>("eth_getCode", [account, LATEST])) as HexBytes,
    account: async (account) => {
      const [nonce, balance] = await read([
        { method: "eth_getTransactionCount", params: [account, LATEST] },
        { method: "eth_getBalance", params: [account, LATEST] },
      ]);
      return { nonce: Number(BigInt(nonce as string)), balanceWei: BigInt(balance as string) };
    },
    pendingNonce: async (account) =>
      Number(BigInt(await rpc.call<string>("eth_getTransactionCount", [account, "pending"]))),
    broadcast: async (raws) => {
      if (raws.length === 0) return [];
      const answers = await rpc.batch(raws.map((raw) => ({ method: "eth_sendRawTransaction", params: [raw] })));
      return answers.map((answer) =>
        answer.ok ? { accepted: true, message: undefined } : { accepted: false, message: answer.error.message },
      );
    },
    receipts: async (hashes) => {
      if (hashes.length === 0) return [];
      const found = await read(hashes.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })));
      return found.map(receiptOf);
    },
    knows: async (hash: Hex32) => (await rpc.call("eth_getTransactionByHash", [hash])) !== null,
  };
}

function overridesOf(overrides: Overrides): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(overrides).map(([account, { code, stateDiff }]) => [
      account,
      { ...(code === undefined ? {} : { code }), ...(stateDiff === undefined ? {} : { stateDiff }) },
    ]),
  );
}

/** A revert is an answer; anything else that a node says to a call is a failed read. */
function outcomeOf(answer: RpcAnswer | undefined) {
  if (answer?.ok === true) return { ok: true as const, data: answer.value as HexBytes };
  const isRevert = answer !== undefined && (answer.error.code === 3 || answer.error.data !== undefined);
  // Out of gas and the like come without data, under a code of the node's own.
  return { ok: false as const, revert: isRevert ? answer?.error.data : undefined };
}

function receiptOf(value: unknown): PipeReceipt | undefined {
  if (value === null) return undefined;
  const receipt = value as { status?: string; blockNumber?: string; blockHash?: string; logs?: PipeLog[] };
  if (receipt.status === undefined || receipt.blockNumber === undefined || !Array.isArray(receipt.logs))
    throw new AssayError({ code: "RPC_ANSWER_MALFORMED", message: "the node's receipt is malformed", retry: "later" });
  return {
    succeeded: BigInt(receipt.status) === 1n,
    logs: receipt.logs.map(({ address: from, topics, data }) => ({ address: address(from), topics, data })),
    block: { number: Number(BigInt(receipt.blockNumber)), hash: hex32(receipt.blockHash) },
  };
}
