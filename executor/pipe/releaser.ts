import { setImmediate } from "node:timers/promises";
import { isAssayError } from "../domain/errors";
import type { Address, Hex32 } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import type { Cadence } from "./cadence";
import { type Entry, most } from "./entry";
import { pipeError } from "./errors";
import { gasPriceWei, MAX_PUBLISH_GAS, publishGasOf } from "./fees";
import type { PipeChain, PipeHead, PipePublisher, PipeStore, PipeTerms } from "./ports";
import type { SignedTransaction } from "./transaction";
import type { Turns } from "./turns";

/** Results of one publication; more wait for the next one, which follows at once. */
const MAX_RESULTS = 64;
/** Transactions that are looked at once more, and leave, at a time: with many of them the next block would be there before the last was looked at. */
const MAX_TAKEN = 16;
/** Failures that one transaction may have brought upon all that were to go with it: each is tried alone. */
const PERHAPS_ANOTHERS: readonly string[] = ["PIPE_PUBLICATION_REVERTS", "PIPE_FEE_BELOW_GAS", "POSTING_FEE_CAP"];

export interface ReleaserOptions {
  readonly chain: PipeChain;
  readonly publisher: PipePublisher;
  readonly store: PipeStore;
  readonly terms: PipeTerms;
  /** What the sender's grant to this operator lets be drawn now, wei. */
  readonly grantOf: (sponsor: Address) => Promise<bigint>;
  readonly head: () => PipeHead;
  readonly turns: Turns;
  /** When something can be sent without a block coming between. */
  readonly window: Pick<Cadence, "clear" | "isClear">;
  readonly nowMs: () => number;
  /** Whether the plan was made on the newest state, or is right on it too. Asked once before an entry leaves. */
  readonly stillHolds: (entry: Entry) => Promise<boolean>;
  /** Takes one back to planning whose plan does not hold any more. */
  readonly onStale: (entry: Entry) => void;
  readonly onSent: (entry: Entry) => void;
  readonly onRefused: (entry: Entry, error: unknown) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

interface Sponsored {
  readonly filled: FilledInference;
  /** Undefined: there is nothing to pay. */
  readonly sponsor: Address | undefined;
}

/** Releases whose time is remembered: the next may take as long as the longest, and no less than this. On a busy node it lets so many blocks pass. */
const KEPT_TIMES = 8;
const LEAST_MS = 60;
const MOST_WAITS = 3;

/** How far a release came. */
interface Sending {
  entries: readonly Entry[];
  publication: Publication | undefined;
  isStored: boolean;
  /** Since when it has had the node for itself; milliseconds of this host's clock. */
  beganMs: number | undefined;
  leave: () => void;
}

interface Publication {
  readonly tipWei: bigint;
  readonly maxFeeWei: bigint;
  readonly hash: Hex32;
  readonly feesWei: ReadonlyMap<Address, bigint>;
  /** `failed`: the node may or may not have it; nothing counts on it, but it may still draw its fees. */
  state: "stored" | "sent" | "failed";
}

/**
 * Sends ready transactions with the results they need: one publication for all that are ready together, and the transactions right behind it,
 * untouched. What a pending publication brings is not brought again. Only what is `ready` when its turn comes is sent: it may have been replaced, or
 * have lost the transaction before it, while it waited.
 */
export class Releaser {
  /** How long the latest releases had the node for themselves, milliseconds. */
  private readonly took: number[] = [];
  /** What has waited for a block once: it is not put off again. */
  private readonly putOff = new WeakSet<Entry>();
  private queue: Entry[] = [];
  private running: Promise<void> | undefined;
  /** Publications that are on their way, by the keys they bring. */
  private readonly pending = new Map<Hex32, Publication>();

  constructor(private readonly options: ReleaserOptions) {}

  add(entry: Entry): void {
    this.queue.push(entry);
    this.start();
  }

  async drain(): Promise<void> {
    while (this.running !== undefined) await this.running;
  }

  private start(): void {
    this.running ??= this.run()
      .catch(this.options.onError)
      .finally(() => {
        this.running = undefined;
        // What came when the last round was over and this was not yet said.
        if (this.queue.length > 0) this.start();
      });
  }

