import { z } from "zod";
import { AssayError } from "../domain/errors";
import { address, type HexBytes, hex32 } from "../domain/ids";
import type { PostingChain, Receipt } from "../posting/ports";
import { parseHeader } from "./chainSource";
import { type RpcAnswer, type RpcClient, valueOrThrow } from "./client";

const receiptSchema = z.object({
  transactionHash: z.string(),
  status: z.string(),
  blockNumber: z.string(),
  blockHash: z.string(),
  gasUsed: z.string(),
  logs: z.array(z.object({ address: z.string(), topics: z.array(z.string()), data: z.string() })),
});

function receiptOf(value: unknown): Receipt | undefined {
  if (value === null) return undefined;
  const parsed = receiptSchema.safeParse(value);
  if (!parsed.success) {
    throw new AssayError({
      code: "RPC_ANSWER_MALFORMED",
      message: "the node's receipt is malformed",
      retry: "later",
      cause: parsed.error,
    });
  }
  const r = parsed.data;
  return {
    hash: hex32(r.transactionHash),
    succeeded: BigInt(r.status) === 1n,
    blockNumber: Number(BigInt(r.blockNumber)),
    blockHash: hex32(r.blockHash),
    gasUsed: BigInt(r.gasUsed),
    logs: r.logs.map((log) => ({
      address: address(log.address),
      topics: log.topics.map(hex32),
      data: log.data as HexBytes,
    })),
  };
}

/** Posting's view of the chain through JSON-RPC. */
export function rpcPostingChain(rpc: RpcClient): PostingChain {
  const head = (answer: RpcAnswer | undefined) => {
    const header = answer === undefined ? undefined : parseHeader(valueOrThrow(answer, "eth_getBlockByNumber"));
    if (header === undefined)
      throw new AssayError({ code: "RPC_ANSWER_MALFORMED", message: "the node has no newest block", retry: "later" });
    return header;
  };
  const latest = { method: "eth_getBlockByNumber", params: ["latest", false] };
  return {
    simulate: async ({ from, to, data, gasLimit }) => {
      const call = { method: "eth_call", params: [{ from, to, data, gas: `0x${gasLimit.toString(16)}` }, "latest"] };
      const [result, block] = await rpc.batch([call, latest]);
      const { baseFeePerGas, number: blockNumber, timestamp } = head(block);
      if (result?.ok)
        return { result: { ok: true, data: result.value as HexBytes }, baseFeePerGas, blockNumber, timestamp };
      return { result: { ok: false, revert: result?.error.data }, baseFeePerGas, blockNumber, timestamp };
    },
    fees: async () => {
      const { baseFeePerGas, number: blockNumber } = head((await rpc.batch([latest]))[0]);
      return { baseFeePerGas, blockNumber };
    },
    nonce: async (account) => Number(BigInt(await rpc.call<string>("eth_getTransactionCount", [account, "latest"]))),
    balance: async (account) => BigInt(await rpc.call<string>("eth_getBalance", [account, "latest"])),
    broadcast: async (raw) => {
      const [answer] = await rpc.batch([{ method: "eth_sendRawTransaction", params: [raw] }]);
      return answer === undefined || answer.ok ? { accepted: true } : { accepted: false, code: answer.error.code };
    },
    receipts: async (hashes) => {
      if (hashes.length === 0) return [];
      const answers = await rpc.batch(hashes.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })));
      return answers.map((answer) => receiptOf(valueOrThrow(answer, "eth_getTransactionReceipt")));
    },
    knows: async (hash) => (await rpc.call("eth_getTransactionByHash", [hash])) !== null,
  };
}
