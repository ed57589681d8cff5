import { type AssayError, isAssayError } from "../domain/errors";
import type { Address } from "../domain/ids";
import type { Acceptance } from "./acceptance";
import type { Accounts } from "./accounts";
import type { EngineEvent, Entry } from "./entry";
import { pipeError } from "./errors";
import { gasPriceWei, MAX_PUBLISH_GAS, publishGasOf } from "./fees";
import type { Lanes } from "./lanes";
import type { Plan, Planner, PlanRequest } from "./planner";
import type { PipeChain, PipeHead, PipeTerms, SimulatedStep } from "./ports";
import type { SignedTransaction } from "./transaction";

/** Pause before what may pass is tried again, unless a block comes first. */
const RETRY_MS = 250;

export interface LaneWorkerOptions {
  readonly lanes: Lanes;
  readonly planner: Planner;
  readonly accounts: Accounts;
  readonly acceptance: Acceptance;
  readonly chain: PipeChain;
  readonly terms: PipeTerms;
  readonly pendingNonce: (account: Address) => Promise<number>;
  readonly head: () => PipeHead;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** It needs nothing, and the node has it. */
  readonly onPassed: (entry: Entry) => void;
  readonly onReady: (entry: Entry) => void;
  /** It was released, and there is nothing to do now but to look what becomes of it. */
  readonly onOut: (entry: Entry) => void;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onError: (error: unknown) => void;
}

/** Plans what each sender has, in the order of its nonces: one after the other, and senders beside one another. */
export class LaneWorker {
  private readonly working = new Map<Address, Promise<void>>();
  /** Senders of whom something came while they were worked on. */
  private readonly wanted = new Set<Address>();
  /** For what waits: deadlines hold without blocks too. */
  private readonly alarms = new Map<Address, NodeJS.Timeout>();
  /** What is known to need results. */
  private readonly asking = new WeakSet<Entry>();
  /** Woken by each block. */
  private readonly sleepers = new Set<() => void>();

  constructor(private readonly options: LaneWorkerOptions) {}

  /** One worker for each sender at a time. */
  work(sender: Address): void {
    if (this.options.signal.aborted) return;
    if (this.working.has(sender)) {
      this.wanted.add(sender);
      return;
    }
    clearTimeout(this.alarms.get(sender));
    this.alarms.delete(sender);
    const work = this.workThrough(sender)
      .catch(this.options.onError)
      .finally(() => {
        this.working.delete(sender);
        if (this.wanted.delete(sender)) this.work(sender);
        else this.setAlarm(sender);
      });
    this.working.set(sender, work);
  }

  wake(): void {
    for (const wake of [...this.sleepers]) wake();
  }

  async stop(): Promise<void> {
    for (const alarm of this.alarms.values()) clearTimeout(alarm);
    this.alarms.clear();
    this.wake();
    await Promise.allSettled(this.working.values());
  }

  /** An entry that can not be released now: once more after a pause, if that may help, and else given back. */
  async refused(entry: Entry, error: unknown): Promise<void> {
    if (!this.mayPass(entry, error)) return this.failed(entry, error);
    this.backToPlanning(entry);
    void this.sleep(RETRY_MS).then(() => this.work(entry.from));
  }

  /** Given back, or refused to its sender; what is out stays out. */
  async failed(entry: Entry, error: unknown): Promise<void> {
    if (entry.phase === "over") return;
    if (entry.state === "released") {
      entry.phase = "sent";
      this.options.onError(error);
      this.options.onOut(entry);
      return;
    }
    this.leave(entry);
    await this.options.acceptance.giveBack(entry, error);
  }

  /** Another transaction with the same nonce came, before this one was sent. */
  async replaced(entry: Entry): Promise<void> {
    this.leave(entry);
    await this.options.acceptance.replaced(entry);
  }

  /** Back to planning, and with it what was planned behind it: its state was one in which this one had been. */
  backToPlanning(entry: Entry): void {
    entry.phase = "waiting";
    this.holdBack(entry);
  }

  /** Whether a plan is right on the newest state; from now on it counts as made there. */
  async stillHolds(entry: Entry): Promise<boolean> {
    const { chain, planner, head } = this.options;
    if (this.baseFeeError(entry) !== undefined) return false;
    const { nonce } = await chain.account(entry.from);
    if (entry.plan === undefined || nonce > (entry.tx?.nonce ?? 0)) return false;
    entry.plannedAt = head().number;
    return planner.stillHolds(this.requestOf(entry, nonce), entry.plan);
  }

