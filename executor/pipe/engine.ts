import { isAssayError } from "../domain/errors";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { PipeStatus } from "../domain/pipe";
import { type AccountLimits, Accounts } from "./accounts";
import { Cadence } from "./cadence";
import { type Entry, entryOf, itemOf } from "./entry";
import { pipeError } from "./errors";
import { Lanes } from "./lanes";
import { type Plan, type PlanBounds, Planner, type PlanRequest } from "./planner";
import type { InferenceRunner, PipeChain, PipeHead, PipePublisher, PipeStore, PipeTerms } from "./ports";
import { publishGasOf, Releaser } from "./releaser";
import { Resolver } from "./resolver";
import { revertContext } from "./reverts";
import { type SimulatedStep, Simulator } from "./simulator";
import { readTransaction, type SignedTransaction } from "./transaction";
import { Watcher } from "./watcher";

export interface EngineOptions {
  readonly chainId: bigint;
  readonly hub: Address;
  readonly chain: PipeChain;
  readonly runner: InferenceRunner;
  readonly publisher: PipePublisher;
  readonly store: PipeStore;
  readonly terms: PipeTerms;
  /** The most that a transaction's target gets in a simulation. */
  readonly gasCap: bigint;
  readonly bounds: PlanBounds;
  readonly limits: AccountLimits;
  /** Transactions and intents held at once, all together and of one sender. */
  readonly maxHeld: number;
  readonly maxHeldPerSender: number;
  /** From acceptance until it is given back. */
  readonly deadlineMs: number;
  readonly confirmations: number;
  readonly grantOf: (sponsor: Address) => Promise<bigint>;
  /** The account's next nonce as the node has it, its pool counted. */
  readonly pendingNonce: (account: Address) => Promise<number>;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onError: (error: unknown) => void;
}

export type EngineEvent = {
  readonly kind: "passed" | "held" | "released" | "returned";
  readonly id: Hex32;
  readonly reason?: string;
  readonly ms: number;
};

/** How long a sender waits for the plan before it is told the hash: failures that show within it are its answer, and nothing is held. */
const ANSWER_WITHIN_MS = 1_500;
/** Pause before what may pass is tried again, unless a block comes first. */
const RETRY_MS = 250;

/** Everything PIPE does with transactions that wallets send to it. Intents and bundles share its planner. */
export class PipeEngine {
  readonly planner: Planner;
  readonly resolver: Resolver;
  readonly simulator: Simulator;
  readonly accounts: Accounts;
  readonly watcher: Watcher;
  private readonly lanes = new Lanes();
  private readonly releaser: Releaser;
  private readonly cadence: Cadence;
  private readonly working = new Map<Address, Promise<void>>();
  /** Woken by each block. */
  private readonly sleepers = new Set<() => void>();
  private readonly accepted = new Map<Hex32, { resolve: () => void; reject: (error: unknown) => void }>();
  private known: PipeHead | undefined;

  constructor(private readonly options: EngineOptions) {
    const { chain, hub, gasCap, runner, terms, nowMs, signal, bounds, limits, store, publisher } = options;
    const now = (): number => this.head.timestamp;
    this.simulator = new Simulator({ chain, hub, gasCap });
    this.resolver = new Resolver({ runner, feeWei: terms.feeWei, now, signal });
    this.planner = new Planner({ simulator: this.simulator, resolver: this.resolver, runner, bounds, nowMs, now });
    this.accounts = new Accounts(limits, nowMs);
    this.cadence = new Cadence(nowMs, signal);
    this.releaser = new Releaser({
      chain,
      publisher,
      store,
      terms,
      grantOf: options.grantOf,
      head: () => this.head,
      window: () => this.cadence.clear(),
      nowMs,
      onSent: (entry) => this.sent(entry),
      onRefused: (entry, error) => this.failed(entry, error),
      onError: options.onError,
    });
    this.watcher = new Watcher({
      chain,
      store,
      publisher,
      confirmations: options.confirmations,
      nowMs,
      reasonOf: (entry) => this.reasonOf(entry),
      again: (entry) => this.again(entry),
      over: (entry) => this.lanes.remove(entry),
    });
  }

  get head(): PipeHead {
    if (this.known === undefined)
      throw pipeError("PIPE_SIMULATION_FAILED", { why: "no block is known yet" }, { retry: "later" });
    return this.known;
  }

