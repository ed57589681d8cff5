import type { Ending, SeenBlock } from "../domain/chain";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { InferenceRequest } from "../domain/request";

/** A block header with what the follower checks. */
export interface ChainHeader extends SeenBlock {
  readonly logsBloom: HexBytes;
  readonly baseFeePerGas: bigint;
}

export interface ChainLog {
  readonly address: Address;
  readonly topics: readonly Hex32[];
  readonly data: HexBytes;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly transactionHash: Hex32;
  readonly logIndex: number;
}

/** A block number to read, or the newest. */
export type BlockTag = number | "latest";

/**
 * What the follower reads of the chain. Each method is one exchange with one node, so that what it returns comes from one view.
 * A block the node does not have is `undefined`; a read that failed throws.
 */
export interface ChainSource {
  headers(tags: readonly BlockTag[]): Promise<(ChainHeader | undefined)[]>;
  /** Headers and the hub's logs of a range, in one exchange. */
  window(args: {
    tags: readonly BlockTag[];
    fromBlock: number;
    toBlock: number;
  }): Promise<{ headers: (ChainHeader | undefined)[]; logs: ChainLog[] }>;
  /** The hub's logs of exactly this block, whatever number it has by now. */
  logsOf(blockHash: Hex32): Promise<ChainLog[]>;
  /** The same, gathered from the receipts of the block's transactions: what a node says that has not indexed its logs. */
  receiptLogsOf(blockHash: Hex32): Promise<ChainLog[]>;
  /** The node contradicted itself: use another address, if there is one, from the next call on. */
  distrust(reason: string): void;
}

/** Where the follower keeps what it saw. Every method is atomic, and the cursor is the newest block in it. */
export interface ChainRecord {
  blocks(limit: number): Promise<SeenBlock[]>;
  applyBlocks(batch: {
    blocks: readonly SeenBlock[];
    requests: readonly InferenceRequest[];
    endings: readonly Ending[];
    nowMs: number;
  }): Promise<{ added: number; ended: number }>;
  rewind(ancestor: number): Promise<{ orphaned: number; reopened: number }>;
  finalize(block: { number: number; timestamp: number }): Promise<{ settled: number; expired: number }>;
}