  /** Publications that the chain has settled: whether they landed or not, what they brought must be looked for there. */
  async settle(): Promise<void> {
    const hashes = [...new Set([...this.pending.values()].map(({ hash }) => hash))];
    if (hashes.length === 0) return;
    const receipts = await this.options.chain.receipts(hashes);
    const settled = new Set(hashes.filter((_, i) => receipts[i] !== undefined));
    // One that the node does not know was dropped, or sent again under another hash: then the chain will show what it brings.
    const open = hashes.filter((hash) => !settled.has(hash));
    const known = await Promise.all(open.map((hash) => this.options.chain.knows(hash)));
    const lost = new Set(open.filter((_, i) => known[i] === false));
    for (const [key, { hash, state }] of this.pending)
      if (settled.has(hash) || (lost.has(hash) && state !== "stored")) this.pending.delete(key);
  }

  /** Whether a key is on its way, with fees that put it before a transaction. */
  private isComing(key: Hex32, tx: SignedTransaction): boolean {
    const publication = this.pending.get(key);
    return (
      publication !== undefined &&
      publication.state !== "failed" &&
      publication.tipWei > tx.maxPriorityFeePerGas &&
      publication.maxFeeWei > tx.maxFeePerGas
    );
  }

  /** What a sender's grant has to pay still for publications that are not mined. */
  private owedBy(sponsor: Address): bigint {
    const open = new Set(this.pending.values());
    let owed = 0n;
    for (const { feesWei } of open) owed += feesWei.get(sponsor) ?? 0n;
    return owed;
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0) {
      // What becomes ready in one turn goes together.
      await setImmediate();
      const taken = this.queue.splice(0, MAX_TAKEN);
      try {
        const areOut = await this.releaseAll(this.batches(await this.current(taken)));
        if (!areOut) this.queue.unshift(...taken.filter(({ phase }) => phase === "ready"));
      } catch (error) {
        await this.refuse(
          taken.filter(({ phase }) => phase === "ready"),
          error,
        );
      }
    }
  }

  /**
   * @returns false if one was put off, and with it all behind it: among them may be its sender's next transaction, and their plans have become old by
   * the same block
   */
  private async releaseAll(batches: readonly (readonly Entry[])[]): Promise<boolean> {
    for (const batch of batches) if (!(await this.tryRelease(batch))) return false;
    return true;
  }

  /** What may still go, on the newest state: a block may have been made since the plan, by this very waiting. */
  private async current(taken: readonly Entry[]): Promise<Entry[]> {
    const { head, stillHolds, onStale } = this.options;
    const old = taken.filter(({ phase, plannedAt }) => phase === "ready" && plannedAt !== head().number);
    await Promise.all(
      old.map(async (entry) => {
        try {
          const holds = await stillHolds(entry);
          if (!holds && entry.phase === "ready") onStale(entry);
        } catch (error) {
          await this.refuse([entry], error);
        }
      }),
    );
    return taken.filter(({ phase }) => phase === "ready");
  }

  /** @returns false if it was put off */
  private async tryRelease(batch: readonly Entry[]): Promise<boolean> {
    const sending: Sending = {
      entries: [],
      publication: undefined,
      isStored: false,
      beganMs: undefined,
      leave: () => undefined,
    };
    try {
      if (!(await this.release(batch, sending))) return false;
      if (sending.beganMs !== undefined) this.took.push(this.options.nowMs() - sending.beganMs);
      if (this.took.length > KEPT_TIMES) this.took.shift();
      return true;
    } catch (error) {
      sending.leave();
      if (sending.publication !== undefined) sending.publication.state = "failed";
      for (const entry of sending.entries) if (entry.phase === "leaving") entry.phase = "ready";
      if (batch.length > 1 && !sending.isStored && isAssayError(error) && PERHAPS_ANOTHERS.includes(error.code)) {
        return await this.releaseAll(batch.map((entry) => [entry]));
      }
      await this.refuse(batch, error);
      return true;
    } finally {
      sending.leave();
    }
  }

  private async refuse(entries: readonly Entry[], error: unknown): Promise<void> {
    for (const entry of entries)
      if (entry.phase === "ready") await this.options.onRefused(entry, error).catch(this.options.onError);
  }