  /** Takes up what an earlier process held: it goes on, or is given back when its deadline is over. */
  async resume(): Promise<void> {
    this.known ??= await this.options.chain.head();
    for (const item of await this.options.store.pipeItems(["held", "released", "landed", "reverted"])) {
      if (item.kind !== "raw") continue;
      const tx = readTransaction(item.payload, this.options.chainId);
      const { acceptedMs, deadlineMs } = item;
      const entry = entryOf({ kind: "raw", from: tx.from, step: tx.step, tx, acceptedMs, deadlineMs, item });
      this.lanes.add(entry);
      if (entry.phase === "sent") this.watcher.watch(entry);
    }
    for (const sender of this.lanes.senders) this.work(sender);
  }

  /** To be told of each new block. */
  async block(head: PipeHead): Promise<void> {
    this.known = head;
    this.cadence.block();
    for (const wake of [...this.sleepers]) wake();
    await this.releaser.settle();
    await this.watcher.follow(head);
    for (const sender of this.lanes.senders) this.work(sender);
  }

  /** Ends with what is in work; what is held stays in the store. */
  async stop(): Promise<void> {
    for (const wake of [...this.sleepers]) wake();
    await Promise.allSettled(this.working.values());
    await this.releaser.drain();
  }

  status(id: Hex32): Promise<PipeStatus | undefined> {
    return this.options.store.pipeItem(id);
  }

  nextNonce(account: Address, from?: number): number | undefined {
    return this.lanes.nextNonce(account, from);
  }

  heldTransaction(hash: Hex32): HexBytes | undefined {
    return this.lanes.find(hash)?.tx?.raw;
  }

  /**
   * Takes a signed transaction. What needs no inference is passed on at once; anything else is stored, and released with its results in front of it.
   * @returns its hash, when it was passed on, or is stored and planned, or is stored and takes longer
   * @throws AssayError every `PIPE_…` of a transaction that is not taken; then nothing of it is kept
   */
  async sendRawTransaction(raw: HexBytes): Promise<Hex32> {
    const { chainId, chain, nowMs, deadlineMs, signal } = this.options;
    if (signal.aborted) throw pipeError("PIPE_STOPPED", {}, { retry: "later" });
    const tx = readTransaction(raw, chainId);
    const present = this.lanes.find(tx.hash);
    if (present !== undefined && present.phase !== "over") return tx.hash;
    if (tx.step === undefined) {
      await this.pass(tx);
      return tx.hash;
    }
    this.demandRoom(tx.from);
    const [{ nonce: mined, balanceWei }, pending] = await Promise.all([
      chain.account(tx.from),
      this.options.pendingNonce(tx.from),
    ]);
    // Two requests with the same bytes may both have waited here.
    if (this.lanes.find(tx.hash) !== undefined) return tx.hash;
    const rival = this.lanes.admit(tx, { mined, pending, balanceWei });
    const acceptedMs = nowMs();
    const entry = entryOf({
      kind: "raw",
      from: tx.from,
      step: tx.step,
      tx,
      acceptedMs,
      deadlineMs: acceptedMs + deadlineMs,
    });
    // A rival that is out already stays watched: which of the two lands is for the chain to say.
    if (rival?.phase === "waiting" || rival?.phase === "ready") await this.replaced(rival);
    else if (rival !== undefined) this.lanes.remove(rival);
    this.lanes.add(entry);
    const answer = new Promise<void>((resolve, reject) => this.accepted.set(tx.hash, { resolve, reject }));
    const timer = setTimeout(
      () => void this.keep(entry).catch((error: unknown) => this.refuse(entry, error)),
      ANSWER_WITHIN_MS,
    );
    this.work(tx.from);
    try {
      await answer;
    } finally {
      clearTimeout(timer);
      this.accepted.delete(tx.hash);
    }
    return tx.hash;
  }

  /** A plan for a call that nobody has signed yet, on behalf of an account. */
  async planCall(step: SimulatedStep, account: string): Promise<Plan> {
    return this.planner.plan({
      step,
      before: [],
      present: [],
      deadlineMs: this.options.nowMs() + this.options.deadlineMs,
      asker: account,
      charge: (what) => this.accounts.charge(account, what),
    });
  }

