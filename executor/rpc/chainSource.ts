import { z } from "zod";
import { AssayError } from "../domain/errors";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { BlockTag, ChainHeader, ChainLog, ChainSource } from "../intake/ports";
import type { RpcCall, RpcClient } from "./client";
import { valueOrThrow } from "./client";

const quantity = z.string().regex(/^0x[0-9a-fA-F]+$/);
const hex = z.string().regex(/^0x([0-9a-fA-F]{2})*$/);
const hash = hex.length(66);

const headerSchema = z.object({
  number: quantity,
  hash,
  parentHash: hash,
  timestamp: quantity,
  logsBloom: hex,
  baseFeePerGas: quantity.optional(),
});

const logSchema = z.object({
  address: hex.length(42),
  topics: z.array(hash).min(1).max(4),
  data: hex,
  blockNumber: quantity,
  blockHash: hash,
  transactionHash: hash,
  logIndex: quantity,
});

const transactionsSchema = z.object({ transactions: z.array(hash) });
/** The hub's logs have topics; an anonymous log of somebody else may have none. */
const receiptLogsSchema = z.object({
  logs: z
    .array(logSchema.extend({ topics: z.array(hash).max(4) }))
    .transform((logs) => logs.filter((l) => l.topics.length > 0)),
});

const number = (value: string): number => Number(BigInt(value));
const tagOf = (tag: BlockTag): string => (tag === "latest" ? tag : `0x${Math.max(tag, 0).toString(16)}`);

function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AssayError({
    code: "RPC_ANSWER_MALFORMED",
    message: `the node's ${what} is not what the specification says`,
    context: { what },
    retry: "later",
    cause: result.error,
  });
}

/** A header of `eth_getBlockByNumber`, or undefined where the node has none. */
export function parseHeader(value: unknown): ChainHeader | undefined {
  if (value === null) return undefined;
  const h = parse(headerSchema, value, "block header");
  return {
    number: number(h.number),
    hash: hex32(h.hash),
    parentHash: hex32(h.parentHash),
    timestamp: number(h.timestamp),
    logsBloom: h.logsBloom.toLowerCase() as HexBytes,
    baseFeePerGas: BigInt(h.baseFeePerGas ?? "0x0"),
  };
}

function parseLogs(value: unknown): ChainLog[] {
  // A null where a list belongs is a node that does not know; an empty list would be a statement.
  return parse(z.array(logSchema), value, "log list").map((log) => ({
    address: address(log.address),
    topics: log.topics.map(hex32),
    data: log.data as HexBytes,
    blockNumber: number(log.blockNumber),
    blockHash: hex32(log.blockHash),
    transactionHash: hex32(log.transactionHash),
    logIndex: number(log.logIndex),
  }));
}

const headerCall = (tag: BlockTag): RpcCall => ({ method: "eth_getBlockByNumber", params: [tagOf(tag), false] });

/** The follower's view of the chain through JSON-RPC; reads only the hub's logs with the given topics. */
export function rpcChainSource(args: { rpc: RpcClient; hub: Address; topics: readonly Hex32[] }): ChainSource {
  const { rpc, hub } = args;
  const filter = { address: hub, topics: [args.topics] };
  const headers = async (tags: readonly BlockTag[]): Promise<(ChainHeader | undefined)[]> =>
    (await rpc.batch(tags.map(headerCall))).map((answer) => parseHeader(valueOrThrow(answer, "eth_getBlockByNumber")));
  return {
    headers,
    window: async ({ tags, fromBlock, toBlock }) => {
      const range = { ...filter, fromBlock: tagOf(fromBlock), toBlock: tagOf(toBlock) };
      const answers = await rpc.batch([...tags.map(headerCall), { method: "eth_getLogs", params: [range] }]);
      const found = answers
        .slice(0, tags.length)
        .map((answer) => parseHeader(valueOrThrow(answer, "eth_getBlockByNumber")));
      const logs = answers[tags.length];
      // Beyond the head some nodes answer an error instead of nothing; the headers say that nothing is there.
      if (logs !== undefined && !logs.ok && found.at(-1) === undefined) return { headers: found, logs: [] };
      return { headers: found, logs: parseLogs(logs === undefined ? null : valueOrThrow(logs, "eth_getLogs")) };
    },
    logsOf: async (blockHash) => parseLogs(await rpc.call("eth_getLogs", [{ ...filter, blockHash }])),
    receiptLogsOf: async (blockHash) => {
      const block = parse(transactionsSchema, await rpc.call("eth_getBlockByHash", [blockHash, false]), "block");
      if (block.transactions.length === 0) return [];
      const answers = await rpc.batch(
        block.transactions.map((hash) => ({ method: "eth_getTransactionReceipt", params: [hash] })),
      );
      const logs = answers.map(
        (answer) => parse(receiptLogsSchema, valueOrThrow(answer, "eth_getTransactionReceipt"), "receipt").logs,
      );
      return parseLogs(logs.flat()).filter(
        (log) => log.blockHash === blockHash && log.address === hub && args.topics.includes(log.topics[0] as Hex32),
      );
    },
    distrust: (reason) => rpc.distrust(new AssayError({ code: "RPC_DISAGREEMENT", message: reason, retry: "later" })),
  };
}
