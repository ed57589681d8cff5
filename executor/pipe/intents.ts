import { concat } from "ethers";
import { isAssayError } from "../domain/errors";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import type { IntentFields, PipeItem } from "../domain/pipe";
import { decodeSignedIntent, encodeSignedIntent, intentDigest } from "../protocol/intent";
import { encodeExecute } from "../protocol/portable";
import type { Work } from "./accounts";
import { type Entry, entryOf, itemOf } from "./entry";
import { pipeError } from "./errors";
import { gasPriceWei } from "./fees";
import { EXECUTE_GAS, executeGas, FORWARDER, forwarderError, INTENT_CODES } from "./forwarder";
import type { Planner, PlanRequest } from "./planner";
import type { PipeChain, PipeHead, PipePublisher, PipeStore, PipeTerms } from "./ports";
import { revertContext } from "./reverts";
import { intentLabel, type Watcher } from "./watcher";

/** Pause before what may pass is tried again, unless a block comes first. */
const RETRY_MS = 250;

export interface IntentsOptions {
  readonly chainId: bigint;
  readonly forwarder: Address;
  readonly chain: PipeChain;
  readonly store: PipeStore;
  readonly publisher: PipePublisher;
  readonly planner: Planner;
  readonly watcher: Watcher;
  readonly terms: PipeTerms;
  readonly deadlineMs: number;
  readonly maxHeld: number;
  readonly maxHeldPerSender: number;
  readonly charge: (account: string, what: Work) => void;
  readonly head: () => PipeHead;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: { kind: "held" | "released" | "returned"; id: Hex32; reason?: string; ms: number }) => void;
  readonly onError: (error: unknown) => void;
}

interface Held {
  readonly entry: Entry;
  readonly intent: IntentFields;
  readonly signature: HexBytes;
  isWorking: boolean;
  /** What it takes from its signer's balance when it is mined; 0 while it is not on its way. */
  reservedWei: bigint;
}

/** Users' signed intents: planned as transactions are, and sent by the relayer together with their results, in one transaction. */
export class Intents {
  private readonly held = new Map<Hex32, Held>();
  private readonly working = new Set<Promise<void>>();
  /** Those that are being looked at: the same bytes once more get the same answer. */
  private readonly taking = new Map<Hex32, Promise<Hex32>>();

  constructor(private readonly options: IntentsOptions) {}