  private demandRoom(sender: Address): void {
    const { maxHeld, maxHeldPerSender } = this.options;
    if (this.lanes.size >= maxHeld) throw pipeError("PIPE_OVERLOADED", { held: this.lanes.size }, { retry: "later" });
    if (this.lanes.of(sender).length >= maxHeldPerSender) {
      throw pipeError(
        "PIPE_ACCOUNT_LIMIT",
        { account: sender, held: this.lanes.of(sender).length },
        { retry: "later" },
      );
    }
  }

  /** Plans what a sender has, one after the other; one worker for each sender at a time. */
  private work(sender: Address): void {
    if (this.working.has(sender) || this.options.signal.aborted) return;
    const work = this.workThrough(sender)
      .catch(this.options.onError)
      .finally(() => {
        this.working.delete(sender);
      });
    this.working.set(sender, work);
  }

  private async workThrough(sender: Address): Promise<void> {
    const { signal, nowMs } = this.options;
    while (!signal.aborted) {
      const entry = this.lanes.next(sender, await this.options.pendingNonce(sender));
      if (entry === undefined) break;
      try {
        await this.prepare(entry);
      } catch (error) {
        const mayPass = isAssayError(error) && error.retry !== "never" && nowMs() < entry.deadlineMs;
        if (!mayPass) await this.failed(entry, error);
        else await this.sleep(RETRY_MS);
      }
    }
    await this.returnOverdue(sender);
  }

  /** What waits for a lower nonce that does not come is given back in the end. */
  private async returnOverdue(sender: Address): Promise<void> {
    for (const entry of this.lanes.of(sender)) {
      if (entry.phase === "waiting" && this.options.nowMs() >= entry.deadlineMs)
        await this.failed(
          entry,
          pipeError("PIPE_NONCE_GAP", { nonce: entry.tx?.nonce, next: this.lanes.nextNonce(sender) }),
        );
    }
  }

  private async prepare(entry: Entry): Promise<void> {
    const { tx } = entry;
    if (tx === undefined || this.options.nowMs() >= entry.deadlineMs) throw pipeError("PIPE_DEADLINE", {});
    const plan = await this.planEntry(entry);
    if (entry.phase !== "waiting") return;
    entry.plan = plan;
    if (plan.needed.length === 0 && entry.state === undefined && this.isFirst(entry)) {
      entry.phase = "sent";
      try {
        await this.pass(tx);
      } catch (error) {
        entry.phase = "waiting";
        throw error;
      }
      this.watcher.watch(entry);
      this.accepted.get(entry.id)?.resolve();
      this.options.onEvent({ kind: "passed", id: entry.id, ms: this.options.nowMs() - entry.acceptedMs });
      return;
    }
    this.demandFee(entry, plan);
    await this.keep(entry);
    if (entry.phase !== "waiting") return;
    entry.phase = "ready";
    this.releaser.add(entry);
  }

  /** A plan on a state in which none of the entries before it was mined meanwhile: it would count twice. */
  private async planEntry(entry: Entry): Promise<Plan> {
    const { chain } = this.options;
    for (;;) {
      const { nonce } = await chain.account(entry.from);
      const request = this.requestOf(entry, nonce);
      const head = this.head;
      const plan = await this.planner.plan(request);
      const after = request.before.length === 0 ? nonce : (await chain.account(entry.from)).nonce;
      entry.plannedAt = head.number;
      if (after !== nonce) continue;
      // The state may have moved while inferences ran: once more with all of them in place.
      if (head.number === this.head.number || plan.rounds === 0 || (await this.planner.stillHolds(request, plan)))
        return plan;
    }
  }

  private requestOf(entry: Entry, mined: number): PlanRequest {
    const before = this.lanes.before(entry, mined);
    return {
      step: entry.step as SimulatedStep,
      before: before.flatMap(({ step }) => (step === undefined ? [] : [step])),
      present: before.flatMap(({ plan }) => plan?.needed ?? []),
      deadlineMs: entry.deadlineMs,
      asker: entry.from,
      charge: (what) => this.accounts.charge(entry.from, what),
    };
  }

  private isFirst(entry: Entry): boolean {
    return this.lanes
      .of(entry.from)
      .every((other) => other === entry || other.phase === "sent" || (other.tx?.nonce ?? 0) > (entry.tx?.nonce ?? 0));
  }

