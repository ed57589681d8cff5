import { isAssayError } from "../domain/errors";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { PipeItem, PipeStatus } from "../domain/pipe";
import { Acceptance } from "./acceptance";
import { type AccountLimits, Accounts } from "./accounts";
import { Cadence } from "./cadence";
import { type EngineEvent, type Entry, entryOf } from "./entry";
import { pipeError } from "./errors";
import { Lanes } from "./lanes";
import { LaneWorker } from "./laneWorker";
import { type Plan, type PlanBounds, Planner } from "./planner";
import type { InferenceRunner, PipeChain, PipeHead, PipePublisher, PipeStore, PipeTerms, SimulatedStep } from "./ports";
import { Releaser } from "./releaser";
import { Resolver } from "./resolver";
import { revertContext } from "./reverts";
import { Simulator } from "./simulator";
import { intrinsicGas, readTransaction, type SignedTransaction } from "./transaction";
import { Turns } from "./turns";
import { Watcher } from "./watcher";

export interface EngineOptions {
  readonly chainId: bigint;
  readonly hub: Address;
  readonly forwarder: Address;
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

/** What was out and is lost is sent again for so many deadlines after it came; then it is only looked for. */
const GO_ON_DEADLINES = 10;

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
  private readonly acceptance: Acceptance;
  private readonly worker: LaneWorker;
  private known: PipeHead | undefined;

