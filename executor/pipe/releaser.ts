import type { Address, Hex32 } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import type { Entry } from "./entry";
import { pipeError } from "./errors";
import type { PipeChain, PipeHead, PipePublisher, PipeStore, PipeTerms } from "./ports";
import type { SignedTransaction } from "./transaction";

/** What a publication costs beside its calldata: per transaction, per result and per word of output (`npm run bench`, pipe.gas.publish), rounded up. */
const PUBLISH_GAS = { base: 45_000n, result: 75_000n, word: 23_500n } as const;
/** Results of one publication; more wait for the next one, which follows at once. */
const MAX_RESULTS = 64;
/** Gas of one publication: well inside a transaction's cap and a block. */
const MAX_PUBLISH_GAS = 12_000_000n;

/** Gas that publishing these results takes, about. */
export function publishGasOf(filled: readonly FilledInference[]): bigint {
  return filled.reduce<bigint>((sum, { answer }) => sum + resultGas(answer.output.length), PUBLISH_GAS.base);
}
const resultGas = (bytes: number): bigint => PUBLISH_GAS.result + PUBLISH_GAS.word * BigInt(Math.ceil(bytes / 32));

export interface ReleaserOptions {
  readonly chain: PipeChain;
  readonly publisher: PipePublisher;
  readonly store: PipeStore;
  readonly terms: PipeTerms;
  /** What the sender's grant to this operator lets be drawn now, wei. */
  readonly grantOf: (sponsor: Address) => Promise<bigint>;
  readonly head: () => PipeHead;
  /** Waits while a block is about to be made: what is sent then may be split by it. */
  readonly window: () => Promise<void>;
  readonly nowMs: () => number;
  readonly onSent: (entry: Entry) => void;
  readonly onRefused: (entry: Entry, error: unknown) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

interface Publication {
  readonly tipWei: bigint;
  readonly maxFeeWei: bigint;
  readonly hash: Hex32;
  readonly feesWei: ReadonlyMap<Address, bigint>;
}

/**
 * Sends ready transactions with the results they need: one publication for all that are ready together, and the transactions right behind it,
 * untouched. What a pending publication brings is not brought again.
 */
export class Releaser {
  private queue: Entry[] = [];
  private running: Promise<void> | undefined;
  /** Publications that are on their way, by the keys they bring. */
  private readonly pending = new Map<Hex32, Publication>();

  constructor(private readonly options: ReleaserOptions) {}

  add(entry: Entry): void {
    this.queue.push(entry);
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
  }

  async drain(): Promise<void> {
    await this.running;
  }

  /** Publications that the chain has settled: whether they landed or not, what they brought must be looked for there. */
  async settle(): Promise<void> {
    const hashes = [...new Set([...this.pending.values()].map(({ hash }) => hash))];
    if (hashes.length === 0) return;
    const receipts = await this.options.chain.receipts(hashes);
    const settled = new Set(hashes.filter((_, i) => receipts[i] !== undefined));
    for (const [key, { hash }] of this.pending) if (settled.has(hash)) this.pending.delete(key);
  }