  /** Raw: whoever sends it gets its results published, so the fee has to cover that gas. */
  private demandFee(entry: Entry, plan: Plan): void {
    const { terms } = this.options;
    if (terms.allowLoss || plan.needed.length === 0 || entry.tx === undefined) return;
    const gas = publishGasOf(plan.needed);
    const price = this.head.baseFeePerGas + entry.tx.maxPriorityFeePerGas + 1n;
    const feesWei = terms.feeWei * BigInt(plan.needed.length);
    if (feesWei < gas * price)
      throw pipeError("PIPE_FEE_BELOW_GAS", {
        feesWei: feesWei.toString(),
        gas: gas.toString(),
        gasPriceWei: price.toString(),
      });
  }

  private async pass(tx: SignedTransaction): Promise<void> {
    const [answer] = await this.options.chain.broadcast([tx.raw]);
    if (answer?.accepted !== false) return;
    // The node may hold it already.
    if (await this.options.chain.knows(tx.hash)) return;
    throw pipeError("PIPE_NODE_REFUSED", { hash: tx.hash }, { detail: answer.message ?? "no reason given" });
  }

  /** Stores an entry, once, and tells its sender that it was taken. */
  private async keep(entry: Entry): Promise<void> {
    if (entry.state === undefined && entry.phase !== "over") {
      entry.state = "held";
      try {
        await this.options.store.addPipeItem(itemOf(entry));
      } catch (error) {
        entry.state = undefined;
        throw error;
      }
      this.options.onEvent({ kind: "held", id: entry.id, ms: this.options.nowMs() - entry.acceptedMs });
    }
    if (entry.state !== undefined) this.accepted.get(entry.id)?.resolve();
  }

  private sent(entry: Entry): void {
    this.watcher.watch(entry);
    this.options.onEvent({ kind: "released", id: entry.id, ms: this.options.nowMs() - entry.acceptedMs });
  }

  /** An entry that is in nobody's store is refused to its sender; one that is, is given back with the reason. One that is out stays out. */
  private async failed(entry: Entry, error: unknown): Promise<void> {
    if (entry.state === "released") {
      entry.phase = "sent";
      this.options.onError(error);
      return;
    }
    const code = isAssayError(error) ? error.code : "PIPE_SIMULATION_FAILED";
    if (!isAssayError(error)) this.options.onError(error);
    entry.phase = "over";
    this.lanes.remove(entry);
    if (entry.state === "held") {
      await this.options.store.movePipeItem({
        id: entry.id,
        from: ["held"],
        to: "returned",
        reason: code,
        detail: error instanceof Error ? error.message : String(error),
        step: { step: "returned", hostMs: this.options.nowMs(), detail: { code } },
      });
      entry.state = "returned";
    }
    this.options.onEvent({ kind: "returned", id: entry.id, reason: code, ms: this.options.nowMs() - entry.acceptedMs });
    this.refuse(entry, error);
  }

  private refuse(entry: Entry, error: unknown): void {
    this.accepted.get(entry.id)?.reject(error);
  }

  private async replaced(entry: Entry): Promise<void> {
    entry.phase = "over";
    this.lanes.remove(entry);
    if (entry.state === "held") {
      await this.options.store.movePipeItem({ id: entry.id, from: ["held"], to: "replaced" });
      entry.state = "replaced";
    }
    this.refuse(
      entry,
      pipeError("PIPE_REPLACEMENT_UNDERPRICED", {}, { detail: "another transaction with this nonce came after it" }),
    );
  }

  /** Back to planning, in its place in the row: the same bytes, with the results that are needed by now. */
  private again(entry: Entry): void {
    // The relayer's own transaction is sent again by its nonce stream.
    if (entry.kind === "intent") return;
    entry.phase = "waiting";
    this.watcher.forget(entry);
    this.work(entry.from);
  }

  private async reasonOf(entry: Entry): Promise<string | undefined> {
    if (entry.step === undefined) return undefined;
    const outcome = await this.options.chain.call({ ...entry.step });
    return outcome.ok ? undefined : revertContext(outcome.revert ?? "0x").reason;
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.sleepers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.sleepers.add(done);
    });
  }
}