  /** Takes up what an earlier process held. One whose transaction was stored is followed, never sent anew. */
  async resume(): Promise<void> {
    for (const item of await this.options.store.pipeItems(["held", "released", "landed", "reverted"])) {
      if (item.kind !== "intent") continue;
      // As the engine does: one that can not be read keeps no other from going on.
      const signed = this.readStored(item);
      if (signed !== undefined) await this.takeUp(item, signed);
      else if (item.state === "held") await this.giveUp(item.id);
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.working, ...this.taking.values()]);
  }

  /** What has ended is forgotten; one that was lost goes round again. To be called for each new block. */
  sweep(): void {
    for (const [id, { entry }] of this.held) {
      if (entry.phase === "over") this.held.delete(id);
      else if (entry.phase === "waiting") this.work(id);
    }
  }

  /**
   * Takes an intent. Everything that makes it not executable now is told at once, as the forwarder itself would say it.
   * @param account whose limits the look at it uses: whoever brought it. Who signed it is not known before
   * @returns its EIP-712 digest
   * @throws AssayError `PIPE_INTENT_…`, `PIPE_OVERLOADED`, `PIPE_ACCOUNT_LIMIT`
   */
  async take(intent: IntentFields, signature: HexBytes, account: string): Promise<Hex32> {
    if (this.options.signal.aborted) throw pipeError("PIPE_STOPPED", {}, { retry: "later" });
    const digest = this.digestOf(intent);
    if (this.held.has(digest) && this.held.get(digest)?.entry.phase !== "over") return digest;
    const same = this.taking.get(digest);
    // Not for another signature: that one may be wrong.
    if (same !== undefined) await same.catch(() => undefined);
    if (this.held.has(digest) && this.held.get(digest)?.entry.phase !== "over") return digest;
    const taking = this.takeNew(digest, intent, signature, account).finally(() => this.taking.delete(digest));
    this.taking.set(digest, taking);
    return taking;
  }

  private async takeNew(digest: Hex32, intent: IntentFields, signature: HexBytes, account: string): Promise<Hex32> {
    const { nowMs, deadlineMs, store } = this.options;
    this.demandRoom(intent);
    this.demandSignatureForm(signature);
    this.options.charge(account, "simulation");
    await this.dryRun(intent, signature, []);
    // Others may have taken the room, or the nonce, meanwhile.
    this.demandRoom(intent);
    const acceptedMs = nowMs();
    const left = 1_000 * (Number(intent.deadline) - this.options.head().timestamp);
    const entry = this.entryFor(intent, signature, acceptedMs, acceptedMs + Math.min(deadlineMs, Math.max(left, 0)));
    this.held.set(digest, { entry, intent, signature, isWorking: false, reservedWei: 0n });
    try {
      await store.addPipeItem(itemOf(entry));
    } catch (error) {
      this.held.delete(digest);
      throw error;
    }
    entry.state = "held";
    this.options.onEvent({ kind: "held", id: digest, ms: nowMs() - acceptedMs });
    this.work(digest);
    return digest;
  }

  private digestOf(intent: IntentFields): Hex32 {
    const { chainId, forwarder } = this.options;
    try {
      return intentDigest({ chainId, forwarder }, intent);
    } catch (cause) {
      throw pipeError("PIPE_INTENT_MALFORMED", {}, { cause });
    }
  }

  private demandSignatureForm(signature: HexBytes): void {
    if (!/^0x(?:[0-9a-fA-F]{2})+$/.test(signature) || signature.length > 2 + 2 * 4_096) {
      throw pipeError("PIPE_INTENT_MALFORMED", { characters: signature.length });
    }
  }

  private demandRoom({ from, nonce }: IntentFields): void {
    const { maxHeld, maxHeldPerSender } = this.options;
    if (this.held.size >= maxHeld) throw pipeError("PIPE_OVERLOADED", { held: this.held.size }, { retry: "later" });
    const own = [...this.held.values()].filter(({ intent }) => intent.from === from);
    if (own.length >= maxHeldPerSender)
      throw pipeError("PIPE_ACCOUNT_LIMIT", { account: from, held: own.length }, { retry: "later" });
    // Each by itself could be executed, and only one of them will be: the relayer would pay for the others.
    if (own.some(({ intent, entry }) => intent.nonce === nonce && entry.phase !== "over" && entry.state !== "reverted"))
      throw pipeError("PIPE_INTENT_NONCE_USED", { nonce: nonce.toString() }, { detail: "one with this nonce is held" });
  }

  private entryFor(
    intent: IntentFields,
    signature: HexBytes,
    acceptedMs: number,
    deadlineMs: number,
    item?: PipeItem,
  ): Entry {
    const { forwarder } = this.options;
    return entryOf({
      kind: "intent",
      from: intent.from,
      // The target sees the forwarder as its caller, and the user behind the calldata (ERC-2771).
      step: {
        from: forwarder,
        to: intent.target,
        value: intent.value,
        data: concat([intent.data, intent.from]) as HexBytes,
        gas: BigInt(intent.gas),
      },
      intent: {
        digest: this.digestOf(intent),
        payload: encodeSignedIntent(intent, signature),
        nonce: intent.nonce.toString(),
        maxResultFeeWei: intent.maxResultFeeWei,
        relayFeeWei: intent.relayFeeWei,
        gas: BigInt(intent.gas),
        target: intent.target,
      },
      acceptedMs,
      deadlineMs,
      ...(item === undefined ? {} : { item }),
    });
  }

  private readStored({ payload }: PipeItem): ReturnType<typeof decodeSignedIntent> | undefined {
    try {
      return decodeSignedIntent(payload);
    } catch (error) {
      this.options.onError(error);
      return undefined;
    }
  }

  private async giveUp(id: Hex32): Promise<void> {
    const reason = "PIPE_INTENT_MALFORMED";
    const step = { step: "returned", hostMs: this.options.nowMs(), detail: { code: reason } };
    await this.options.store.movePipeItems([{ id, from: ["held"], to: "returned", reason, step }]);
  }

  private async takeUp(item: PipeItem, { intent, signature }: ReturnType<typeof decodeSignedIntent>): Promise<void> {
    const entry = this.entryFor(intent, signature, item.acceptedMs, item.deadlineMs, item);
    const held: Held = { entry, intent, signature, isWorking: false, reservedWei: 0n };
    this.held.set(entry.id, held);
    if (entry.phase === "sent") {
      held.reservedWei = intent.value + intent.relayFeeWei + intent.maxResultFeeWei;
      this.options.watcher.watch(entry);
    } else if (!(await this.isOut(held))) this.work(entry.id);
  }

  /**
   * Follows an intent whose transaction was stored, sent or not: by a process that died before it could say so, or by this one before something failed.
   * It is in the nonce stream and will be sent; a second one would only cost gas.
   */
  private async isOut({ entry }: Held): Promise<boolean> {
    const { store, publisher, watcher } = this.options;
    const stored = await publisher.storedFor(intentLabel(entry.id));
    if (stored === undefined) return false;
    if (entry.state === "held") {
      await store.movePipeItems([{ id: entry.id, from: ["held"], to: "released", transactionHash: stored }]);
      entry.state = "released";
    }
    entry.phase = "sent";
    entry.transactionHash = stored;
    watcher.watch(entry);
    return true;
  }

  private work(id: Hex32): void {
    const held = this.held.get(id);
    if (held === undefined || held.isWorking || this.options.signal.aborted) return;
    if (held.entry.phase !== "waiting" || held.entry.state !== "held") return;
    held.isWorking = true;
    const work = this.relay(held)
      .catch((error: unknown) => this.failed(held, error))
      .catch(this.options.onError)
      .finally(() => {
        held.isWorking = false;
        this.working.delete(work);
      });
    this.working.add(work);
  }

  private async relay(held: Held): Promise<void> {
    const { entry, intent, signature } = held;
    const { planner, publisher, store, nowMs, forwarder } = this.options;
    if (await this.isOut(held)) return;
    if (nowMs() >= entry.deadlineMs) throw pipeError("PIPE_DEADLINE", {});
    const plan = await planner.plan(this.requestOf(entry));
    entry.plan = plan;
    const data = encodeExecute(intent, signature, plan.needed);
    const gas = executeGas(intent, data, plan.needed.length);
    this.demandFees(intent, plan.needed, gas);
    await this.reserve(held, plan.needed.length);
    await this.dryRun(intent, signature, plan.needed);
    await publisher.relay({
      to: forwarder,
      data,
      gas,
      label: intentLabel(entry.id),
      onStored: async (hash) => {
        await store.movePipeItems([
          {
            id: entry.id,
            from: ["held"],
            to: "released",
            transactionHash: hash,
            step: { step: "released", hostMs: nowMs(), detail: { results: plan.needed.length, rounds: plan.rounds } },
          },
        ]);
        entry.state = "released";
        entry.transactionHash = hash;
      },
    });
    entry.phase = "sent";
    this.options.watcher.watch(entry);
    this.options.onEvent({ kind: "released", id: entry.id, ms: nowMs() - entry.acceptedMs });
  }

  /**
   * The signer's balance has to cover what is on its way already as well: each for itself would pass every simulation, and all but the first would fail
   * on the chain at the relayer's expense. Who is planned first goes first.
   */
  private async reserve(held: Held, results: number): Promise<void> {
    const { intent } = held;
    const { chain, forwarder, terms } = this.options;
    let othersWei = 0n;
    for (const { intent: other, entry, reservedWei } of this.held.values())
      if (other.from === intent.from && entry.phase !== "over" && entry.block === undefined) othersWei += reservedWei;
    othersWei -= held.reservedWei;
    // In the same breath: whoever comes to this place next counts it.
    held.reservedWei = intent.value + intent.relayFeeWei + terms.feeWei * BigInt(results);
    if (othersWei === 0n) return;
    const outcome = await chain.call({
      from: intent.from,
      to: forwarder,
      value: 0n,
      data: FORWARDER.encodeFunctionData("balanceOf", [intent.from]) as HexBytes,
      gas: EXECUTE_GAS,
    });
    if (!outcome.ok) throw pipeError("PIPE_SIMULATION_FAILED", {}, { retry: "later" });
    const balanceWei = BigInt(FORWARDER.decodeFunctionResult("balanceOf", outcome.data)[0]);
    if (balanceWei >= othersWei + held.reservedWei) return;
    const context = { balanceWei: balanceWei.toString(), neededWei: (othersWei + held.reservedWei).toString() };
    throw pipeError("PIPE_INTENT_BALANCE", context, { retry: "later", detail: "others of the same signer come first" });
  }

  private requestOf(entry: Entry): PlanRequest {
    return {
      step: entry.step as PlanRequest["step"],
      before: [],
      present: [],
      deadlineMs: entry.deadlineMs,
      asker: entry.from,
      charge: (what) => this.options.charge(entry.from, what),
    };
  }

  /** The relayer pays the gas and is paid by the intent; the results' fees come out of the signer's balance. */
  private demandFees(intent: IntentFields, needed: readonly FilledInference[], gas: bigint): void {
    const { terms, head } = this.options;
    const feesWei = terms.feeWei * BigInt(needed.length);
    if (feesWei > intent.maxResultFeeWei)
      throw pipeError("PIPE_INTENT_FEE_TOO_LOW", {
        feesWei: feesWei.toString(),
        capWei: intent.maxResultFeeWei.toString(),
      });
    const gasWei = gas * gasPriceWei(head(), terms);
    if (!terms.allowLoss && intent.relayFeeWei < gasWei)
      throw pipeError("PIPE_INTENT_FEE_TOO_LOW", {
        relayFeeWei: intent.relayFeeWei.toString(),
        gasWei: gasWei.toString(),
      });
  }

  /** Runs `execute` as it would be sent, on the newest state. An absent inference is no fault here; everything else is told by its code. */
  private async dryRun(intent: IntentFields, signature: HexBytes, results: readonly FilledInference[]): Promise<void> {
    const { chain, publisher, forwarder } = this.options;
    const data = encodeExecute(intent, signature, results);
    const outcome = await chain.call({
      from: publisher.address,
      to: forwarder,
      value: 0n,
      data,
      gas: executeGas(intent, data, results.length),
    });
    if (outcome.ok) {
      const [success, reason] = FORWARDER.decodeFunctionResult("execute", outcome.data);
      if (success === true) return;
      throw pipeError("PIPE_TRANSACTION_REVERTS", { data: reason }, { detail: `the call reverts with ${reason}` });
    }
    const error = forwarderError(outcome.revert);
    if (error?.name === "IntentInferenceMissing" && results.length === 0) return;
    const code = error === null ? undefined : INTENT_CODES[error.name];
    const revert = revertContext(outcome.revert ?? "0x");
    if (code !== undefined) throw pipeError(code, { ...revert, error: error?.name, args: error?.args.map(String) });
    throw pipeError("PIPE_SIMULATION_FAILED", revert, { retry: "later", detail: error?.name ?? revert.reason });
  }

  private async failed(held: Held, error: unknown): Promise<void> {
    const { entry } = held;
    const { store, nowMs } = this.options;
    if (await this.isOut(held)) {
      this.options.onError(error);
      return;
    }
    held.reservedWei = 0n;
    if (isAssayError(error) && error.retry !== "never" && nowMs() < entry.deadlineMs) {
      setTimeout(() => this.work(entry.id), RETRY_MS).unref();
      return;
    }
    if (!isAssayError(error)) this.options.onError(error);
    const code = isAssayError(error) ? error.code : "PIPE_SIMULATION_FAILED";
    await store.movePipeItems([
      {
        id: entry.id,
        from: ["held"],
        to: "returned",
        reason: code,
        detail: error instanceof Error ? error.message : String(error),
        step: { step: "returned", hostMs: nowMs(), detail: { code } },
      },
    ]);
    // Not before it is written down: what could not be written is given back with the next block.
    entry.phase = "over";
    entry.state = "returned";
    this.held.delete(entry.id);
    this.options.onEvent({ kind: "returned", id: entry.id, reason: code, ms: nowMs() - entry.acceptedMs });
  }
}
