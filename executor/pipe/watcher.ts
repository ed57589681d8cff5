import type { Hex32 } from "../domain/ids";
import type { Entry } from "./entry";
import { earliestExpiry } from "./planner";
import type { PipeChain, PipeHead, PipePublisher, PipeReceipt, PipeStore } from "./ports";

/** A result that ends within this time may be over before the next block: its transaction goes round again. */
const EXPIRY_MARGIN_SECONDS = 30;

export interface WatcherOptions {
  readonly chain: PipeChain;
  readonly store: PipeStore;
  readonly publisher: PipePublisher;
  readonly confirmations: number;
  readonly nowMs: () => number;
  /** Why a transaction of a block failed, in words; undefined where it can not be found out. */
  readonly reasonOf: (entry: Entry, block: number) => Promise<string | undefined>;
  /** Takes an entry back to planning: the chain, or the node, has lost it. */
  readonly again: (entry: Entry, why: "dropped" | "expiring") => void;
  /** Nothing more will be done about it. */
  readonly over: (entry: Entry) => void;
}

/** Label under which an intent's transaction is found again, whatever its fees were raised to. */
export const intentLabel = (id: Hex32): string => `pipe-intent:${id}`;

/** Follows what was sent until the chain has settled it, through reorgs. */
export class Watcher {
  private readonly watched = new Set<Entry>();

  constructor(private readonly options: WatcherOptions) {}

  watch(entry: Entry): void {
    this.watched.add(entry);
  }

  forget(entry: Entry): void {
    this.watched.delete(entry);
  }

  /** To be called for each new block. */
  async follow(head: PipeHead): Promise<void> {
    const { chain } = this.options;
    const entries = [...this.watched].filter(({ phase }) => phase === "sent");
    if (entries.length === 0) return;
    const hashes = await Promise.all(entries.map((entry) => this.hashOf(entry)));
    const known = entries.flatMap((entry, i) => (hashes[i] === undefined ? [] : [{ entry, hash: hashes[i] as Hex32 }]));
    const receipts = await chain.receipts(known.map(({ hash }) => hash));
    for (const [i, { entry, hash }] of known.entries()) {
      const receipt = receipts[i];
      if (receipt !== undefined) await this.mined(entry, receipt, head);
      else await this.missing(entry, hash, head);
    }
  }

  private async hashOf(entry: Entry): Promise<Hex32 | undefined> {
    if (entry.kind === "raw") return entry.id;
    return (await this.options.publisher.storedFor(intentLabel(entry.id))) ?? entry.transactionHash;
  }

  private async mined(entry: Entry, receipt: PipeReceipt, head: PipeHead): Promise<void> {
    const { nowMs, confirmations } = this.options;
    if (entry.block?.hash !== receipt.block.hash) {
      entry.block = receipt.block;
      const to = receipt.succeeded ? "landed" : "reverted";
      if (entry.state !== undefined) {
        const detail = receipt.succeeded ? undefined : await this.options.reasonOf(entry, receipt.block.number);
        // In another block than before, after a reorg that was seen too late to be seen as one.
        if (entry.state !== "released") await this.move(entry, "released", {});
        await this.move(entry, to, {
          block: receipt.block,
          ...(detail === undefined ? {} : { reason: "PIPE_TRANSACTION_REVERTS", detail }),
          step: { step: to, hostMs: nowMs(), detail: { block: receipt.block.number } },
        });
      }
    }
    if (head.number - receipt.block.number < confirmations) return;
    if (entry.state !== undefined) await this.move(entry, "final", {});
    this.end(entry);
  }

  private async missing(entry: Entry, hash: Hex32, head: PipeHead): Promise<void> {
    const { chain, nowMs } = this.options;
    if (entry.block !== undefined) {
      entry.block = undefined;
      if (entry.state !== undefined)
        await this.move(entry, "released", {
          step: { step: "reorged", hostMs: nowMs(), detail: { head: head.number } },
        });
    }
    if (entry.tx !== undefined) {
      const { nonce } = await chain.account(entry.from);
      if (nonce > entry.tx.nonce) {
        // The receipt is read once more: the first read may have been before the block.
        const [late] = await chain.receipts([hash]);
        if (late !== undefined) return this.mined(entry, late, head);
        if (entry.state !== undefined) await this.move(entry, "replaced", {});
        return this.end(entry);
      }
    }
    const expiry = earliestExpiry(entry.plan?.needed ?? []);
    if (expiry !== 0 && expiry - head.timestamp < EXPIRY_MARGIN_SECONDS) return this.options.again(entry, "expiring");
    if (!(await chain.knows(hash))) this.options.again(entry, "dropped");
  }

  private async move(
    entry: Entry,
    to: NonNullable<Entry["state"]>,
    more: Partial<Parameters<PipeStore["movePipeItem"]>[0]>,
  ): Promise<void> {
    if (entry.state === undefined) return;
    await this.options.store.movePipeItem({ id: entry.id, from: [entry.state], to, ...more });
    entry.state = to;
  }

  private end(entry: Entry): void {
    entry.phase = "over";
    this.watched.delete(entry);
    this.options.over(entry);
  }
}
