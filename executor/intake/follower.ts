import type { SeenBlock } from "../domain/chain";
import { AssayError, isAssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { bloomMayContain } from "./bloom";
import { decodeLogs, FOLLOWED_TOPICS, type HubIdentity } from "./events";
import type { ChainHeader, ChainLog, ChainRecord, ChainSource } from "./ports";

export interface FollowerOptions {
  readonly source: ChainSource;
  readonly record: ChainRecord;
  readonly identity: HubIdentity;
  /** The block the hub was deployed in; nothing before it matters. */
  readonly startBlock: number;
  /** Blocks on top of an ending before it counts as final; 0 trusts the newest block (development chains). */
  readonly confirmations: number;
  readonly nowMs: () => number;
  /** Blocks read in one exchange while catching up. */
  readonly maxRange?: number;
  /** Hash of block 0 of the deployment's chain; a node that restarted as another chain is then told from a deep reorg. */
  readonly genesisHash?: Hex32;
}

export type StepResult =
  | { readonly kind: "idle"; readonly head: ChainHeader }
  | {
      readonly kind: "advanced";
      readonly head: ChainHeader;
      readonly behind: number;
      readonly added: number;
      readonly ended: number;
      readonly rejected: readonly { log: ChainLog; code: string }[];
    }
  | { readonly kind: "reorg"; readonly ancestor: number; readonly orphaned: number; readonly reopened: number };

const DEFAULT_RANGE = 500;
/** Up to so many blocks, every parent hash is checked; beyond, the range's last block is read before and after its logs. */
const CHAINED_RANGE = 64;

/**
 * Follows the hub by number and hash.
 *
 * Invariant: what the record holds is what one chain says from `startBlock` to the newest recorded block. A step either extends that chain by
 * blocks whose parent hashes connect, or cuts back to the last block that the node still has. It is safe to run a step at any time, and
 * to die in the middle of one: what a step learns is applied in one transaction together with the cursor.
 */
export class Follower {
  /** The head that was last taken into account for finality; nothing changes until there is another. */
  private finalizedAt: Hex32 | undefined;
  private range: number;

  constructor(private readonly options: FollowerOptions) {
    this.range = options.maxRange ?? DEFAULT_RANGE;
  }

  async step(): Promise<StepResult> {
    const { source, record, startBlock } = this.options;
    const [tip] = await record.blocks(1);
    const next = tip === undefined ? startBlock : tip.number + 1;
    // The common case, one new block, takes one exchange.
    const window = await source.window({ tags: ["latest", next - 1, next], fromBlock: next, toBlock: next });
    const [head, anchor, first] = window.headers;
    if (head === undefined) throw inconsistent("the node has no newest block");
    if (tip !== undefined && anchor?.hash !== tip.hash) return this.cutBack();
    if (head.number < next || first === undefined) {
      await this.finalize(head);
      return { kind: "idle", head };
    }
    if (first.parentHash !== (tip?.hash ?? first.parentHash)) return this.cutBack();
    if (head.number === next)
      return this.apply({ head, headers: [first], logs: await this.complete([first], window.logs) });
    return this.catchUp({ head, first, logs: window.logs, next });
  }

  private async catchUp(args: {
    head: ChainHeader;
    first: ChainHeader;
    logs: ChainLog[];
    next: number;
  }): Promise<StepResult> {
    const { source } = this.options;
    const to = Math.min(args.head.number, args.next + this.range - 1);
    const chained = to - args.next < CHAINED_RANGE;
    const tags = chained ? Array.from({ length: to - args.next }, (_, i) => args.next + 1 + i) : [to];
    const window = await source.window({ tags, fromBlock: args.next, toBlock: to }).catch((error: unknown) => {
      // Nodes limit blocks, logs or bytes, each with another code and text: whatever the node refuses is asked for in smaller parts.
      if (isAssayError(error, "RPC_ERROR") && this.range > 1) this.range = this.range >> 1;
      throw error;
    });
    const headers = [args.first, ...window.headers.filter((h): h is ChainHeader => h !== undefined)];
    if (headers.length !== tags.length + 1) throw inconsistent("the node lost a block that it had");
    if (chained) {
      for (let i = 1; i < headers.length; i++) {
        // The chain changed while it was read: nothing was applied, the next step sees the new one.
        if (headers[i]?.parentHash !== headers[i - 1]?.hash) throw inconsistent("blocks do not connect");
      }
      return this.apply({ head: args.head, headers, logs: await this.complete(headers, window.logs) });
    }
    const [again, ...holders] = await source.headers([to, ...new Set(window.logs.map((log) => log.blockNumber))]);
    if (again?.hash !== headers.at(-1)?.hash) throw inconsistent("the range changed while it was read");
    const known = new Map(
      [...headers, ...holders.filter((h): h is ChainHeader => h !== undefined)].map((h) => [h.number, h]),
    );
    const sorted = [...known.values()].sort((a, b) => a.number - b.number);
    return this.apply({ head: args.head, headers: sorted, logs: await this.complete(sorted, window.logs) });
  }

  /**
   * Checks logs against the headers they must belong to. For a block whose bloom filter promises more than was given, the logs are read
   * again by block hash: an empty answer from a node that has not indexed the block yet is a failed read, not an absence.
   */
  private async complete(headers: readonly ChainHeader[], logs: readonly ChainLog[]): Promise<ChainLog[]> {
    const { source, identity } = this.options;
    const hashes = new Set<Hex32>(headers.map((h) => h.hash));
    if (logs.some((log) => !hashes.has(log.blockHash)))
      throw inconsistent("a log lies in a block that is not of this chain");
    const out: ChainLog[] = [];
    for (const header of headers) {
      let own = logs.filter((log) => log.blockHash === header.hash);
      if (lacks(header, own, identity.hub)) own = await source.logsOf(header.hash);
      if (lacks(header, own, identity.hub)) {
        // A bloom filter may promise too much, so the receipts decide; a node whose logs hold less than its receipts is not asked again.
        const witnessed = await source.receiptLogsOf(header.hash);
        if (witnessed.length > own.length) {
          source.distrust("the node's logs lack what its receipts hold");
          own = witnessed;
        }
      }
      out.push(...own);
    }
    return out.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
  }

  private async apply(args: {
    head: ChainHeader;
    headers: readonly ChainHeader[];
    logs: readonly ChainLog[];
  }): Promise<StepResult> {
    const { record, identity, nowMs } = this.options;
    const times = new Map(args.headers.map((h) => [h.hash, h.timestamp]));
    const decoded = decodeLogs({ logs: args.logs, timestampOf: (hash) => times.get(hash) ?? 0, identity });
    const blocks: SeenBlock[] = args.headers.map(({ number, hash, parentHash, timestamp }) => ({
      number,
      hash,
      parentHash,
      timestamp,
    }));
    const { added, ended } = await record.applyBlocks({
      blocks,
      requests: decoded.requests,
      endings: decoded.endings,
      nowMs: nowMs(),
    });
    await this.finalize(args.head);
    const last = blocks.at(-1)?.number ?? args.head.number;
    return {
      kind: "advanced",
      head: args.head,
      behind: args.head.number - last,
      added,
      ended,
      rejected: decoded.rejected,
    };
  }

  /** Finds the newest recorded block that the node still has, and forgets everything above it. */
  private async cutBack(): Promise<StepResult> {
    const { source, record, startBlock } = this.options;
    const ring = await record.blocks(1_024);
    let ancestor = startBlock - 1;
    for (let i = 0; i < ring.length; i += 64) {
      const part = ring.slice(i, i + 64);
      const headers = await source.headers(part.map((block) => block.number));
      const found = part.find((block, j) => headers[j]?.hash === block.hash);
      if (found !== undefined) {
        ancestor = found.number;
        break;
      }
    }
    if (ancestor < startBlock && this.options.genesisHash !== undefined)
      await this.assertGenesis(this.options.genesisHash);
    this.finalizedAt = undefined;
    const { orphaned, reopened } = await record.rewind(ancestor);
    return { kind: "reorg", ancestor, orphaned, reopened };
  }

  private async assertGenesis(expected: Hex32): Promise<void> {
    const [genesis] = await this.options.source.headers([0]);
    if (genesis === undefined) throw inconsistent("the node has no block 0");
    if (genesis.hash === expected) return;
    throw new AssayError({
      code: "INTAKE_GENESIS_CHANGED",
      message: "the node serves another chain than the one that was followed; nothing was forgotten",
      context: { expected, actual: genesis.hash },
    });
  }

  private async finalize(head: ChainHeader): Promise<void> {
    if (this.finalizedAt === head.hash) return;
    const { record, confirmations } = this.options;
    const depth = head.number - confirmations;
    // The time of the newest recorded block at that depth; with gaps in the record an older one, which only delays.
    const block = (await record.blocks(confirmations + 1)).find(({ number }) => number <= depth);
    if (block !== undefined) await record.finalize({ number: block.number, timestamp: block.timestamp });
    this.finalizedAt = head.hash;
  }
}

/** True if the block's bloom filter promises an event of the hub that is not among these logs. */
function lacks(header: ChainHeader, own: readonly ChainLog[], hub: ChainLog["address"]): boolean {
  if (!bloomMayContain(header.logsBloom, hub)) return false;
  return FOLLOWED_TOPICS.some(
    (topic) => bloomMayContain(header.logsBloom, topic) && !own.some((log) => log.topics[0] === topic),
  );
}

function inconsistent(message: string): AssayError {
  return new AssayError({ code: "INTAKE_VIEW_CHANGED", message, retry: "later" });
}
