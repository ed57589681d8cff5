import { Interface } from "ethers";
import { z } from "zod";
import { AssayError, isAssayError } from "../domain/errors";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import { HUB_ABI, REGISTRY_ABI, VERIFIER_ABI } from "../protocol/generated/abi";
import type { ExplainChain } from "./ports";

export const HUB = new Interface(HUB_ABI);
export const REGISTRY = new Interface(REGISTRY_ABI);
export const VERIFIER = new Interface(VERIFIER_ABI);

const quantity = z
  .string()
  .regex(/^0x[0-9a-f]+$/i)
  .transform((value) => Number(value));
const hash = z.string().transform((value) => hex32(value));
const account = z.string().transform((value) => address(value));
const bytes = z
  .string()
  .regex(/^0x([0-9a-f]{2})*$/i)
  .transform((value) => value.toLowerCase() as HexBytes);

const logSchema = z.object({
  address: account,
  topics: z.array(hash),
  data: bytes,
  blockNumber: quantity,
  blockHash: hash,
  transactionHash: hash,
  logIndex: quantity,
});
const blockSchema = z.object({ number: quantity, hash, timestamp: quantity });
const transactionSchema = z.object({
  hash,
  from: account,
  to: account.nullish(),
  input: bytes,
  value: z.string().transform((value) => BigInt(value)),
});

export type Log = z.output<typeof logSchema>;
export type Block = z.output<typeof blockSchema>;
export type Transaction = z.output<typeof transactionSchema>;

/** Topic of an event of one of the interfaces above. */
export function topicOf(contract: Interface, event: string): Hex32 {
  return hex32(contract.getEvent(event)?.topicHash);
}

/** An address or number as the 32 bytes of a topic. */
export function topicWord(value: string): Hex32 {
  return hex32(`0x${value.slice(2).padStart(64, "0")}`);
}

/** Arguments of a log by name. @throws AssayError `EXPLAIN_LOG_MALFORMED` for a log that the contract can not have written */
export function argsOf(
  contract: Interface,
  log: Log,
): Readonly<Record<string, unknown>> & { readonly eventName: string } {
  const parsed = contract.parseLog({ topics: [...log.topics], data: log.data });
  if (parsed === null)
    throw new AssayError({
      code: "EXPLAIN_LOG_MALFORMED",
      message: "a log has another form than its topic says",
      context: { log },
    });
  return { ...parsed.args.toObject(), eventName: parsed.name };
}

/** @throws AssayError `RPC_ANSWER_MALFORMED` for an answer that no node of a chain gives */
function formed<T>(method: string, answer: unknown, read: (answer: unknown) => T): T {
  try {
    return read(answer);
  } catch (cause) {
    throw new AssayError({
      code: "RPC_ANSWER_MALFORMED",
      message: `the node's answer to ${method} is not of the form that it must have; try another node`,
      context: { method },
      cause,
    });
  }
}

/** Typed reads over plain JSON-RPC. What a node answers is parsed, never assumed. */
export class ChainReader {
  constructor(private readonly chain: ExplainChain) {}

  async chainId(): Promise<bigint> {
    return formed("eth_chainId", await this.chain.call("eth_chainId"), (answer) => BigInt(z.string().parse(answer)));
  }

  async genesisHash(): Promise<Hex32> {
    return (await this.block(0)).hash;
  }

  async code(at: Address): Promise<HexBytes> {
    return formed("eth_getCode", await this.chain.call("eth_getCode", [at, "latest"]), (answer) => bytes.parse(answer));
  }

  async block(tag: number | "latest"): Promise<Block> {
    const block = await this.chain.call("eth_getBlockByNumber", [tag === "latest" ? tag : hexNumber(tag), false]);
    if (block === null) throw missing("block", String(tag));
    return formed("eth_getBlockByNumber", block, (answer) => blockSchema.parse(answer));
  }

  async transaction(of: Hex32): Promise<Transaction> {
    const transaction = await this.chain.call("eth_getTransactionByHash", [of]);
    if (transaction === null) throw missing("transaction", of);
    return formed("eth_getTransactionByHash", transaction, (answer) => transactionSchema.parse(answer));
  }

  /**
   * Logs of a range in the order of the chain. Nodes bound ranges and answers differently, and say so in texts that differ too; so a range that
   * is refused is halved until the node takes it.
   */
  async logs(query: {
    address: Address;
    topics: readonly (Hex32 | readonly Hex32[] | null)[];
    fromBlock: number;
    toBlock: number;
  }): Promise<Log[]> {
    const found: Log[] = [];
    let from = query.fromBlock;
    let span = query.toBlock - query.fromBlock + 1;
    while (from <= query.toBlock) {
      const to = Math.min(from + span - 1, query.toBlock);
      try {
        const answer = await this.chain.call("eth_getLogs", [
          { address: query.address, topics: query.topics, fromBlock: hexNumber(from), toBlock: hexNumber(to) },
        ]);
        found.push(...formed("eth_getLogs", answer, (logs) => z.array(logSchema).parse(logs)));
        from = to + 1;
      } catch (error) {
        if (!isAssayError(error, "RPC_ERROR") || to === from) throw error;
        span = Math.ceil((to - from + 1) / 2);
      }
    }
    return found.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  }

  /** The answers of a view function by name. @throws AssayError `RPC_ANSWER_MALFORMED`, `RPC_ERROR` where the node has no state of that block */
  async view(
    target: { contract: Interface; at: Address; block?: number },
    name: string,
    args: readonly unknown[],
  ): Promise<Readonly<Record<string, unknown>> & readonly unknown[]> {
    const data = target.contract.encodeFunctionData(name, args);
    const tag = target.block === undefined ? "latest" : hexNumber(target.block);
    const answer = await this.chain.call("eth_call", [{ to: target.at, data }, tag]);
    const decoded = formed(`eth_call of ${name}`, answer, (result) =>
      target.contract.decodeFunctionResult(name, bytes.parse(result)),
    );
    return decoded as unknown as Readonly<Record<string, unknown>> & readonly unknown[];
  }
}

function hexNumber(value: number): HexBytes {
  return `0x${value.toString(16)}`;
}

function missing(what: string, which: string): AssayError {
  return new AssayError({
    code: "EXPLAIN_READ_MISSING",
    message: `the node does not have ${what} ${which}`,
    context: { what, which },
    retry: "later",
  });
}