  /** Sends what needs nothing. @throws AssayError `PIPE_NODE_REFUSED`, and those of the chain */
  async pass(tx: SignedTransaction): Promise<void> {
    const [answer] = await this.options.chain.broadcast([tx.raw]);
    if (answer?.accepted !== false) return;
    // The node may hold it already.
    if (await this.options.chain.knows(tx.hash)) return;
    throw pipeError("PIPE_NODE_REFUSED", { hash: tx.hash }, { detail: answer.message ?? "no reason given" });
  }

  private leave(entry: Entry): void {
    entry.phase = "over";
    this.options.lanes.remove(entry);
    this.holdBack(entry);
  }

  private holdBack(entry: Entry): void {
    for (const other of this.options.lanes.of(entry.from))
      if (other.phase === "ready" && (other.tx?.nonce ?? 0) > (entry.tx?.nonce ?? 0)) other.phase = "waiting";
  }

  private mayPass(entry: Entry, error: unknown): boolean {
    return isAssayError(error) && error.retry !== "never" && this.options.nowMs() < entry.deadlineMs;
  }

  private async workThrough(sender: Address): Promise<void> {
    const { lanes, signal } = this.options;
    while (!signal.aborted && lanes.of(sender).some(({ phase }) => phase === "waiting")) {
      const free = this.knownNonces(sender)?.pending ?? (await this.freeNonce(sender));
      const entry = free === undefined ? undefined : lanes.next(sender, free);
      await this.returnOverdue(sender, free !== undefined && entry === undefined);
      if (free === undefined) {
        await this.sleep(RETRY_MS);
        continue;
      }
      if (entry === undefined) return;
      if (entry.phase !== "waiting") continue;
      try {
        await this.prepare(entry);
      } catch (error) {
        if (signal.aborted) return;
        if (this.mayPass(entry, error)) await this.sleep(RETRY_MS);
        else await this.failed(entry, error);
      }
    }
  }

  /** What was read for the only transaction of a sender a moment ago. */
  private knownNonces(sender: Address): Entry["nonces"] {
    const [only, ...others] = this.options.lanes.of(sender);
    return others.length === 0 ? only?.nonces : undefined;
  }

  /** Undefined where the node does not say. */
  private async freeNonce(sender: Address): Promise<number | undefined> {
    try {
      return await this.options.pendingNonce(sender);
    } catch (error) {
      if (!isAssayError(error)) this.options.onError(error);
      return undefined;
    }
  }

  /** What waits for a lower nonce that does not come, or for a node, is given back in the end. */
  private async returnOverdue(sender: Address, behindGap: boolean): Promise<void> {
    const { lanes, nowMs } = this.options;
    for (const entry of lanes.of(sender)) {
      if (entry.phase !== "waiting" || nowMs() < entry.deadlineMs) continue;
      const code = behindGap ? "PIPE_NONCE_GAP" : "PIPE_DEADLINE";
      await this.failed(entry, this.baseFeeError(entry) ?? pipeError(code, { nonce: entry.tx?.nonce }));
    }
  }

  private setAlarm(sender: Address): void {
    const { lanes, nowMs, signal } = this.options;
    const waiting = lanes.of(sender).filter(({ phase }) => phase === "waiting");
    if (waiting.length === 0 || signal.aborted) return;
    const inMs = Math.max(RETRY_MS, Math.min(...waiting.map(({ deadlineMs }) => deadlineMs)) - nowMs());
    this.alarms.set(
      sender,
      setTimeout(() => this.work(sender), Math.min(inMs, 2 ** 31 - 1)),
    );
  }