  constructor(private readonly options: EngineOptions) {
    const { chain, hub, gasCap, runner, terms, nowMs, signal, bounds, limits, store, publisher } = options;
    const now = (): number => this.head.timestamp;
    const turns = new Turns();
    this.simulator = new Simulator({ chain, turns, hub, gasCap });
    this.resolver = new Resolver({ runner, feeWei: terms.feeWei, now, signal });
    this.planner = new Planner({
      simulator: this.simulator,
      resolver: this.resolver,
      runner,
      bounds,
      nowMs,
      now,
      signal,
    });
    this.accounts = new Accounts(limits, nowMs);
    this.cadence = new Cadence(nowMs, signal);
    this.acceptance = new Acceptance({
      store,
      nowMs,
      onEvent: options.onEvent,
      onUnkept: (entry, error) => this.worker.failed(entry, error),
      onError: options.onError,
    });
    this.worker = new LaneWorker({
      lanes: this.lanes,
      planner: this.planner,
      accounts: this.accounts,
      acceptance: this.acceptance,
      chain,
      terms,
      pendingNonce: options.pendingNonce,
      head: () => this.head,
      nowMs,
      signal,
      onPassed: (entry) => this.watcher.watch(entry),
      onReady: (entry) => this.releaser.add(entry),
      onOut: (entry) => this.watcher.watch(entry),
      onEvent: options.onEvent,
      onError: options.onError,
    });
    this.releaser = new Releaser({
      chain,
      publisher,
      store,
      terms,
      grantOf: options.grantOf,
      head: () => this.head,
      turns,
      window: this.cadence,
      nowMs,
      stillHolds: (entry) => this.worker.stillHolds(entry),
      onStale: (entry) => {
        this.worker.backToPlanning(entry);
        this.worker.work(entry.from);
      },
      onSent: (entry) => this.sent(entry),
      onRefused: (entry, error) => this.worker.refused(entry, error),
      onError: options.onError,
    });
    this.watcher = new Watcher({
      chain,
      store,
      publisher,
      confirmations: options.confirmations,
      nowMs,
      forwarder: options.forwarder,
      reasonOf: (entry, block) => this.reasonOf(entry, block),
      again: (entry) => this.again(entry),
      over: (entry) => this.lanes.remove(entry),
      onError: options.onError,
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
      // One that can not be read, by a store that was damaged or moved to another chain, keeps no other from going on.
      try {
        this.takeUp(item);
      } catch (error) {
        this.options.onError(error);
        await this.giveUp(item, error);
      }
    }
    // On a quiet chain no block would come to say what became of what was sent.
    await this.watcher.follow(this.head).catch(this.options.onError);
    for (const sender of this.lanes.senders) this.worker.work(sender);
  }

  /** What was out stays out; what is held can not be sent by anybody who has only these bytes. */
  private async giveUp({ id, state }: PipeItem, error: unknown): Promise<void> {
    if (state !== "held") return;
    const reason = isAssayError(error) ? error.code : "PIPE_TRANSACTION_MALFORMED";
    const step = { step: "returned", hostMs: this.options.nowMs(), detail: { code: reason } };
    await this.options.store.movePipeItems([{ id, from: ["held"], to: "returned", reason, step }]);
  }

  private takeUp(item: PipeItem): void {
    const tx = readTransaction(item.payload, this.options.chainId);
    const { acceptedMs, deadlineMs } = item;
    const entry = entryOf({ kind: "raw", from: tx.from, step: tx.step, tx, acceptedMs, deadlineMs, item });
    this.lanes.add(entry);
    if (entry.phase === "sent") this.watcher.watch(entry);
  }

  /** To be told of each new block. */
  async block(head: PipeHead): Promise<void> {
    this.known = head;
    this.cadence.block();
    this.worker.wake();
    // A failed read in one of them must not keep the others from their work, nor deadlines from being kept.
    const steps = [() => this.acceptance.settle(), () => this.releaser.settle(), () => this.watcher.follow(head)];
    for (const step of steps) await step().catch(this.options.onError);
    for (const sender of this.lanes.senders) this.worker.work(sender);
  }

  /** Ends with what is in work; what is held stays in the store. */
  async stop(): Promise<void> {
    this.acceptance.stop();
    await this.worker.stop();
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
    if (this.lanes.find(tx.hash) !== undefined) return this.answeredAs(tx.hash);
    if (tx.step === undefined) {
      await this.worker.pass(tx);
      return tx.hash;
    }
    this.demandRoom(tx);
    const [{ nonce: mined, balanceWei }, pending] = await Promise.all([
      chain.account(tx.from),
      this.options.pendingNonce(tx.from),
    ]);
    // Two requests with the same bytes may both have waited here, and many others have taken the room.
    if (this.lanes.find(tx.hash) !== undefined) return this.answeredAs(tx.hash);
    this.demandRoom(tx);
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
    if (rival !== undefined) this.lanes.remove(rival);
    else entry.nonces = { mined, pending };
    this.lanes.add(entry);
    const answer = this.acceptance.begin(entry);
    // A rival that is out already stays watched: which of the two lands is for the chain to say.
    if (rival?.phase === "waiting" || rival?.phase === "ready") await this.worker.replaced(rival);
    this.worker.work(tx.from);
    await answer;
    return tx.hash;
  }

  /** Whoever sends the same bytes once more is told what the first one is told. @throws AssayError as to the first one */
  private async answeredAs(hash: Hex32): Promise<Hex32> {
    await this.acceptance.answerFor(hash);
    return hash;
  }

  /** A plan for a call that nobody has signed yet, on behalf of an account. */
  async planCall(step: SimulatedStep, account: string): Promise<Plan> {
    return this.planner.plan({
      why: "look",
      step,
      before: [],
      present: [],
      deadlineMs: this.options.nowMs() + this.options.deadlineMs,
      asker: account,
      charge: (what) => this.accounts.charge(account, what),
    });
  }

  private demandRoom({ from, nonce }: SignedTransaction): void {
    const { maxHeld, maxHeldPerSender } = this.options;
    const own = this.lanes.of(from);
    // A replacement takes the place of what it replaces.
    if (own.some(({ tx }) => tx?.nonce === nonce)) return;
    if (own.length >= maxHeldPerSender && !this.forgetPassed(own)) {
      throw pipeError("PIPE_ACCOUNT_LIMIT", { account: from, held: own.length }, { retry: "later" });
    }
    if (this.lanes.size < maxHeld) return;
    if (!this.lanes.senders.some((sender) => this.forgetPassed(this.lanes.of(sender))))
      throw pipeError("PIPE_OVERLOADED", { held: this.lanes.size }, { retry: "later" });
  }

  /** What was passed on is in the node's hands; remembering it helps to simulate what comes after it, and must not take another's place. */
  private forgetPassed(entries: readonly Entry[]): boolean {
    const passed = entries.find(({ phase, state }) => phase === "sent" && state === undefined);
    if (passed === undefined) return false;
    this.forgetEntry(passed);
    return true;
  }

  private forgetEntry(entry: Entry): void {
    entry.phase = "over";
    this.lanes.remove(entry);
    this.watcher.forget(entry);
  }

  private sent(entry: Entry): void {
    this.watcher.watch(entry);
    this.options.onEvent({ kind: "released", id: entry.id, ms: this.options.nowMs() - entry.acceptedMs });
  }

  /** Back to planning, in its place in the row: the same bytes, with the results that are needed by now. */
  private again(entry: Entry): void {
    // The relayer's own transaction is sent again by its nonce stream.
    if (entry.kind === "intent") return;
    const { nowMs, deadlineMs } = this.options;
    const isOld = nowMs() > entry.acceptedMs + GO_ON_DEADLINES * deadlineMs;
    // Nobody was told that it is held, so nobody has to be told that it is not.
    if (isOld && entry.state === undefined) {
      this.forgetEntry(entry);
      return;
    }
    // With another in its place it is not sent again: which of the two landed will show.
    if (isOld || !this.lanes.has(entry)) return;
    // It can not be given back any more: its bytes are out.
    entry.deadlineMs = Math.max(entry.deadlineMs, nowMs() + deadlineMs);
    this.watcher.forget(entry);
    this.worker.backToPlanning(entry);
    this.worker.work(entry.from);
  }

  /** By the state after its block: what was published for it is there, and what came later is not. */
  private async reasonOf({ step }: Entry, block: number): Promise<string | undefined> {
    if (step === undefined) return undefined;
    const gas = step.gas + intrinsicGas(step.data, step.to === undefined);
    const outcome = await this.options.chain.call({ ...step, gas, at: block });
    return outcome.ok ? undefined : revertContext(outcome.revert ?? "0x").reason;
  }
}