  /** Whether a key is on its way, with fees that put it before a transaction. */
  private isComing(key: Hex32, tx: SignedTransaction): boolean {
    const publication = this.pending.get(key);
    return (
      publication !== undefined &&
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
      await this.options.window();
      for (const batch of this.batches(this.queue.splice(0))) {
        try {
          await this.release(batch);
        } catch (error) {
          // Nothing is known to have been sent: each one is looked at by itself.
          for (const entry of batch) await this.options.onRefused(entry, error).catch(this.options.onError);
        }
      }
    }
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
    const byKey = new Map<Hex32, FilledInference>();
    for (const { plan, tx } of entries) {
      if (tx === undefined) continue;
      for (const filled of plan?.needed ?? []) {
        const { key } = filled.inference;
        if (!byKey.has(key) && !this.isComing(key, tx)) byKey.set(key, filled);
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
    return this.options.head().baseFeePerGas + most(entries, (tx) => tx.maxPriorityFeePerGas) + 1n;
  }

  private async release(entries: readonly Entry[]): Promise<void> {
    const { publisher, store, nowMs } = this.options;
    const paying = await this.withGrants(entries);
    if (paying.length === 0) return;
    const results = this.resultsOf(paying);
    if (!this.pays(paying)) {
      throw pipeError("PIPE_FEE_BELOW_GAS", {
        feeWei: this.options.terms.feeWei.toString(),
        gas: publishGasOf(results).toString(),
        gasPriceWei: this.gasPriceFor(paying).toString(),
      });
    }
    const sponsored = results.map((filled) => ({ filled, sponsor: this.sponsorOf(filled, paying) }));
    const aboveTipWei = most(paying, (tx) => tx.maxPriorityFeePerGas);
    const aboveMaxFeeWei = most(paying, (tx) => tx.maxFeePerGas);
    await publisher.release({
      results: sponsored,
      followers: paying.flatMap(({ tx }) => (tx === undefined ? [] : [tx])),
      aboveTipWei,
      aboveMaxFeeWei,
      onStored: async (publishHash) => {
        if (publishHash !== undefined) this.note(publishHash, sponsored, aboveTipWei, aboveMaxFeeWei);
        for (const entry of paying) {
          entry.publishHash = publishHash ?? entry.publishHash;
          const step = { step: "released", hostMs: nowMs(), detail: { results: entry.plan?.needed.length ?? 0 } };
          if (entry.state === "held") {
            await store.movePipeItem({
              id: entry.id,
              from: ["held"],
              to: "released",
              transactionHash: entry.id,
              ...(publishHash === undefined ? {} : { publishHash }),
              step,
            });
            entry.state = "released";
          } else if (entry.state !== undefined) await store.addPipeSteps(entry.id, [step]);
        }
      },
    });
    for (const entry of paying) {
      entry.phase = "sent";
      this.options.onSent(entry);
    }
  }

  private note(
    hash: Hex32,
    results: readonly { readonly filled: FilledInference; readonly sponsor: Address | undefined }[],
    tip: bigint,
    maxFee: bigint,
  ): void {
    const feesWei = new Map<Address, bigint>();
    for (const { filled, sponsor } of results) {
      if (sponsor !== undefined) feesWei.set(sponsor, (feesWei.get(sponsor) ?? 0n) + filled.answer.feeWei);
    }
    const publication = { hash, tipWei: tip + 1n, maxFeeWei: maxFee + 1n, feesWei };
    for (const { filled } of results) this.pending.set(filled.inference.key, publication);
  }

  /** Whoever needs a result first pays for it: the sender of the first transaction that asked for it, never the contract it calls. */
  private sponsorOf(filled: FilledInference, entries: readonly Entry[]): Address | undefined {
    if (filled.answer.feeWei === 0n) return undefined;
    const { key } = filled.inference;
    return entries.find(({ plan }) => plan?.needed.some(({ inference }) => inference.key === key))?.from;
  }

  /** Leaves out those whose grants do not cover what they would have to bring, and tells them. */
  private async withGrants(entries: readonly Entry[]): Promise<Entry[]> {
    const { terms, grantOf, onRefused } = this.options;
    if (terms.feeWei === 0n) return [...entries];
    const paying: Entry[] = [];
    const spent = new Map<Address, bigint>();
    for (const entry of entries) {
      const before = this.resultsOf(paying).length;
      const due = terms.feeWei * BigInt(this.resultsOf([...paying, entry]).length - before);
      const owed = (spent.get(entry.from) ?? 0n) + this.owedBy(entry.from);
      const grantedWei = due === 0n ? 0n : await grantOf(entry.from);
      if (due > 0n && grantedWei < owed + due) {
        const context = {
          sponsor: entry.from,
          availableWei: grantedWei.toString(),
          neededWei: (owed + due).toString(),
        };
        await onRefused(entry, pipeError("PIPE_GRANT_TOO_LOW", context));
        continue;
      }
      spent.set(entry.from, (spent.get(entry.from) ?? 0n) + due);
      paying.push(entry);
    }
    return paying;
  }
}

function most(entries: readonly Entry[], fee: (tx: SignedTransaction) => bigint): bigint {
  return entries.reduce((max, { tx }) => (tx !== undefined && fee(tx) > max ? fee(tx) : max), 0n);
}