  private async prepare(entry: Entry): Promise<void> {
    const { nowMs, acceptance, onEvent } = this.options;
    const { tx } = entry;
    this.demandBaseFee(entry);
    if (tx === undefined || nowMs() >= entry.deadlineMs) throw pipeError("PIPE_DEADLINE", {});
    const plan = await this.planEntry(entry, tx);
    if (entry.phase !== "waiting") return;
    entry.plan = plan;
    const mayGoAtOnce = plan.needed.length === 0 && entry.state === undefined && entry.storing === undefined;
    if (mayGoAtOnce && this.isFirst(entry)) {
      entry.phase = "sent";
      try {
        await this.pass(tx);
      } catch (error) {
        entry.phase = "waiting";
        throw error;
      }
      this.options.onPassed(entry);
      acceptance.taken(entry);
      onEvent({ kind: "passed", id: entry.id, ms: nowMs() - entry.acceptedMs });
      return;
    }
    if (plan.needed.length > 0) this.asking.add(entry);
    else this.asking.delete(entry);
    this.demandBaseFee(entry);
    this.demandFee(tx, plan);
    await acceptance.keep(entry);
    if (entry.phase !== "waiting") return;
    entry.phase = "ready";
    this.options.onReady(entry);
  }

  /** A plan on a state in which nothing of its sender was mined meanwhile: what is before it would count twice, and it may be too late itself. */
  private async planEntry(entry: Entry, tx: SignedTransaction): Promise<Plan> {
    const { chain, planner, head } = this.options;
    for (;;) {
      const nonce = this.knownNonces(entry.from)?.mined ?? (await chain.account(entry.from)).nonce;
      entry.nonces = undefined;
      // Results would be brought, and paid, for one that can not be mined.
      if (nonce > tx.nonce) throw pipeError("PIPE_NONCE_TOO_LOW", { nonce: tx.nonce, next: nonce });
      const request = this.requestOf(entry, nonce);
      const began = head().number;
      const plan = await planner.plan(request);
      const mayDiffer = request.before.length > 0 || began !== head().number;
      const after = mayDiffer ? (await chain.account(entry.from)).nonce : nonce;
      if (after !== nonce) continue;
      const newest = head().number;
      entry.plannedAt = plan.rounds === 0 ? began : newest;
      // The state may have moved while inferences ran: once more with all of them in place.
      if (began === newest || plan.rounds === 0 || (await planner.stillHolds(request, plan))) return plan;
    }
  }

  private requestOf(entry: Entry, mined: number): PlanRequest {
    const before = this.options.lanes.before(entry, mined);
    return {
      step: entry.step as SimulatedStep,
      before: before.flatMap(({ step }) => (step === undefined ? [] : [step])),
      present: before.flatMap(({ plan }) => plan?.needed ?? []),
      deadlineMs: entry.deadlineMs,
      asker: entry.from,
      charge: (what) => this.options.accounts.charge(entry.from, what),
    };
  }

  private isFirst(entry: Entry): boolean {
    return this.options.lanes
      .of(entry.from)
      .every((other) => other === entry || other.phase === "sent" || (other.tx?.nonce ?? 0) > (entry.tx?.nonce ?? 0));
  }

  /**
   * Results that no block can use yet would be paid for, and might be over when one can. It waits for a lower base fee; the next block's may be an eighth
   * below this one's (EIP-1559).
   */
  private baseFeeError(entry: Entry): AssayError | undefined {
    const { baseFeePerGas } = this.options.head();
    const { tx } = entry;
    if (tx === undefined || !this.asking.has(entry) || tx.maxFeePerGas >= (baseFeePerGas * 7n) / 8n) return undefined;
    const context = { maxFeeWei: tx.maxFeePerGas.toString(), baseFeeWei: baseFeePerGas.toString() };
    return pipeError("PIPE_MAX_FEE_TOO_LOW", context, { retry: "later" });
  }

  private demandBaseFee(entry: Entry): void {
    const error = this.baseFeeError(entry);
    if (error !== undefined) throw error;
  }

  /** Raw: whoever sends it gets its results published, so the fee has to cover that gas, and one publication has to carry them. */
  private demandFee(tx: SignedTransaction, plan: Plan): void {
    const { terms, head } = this.options;
    if (plan.needed.length === 0) return;
    const gas = publishGasOf(plan.needed);
    if (gas > MAX_PUBLISH_GAS)
      throw pipeError("PIPE_BOUND_REACHED", { publishGas: gas.toString(), most: MAX_PUBLISH_GAS.toString() });
    if (terms.allowLoss) return;
    const price = gasPriceWei(head(), terms, tx.maxPriorityFeePerGas);
    const feesWei = terms.feeWei * BigInt(plan.needed.length);
    if (feesWei < gas * price)
      throw pipeError("PIPE_FEE_BELOW_GAS", {
        feesWei: feesWei.toString(),
        gas: gas.toString(),
        gasPriceWei: price.toString(),
      });
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