  /** Together where the fees cover it together: one high tip must not make the operator pay it for everybody's results. */
  private batches(entries: readonly Entry[]): Entry[][] {
    const batches: Entry[][] = [];
    let open: Entry[] = [];
    for (const entry of entries) {
      const tried = [...open, entry];
      const fits =
        this.resultsOf(tried).length <= MAX_RESULTS && publishGasOf(this.resultsOf(tried)) <= MAX_PUBLISH_GAS;
      if (open.length === 0 || (fits && this.pays(tried))) open = tried;
      else {
        batches.push(open);
        open = [entry];
      }
    }
    if (open.length > 0) batches.push(open);
    return batches;
  }

  private resultsOf(entries: readonly Entry[]): FilledInference[] {
    return this.sponsored(entries).map(({ filled }) => filled);
  }

  /**
   * What has to be brought, and who pays: the sender of the first transaction for which nothing brings it yet, never the contract it calls, and never
   * one that needs it too but has it coming.
   */
  private sponsored(entries: readonly Entry[]): Sponsored[] {
    const byKey = new Map<Hex32, Sponsored>();
    for (const { plan, tx, from } of entries) {
      if (tx === undefined) continue;
      for (const filled of plan?.needed ?? []) {
        const { key } = filled.inference;
        if (byKey.has(key) || this.isComing(key, tx)) continue;
        byKey.set(key, { filled, sponsor: filled.answer.feeWei === 0n ? undefined : from });
      }
    }
    return [...byKey.values()];
  }

  /** Whether the fees of what would be published cover its gas. */
  private pays(entries: readonly Entry[]): boolean {
    const { terms } = this.options;
    const results = this.resultsOf(entries);
    if (terms.allowLoss || results.length === 0) return true;
    return terms.feeWei * BigInt(results.length) >= publishGasOf(results) * this.gasPriceFor(entries);
  }

  private gasPriceFor(entries: readonly Entry[]): bigint {
    const { head, terms } = this.options;
    const tipWei = most(entries, (tx) => tx.maxPriorityFeePerGas);
    return gasPriceWei(head(), terms, tipWei);
  }

  /** @returns false if it was put off: a block was about to be made, or one of them left. */
  private async release(entries: readonly Entry[], sending: Sending): Promise<boolean> {
    const { publisher, store, nowMs } = this.options;
    const paying = await this.withGrants(entries);
    // Somebody left while others were asked about: who pays for what has to be found again.
    if (paying.some(({ phase }) => phase !== "ready")) return this.release(paying, sending);
    if (paying.length === 0) return true;
    const results = this.resultsOf(paying);
    if (!this.pays(paying)) {
      throw pipeError("PIPE_FEE_BELOW_GAS", {
        feeWei: this.options.terms.feeWei.toString(),
        gas: publishGasOf(results).toString(),
        gasPriceWei: this.gasPriceFor(paying).toString(),
      });
    }
    const sponsored = this.sponsored(paying);
    const plans = paying.map(({ plan }) => plan);
    const aboveTipWei = most(paying, (tx) => tx.maxPriorityFeePerGas);
    const aboveMaxFeeWei = most(paying, (tx) => tx.maxFeePerGas);
    const isSent = await publisher.release({
      results: sponsored,
      followers: paying.flatMap(({ tx }) => (tx === undefined ? [] : [tx])),
      aboveTipWei,
      aboveMaxFeeWei,
      isTimely: async () => {
        if (results.length > 0 && !(await this.isTimely(paying, sending))) return false;
        // One that was planned anew meanwhile needs other results than these.
        if (paying.some(({ phase, plan }, i) => phase !== "ready" || plan !== plans[i])) return false;
        sending.entries = paying;
        for (const entry of paying) entry.phase = "leaving";
        return true;
      },
      onStored: async (publishHash) => {
        sending.isStored = true;
        if (publishHash !== undefined)
          sending.publication = this.note(publishHash, sponsored, aboveTipWei, aboveMaxFeeWei);
        const stepOf = ({ plan }: Entry) => {
          return { step: "released", hostMs: nowMs(), detail: { results: plan?.needed.length ?? 0 } };
        };
        const held = paying.filter(({ state }) => state === "held");
        const again = paying.filter(({ state }) => state !== undefined && state !== "held");
        for (const entry of paying) entry.publishHash = publishHash ?? entry.publishHash;
        await store.movePipeItems(
          held.map((entry) => ({
            id: entry.id,
            from: ["held"],
            to: "released",
            transactionHash: entry.id,
            ...(publishHash === undefined ? {} : { publishHash }),
            step: stepOf(entry),
          })),
        );
        for (const entry of held) entry.state = "released";
        for (const entry of again) await store.addPipeSteps(entry.id, [stepOf(entry)]);
      },
    });
    if (!isSent) return false;
    if (sending.publication !== undefined) sending.publication.state = "sent";
    for (const entry of paying) {
      entry.phase = "sent";
      this.putOff.delete(entry);
      this.options.onSent(entry);
    }
    return true;
  }

