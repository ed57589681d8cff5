import type { Address, Hex32 } from "../domain/ids";
import type { PipeMove } from "../domain/pipe";
import type { Entry } from "./entry";
import { executedIn } from "./forwarder";
import { earliestExpiry } from "./planner";
import type { PipeChain, PipeHead, PipePublisher, PipeReceipt, PipeStore } from "./ports";

export interface WatcherOptions {
  readonly chain: PipeChain;
  readonly store: PipeStore;
  readonly publisher: PipePublisher;
  readonly confirmations: number;
  readonly nowMs: () => number;
  /** Whose events say what intents did. */
  readonly forwarder: Address;
  /** Why a transaction of a block failed, in words; undefined where it can not be found out. */
  readonly reasonOf: (entry: Entry, block: number) => Promise<string | undefined>;
  /** Takes an entry back to planning: the chain, or the node, has lost it, or its results are over. */
  readonly again: (entry: Entry, why: "dropped" | "expired") => void;
  /** Nothing more will be done about it. */
  readonly over: (entry: Entry) => void;
  /** One that could not be looked at now is looked at with the next block; it keeps nobody else from it. */
  readonly onError: (error: unknown) => void;
}

/** Label under which an intent's transaction is found again, whatever its fees were raised to. */
export const intentLabel = (id: Hex32): string => `pipe-intent:${id}`;

/** Follows what was sent until the chain has settled it, through reorgs. */
export class Watcher {
  private readonly watched = new Set<Entry>();
  private newest: PipeHead | undefined;
  private running: Promise<void> | undefined;

  constructor(private readonly options: WatcherOptions) {}

  watch(entry: Entry): void {
    this.watched.add(entry);
  }

  forget(entry: Entry): void {
    this.watched.delete(entry);
  }

  get size(): number {
    return this.watched.size;
  }

  /** To be called for each new block. Two rounds at once could take one entry along two ways: blocks that come meanwhile are one more round. */
  follow(head: PipeHead): Promise<void> {
    this.newest = head;
    this.running ??= this.rounds().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async rounds(): Promise<void> {
    for (let head = this.newest; head !== undefined; head = this.newest) {
      this.newest = undefined;
      await this.round(head);
    }
  }

  private async round(head: PipeHead): Promise<void> {
    const { chain, onError } = this.options;
    const entries = [...this.watched].filter(({ phase }) => phase === "sent");
    if (entries.length === 0) return;
    const hashes = await Promise.all(entries.map((entry) => this.hashOf(entry)));
    const known = entries.flatMap((entry, i) => (hashes[i] === undefined ? [] : [{ entry, hash: hashes[i] as Hex32 }]));
    const receipts = await chain.receipts(known.map(({ hash }) => hash));
    for (const [i, { entry, hash }] of known.entries()) {
      const receipt = receipts[i];
      try {
        if (receipt !== undefined) await this.mined({ entry, hash, receipt, head });
        else await this.missing(entry, hash, head);
      } catch (error) {
        onError(error);
      }
    }
  }

  private async hashOf(entry: Entry): Promise<Hex32 | undefined> {
    if (entry.kind === "raw") return entry.id;
    return (await this.options.publisher.storedFor(intentLabel(entry.id))) ?? entry.transactionHash;
  }

  private async mined(seen: {
    readonly entry: Entry;
    readonly hash: Hex32;
    readonly receipt: PipeReceipt;
    readonly head: PipeHead;
  }): Promise<void> {
    const { entry, hash, receipt, head } = seen;
    const { nowMs, confirmations } = this.options;
    const { block, logs } = receipt;
    if (entry.block?.hash !== block.hash) {
      const { from } = entry;
      const executed =
        entry.intent === undefined
          ? undefined
          : executedIn(logs, { forwarder: this.options.forwarder, from, nonce: entry.intent.nonce });
      const succeeded = receipt.succeeded && executed?.success !== false;
      const to = succeeded ? "landed" : "reverted";
      if (entry.state !== undefined) {
        let detail: string | undefined;
        if (executed?.success === false) detail = `the call of the intent failed with ${executed.selector}`;
        else if (!succeeded) detail = await this.reasonOf(entry, block.number);
        entry.failure = detail === undefined ? undefined : { reason: "PIPE_TRANSACTION_REVERTS", detail };
        // In another block than before, after a reorg that was seen too late to be seen as one.
        if (entry.state !== "released") await this.move(entry, "released", {});
        await this.move(entry, to, {
          block,
          // An intent's transaction may have been sent again with higher fees.
          transactionHash: hash,
          ...entry.failure,
          step: { step: to, hostMs: nowMs(), detail: { block: block.number } },
        });
      }
      // Not before it is written down: else it would never be.
      entry.block = block;
    }
    if (head.number - block.number < confirmations) return;
    if (entry.state !== undefined) await this.move(entry, "final", { block, ...entry.failure });
    this.end(entry);
  }

  private async reasonOf(entry: Entry, block: number): Promise<string | undefined> {
    try {
      return await this.options.reasonOf(entry, block);
    } catch (error) {
      this.options.onError(error);
      return undefined;
    }
  }

  private async missing(entry: Entry, hash: Hex32, head: PipeHead): Promise<void> {
    const { chain, nowMs } = this.options;
    if (entry.block !== undefined) {
      if (entry.state !== undefined && entry.state !== "released")
        await this.move(entry, "released", {
          step: { step: "reorged", hostMs: nowMs(), detail: { head: head.number } },
        });
      entry.block = undefined;
      entry.failure = undefined;
    }
    if (entry.tx !== undefined) {
      const { nonce } = await chain.account(entry.from);
      if (nonce > entry.tx.nonce) {
        // The receipt is read once more: the first read may have been before the block.
        const [late] = await chain.receipts([hash]);
        if (late !== undefined) return this.mined({ entry, hash, receipt: late, head });
        if (entry.state !== undefined) await this.move(entry, "replaced", {});
        return this.end(entry);
      }
    }
    // Another transaction of the relayer's key has that nonce: nothing carries the intent any more, and whoever signed it may hand it in again.
    if (entry.kind === "intent" && (await this.options.publisher.storedFor(intentLabel(entry.id))) === undefined) {
      await this.move(entry, "replaced", { step: { step: "replaced", hostMs: nowMs(), detail: {} } });
      return this.end(entry);
    }
    const expiry = earliestExpiry(entry.plan?.needed ?? []);
    // Not earlier: while the old result is usable the hub takes no other in its place.
    if (expiry !== 0 && expiry <= head.timestamp) return this.options.again(entry, "expired");
    if (!(await chain.knows(hash))) this.options.again(entry, "dropped");
  }

  private async move(entry: Entry, to: NonNullable<Entry["state"]>, more: Partial<PipeMove>): Promise<void> {
    if (entry.state === undefined) return;
    await this.options.store.movePipeItems([{ id: entry.id, from: [entry.state], to, ...more }]);
    entry.state = to;
  }

  private end(entry: Entry): void {
    entry.phase = "over";
    this.watched.delete(entry);
    this.options.over(entry);
  }
}