  /**
   * Everything is prepared: waits if a block is about to come between the publication and what it is for, and takes the node for itself. After such a wait
   * the state is another one, and the plans are looked at again; once, or a busy sender would never leave.
   */
  private async isTimely(entries: readonly Entry[], sending: Sending): Promise<boolean> {
    const { turns, window, nowMs } = this.options;
    const neededMs = Math.max(LEAST_MS, ...this.took);
    const mayWait = !entries.some((entry) => this.putOff.has(entry));
    for (let tries = 1; ; tries++) {
      // Without the node: others have the use of it for as long as a block takes to come.
      if ((await window.clear(neededMs)) && mayWait) {
        for (const entry of entries) this.putOff.add(entry);
        return false;
      }
      sending.leave = await turns.alone();
      sending.beganMs = nowMs();
      // Simulations that were in work may have taken until the next block.
      if (window.isClear(neededMs) || tries === MOST_WAITS) return true;
      sending.leave();
    }
  }

  private note(hash: Hex32, results: readonly Sponsored[], tip: bigint, maxFee: bigint): Publication {
    const feesWei = new Map<Address, bigint>();
    for (const { filled, sponsor } of results) {
      if (sponsor !== undefined) feesWei.set(sponsor, (feesWei.get(sponsor) ?? 0n) + filled.answer.feeWei);
    }
    const publication: Publication = { hash, tipWei: tip + 1n, maxFeeWei: maxFee + 1n, feesWei, state: "stored" };
    for (const { filled } of results) this.pending.set(filled.inference.key, publication);
    return publication;
  }

  /** Leaves out those whose grants do not cover what they would have to bring, and tells them. */
  private async withGrants(entries: readonly Entry[]): Promise<Entry[]> {
    const { terms, onRefused } = this.options;
    const ready = entries.filter(({ phase }) => phase === "ready");
    if (terms.feeWei === 0n) return ready;
    const paying: Entry[] = [];
    const spent = new Map<Address, bigint>();
    for (const entry of ready) {
      if (entry.phase !== "ready") continue;
      const before = this.resultsOf(paying).length;
      const due = terms.feeWei * BigInt(this.resultsOf([...paying, entry]).length - before);
      const spentWei = spent.get(entry.from) ?? 0n;
      const shortage = due === 0n ? undefined : await this.shortage(entry.from, spentWei + due);
      if (shortage !== undefined) {
        await onRefused(entry, pipeError("PIPE_GRANT_TOO_LOW", shortage)).catch(this.options.onError);
        continue;
      }
      spent.set(entry.from, spentWei + due);
      paying.push(entry);
    }
    return paying;
  }

  private async shortage(sponsor: Address, dueWei: bigint): Promise<Readonly<Record<string, string>> | undefined> {
    const { grantOf } = this.options;
    if ((await grantOf(sponsor)) >= dueWei + this.owedBy(sponsor)) return undefined;
    // What was mined a moment ago is drawn already, and would count twice.
    await this.settle();
    const availableWei = await grantOf(sponsor);
    const neededWei = dueWei + this.owedBy(sponsor);
    if (availableWei >= neededWei) return undefined;
    return { sponsor, availableWei: availableWei.toString(), neededWei: neededWei.toString() };
  }
}
