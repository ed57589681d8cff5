import { concat, Interface } from "ethers";
import { isAssayError } from "../domain/errors";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { FilledInference } from "../domain/inference";
import type { IntentFields, PipeItem } from "../domain/pipe";
import { FORWARDER_ABI } from "../protocol/generated/abi";
import { decodeSignedIntent, encodeSignedIntent, intentDigest } from "../protocol/intent";
import { encodeExecute } from "../protocol/portable";
import { type Entry, entryOf, itemOf } from "./entry";
import { type PipeCode, pipeError } from "./errors";
import type { Planner, PlanRequest } from "./planner";
import type { PipeChain, PipeHead, PipePublisher, PipeStore, PipeTerms } from "./ports";
import { revertContext } from "./reverts";
import { intrinsicGas } from "./transaction";
import { intentLabel, type Watcher } from "./watcher";

const FORWARDER = new Interface(FORWARDER_ABI);
/** Of `execute` beside the call itself, its calldata and its results: checks, books, the event, and what it keeps back (`npm run bench`), rounded up. */
const EXECUTE_GAS = 190_000n;
const RESULT_GAS = 45_000n;
const PRIORITY_FEE_WEI = 10n ** 9n;

/** The forwarder's errors, as what they mean for whoever sent the intent. */
const CODES: Readonly<Record<string, PipeCode>> = {
  IntentExpired: "PIPE_INTENT_EXPIRED",
  IntentNonceUsed: "PIPE_INTENT_NONCE_USED",
  IntentSignatureInvalid: "PIPE_INTENT_SIGNATURE",
  IntentTargetForbidden: "PIPE_INTENT_FORBIDDEN",
  IntentTargetDoesNotTrust: "PIPE_INTENT_FORBIDDEN",
  IntentWrongRelayer: "PIPE_INTENT_FORBIDDEN",
  IntentBalanceTooLow: "PIPE_INTENT_BALANCE",
  IntentResultFeeTooHigh: "PIPE_INTENT_FEE_TOO_LOW",
};

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
  readonly charge: (account: string, what: "simulation" | "inference") => void;
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
}

/** Users' signed intents: planned as transactions are, and sent by the relayer together with their results, in one transaction. */
export class Intents {
  private readonly held = new Map<Hex32, Held>();
  private readonly working = new Set<Promise<void>>();

  constructor(private readonly options: IntentsOptions) {}

  /** Takes up what an earlier process held. One whose transaction was stored is followed, never sent anew. */
  async resume(): Promise<void> {
    for (const item of await this.options.store.pipeItems(["held", "released", "landed", "reverted"])) {
      if (item.kind === "intent") await this.takeUp(item);
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.working);
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
   * @returns its EIP-712 digest
   * @throws AssayError `PIPE_INTENT_…`, `PIPE_OVERLOADED`, `PIPE_ACCOUNT_LIMIT`
   */
  async take(intent: IntentFields, signature: HexBytes): Promise<Hex32> {
    const { nowMs, deadlineMs, signal, store } = this.options;
    if (signal.aborted) throw pipeError("PIPE_STOPPED", {}, { retry: "later" });
    const digest = this.digestOf(intent);
    const known = this.held.get(digest);
    if (known !== undefined && known.entry.phase !== "over") return digest;
    this.demandRoom(intent.from);
    this.demandSignatureForm(signature);
    this.options.charge(intent.from, "simulation");
    await this.dryRun(intent, signature, []);
    const acceptedMs = nowMs();
    const left = 1_000 * (Number(intent.deadline) - this.options.head().timestamp);
    const entry = this.entryFor(intent, signature, acceptedMs, acceptedMs + Math.min(deadlineMs, Math.max(left, 0)));
    if (this.held.has(digest) && this.held.get(digest)?.entry.phase !== "over") return digest;
    this.held.set(digest, { entry, intent, signature });
    entry.state = "held";
    await store.addPipeItem(itemOf(entry));
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

  private demandRoom(sender: Address): void {
    const { maxHeld, maxHeldPerSender } = this.options;
    if (this.held.size >= maxHeld) throw pipeError("PIPE_OVERLOADED", { held: this.held.size }, { retry: "later" });
    const own = [...this.held.values()].filter(({ intent }) => intent.from === sender).length;
    if (own >= maxHeldPerSender)
      throw pipeError("PIPE_ACCOUNT_LIMIT", { account: sender, held: own }, { retry: "later" });
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

  private async takeUp(item: PipeItem): Promise<void> {
    const { store, publisher, watcher } = this.options;
    const { intent, signature } = decodeSignedIntent(item.payload);
    const entry = this.entryFor(intent, signature, item.acceptedMs, item.deadlineMs, item);
    this.held.set(entry.id, { entry, intent, signature });
    const stored = await publisher.storedFor(intentLabel(entry.id));
    if (item.state === "held" && stored !== undefined) {
      // The process died between storing the transaction and saying so: it may be out.
      await store.movePipeItem({ id: entry.id, from: ["held"], to: "released", transactionHash: stored });
      entry.state = "released";
      entry.phase = "sent";
      entry.transactionHash = stored;
    }
    if (entry.phase === "sent") watcher.watch(entry);
    else this.work(entry.id);
  }

  private work(id: Hex32): void {
    const held = this.held.get(id);
    if (held === undefined || this.options.signal.aborted || held.entry.plan !== undefined) return;
    const work = this.relay(held)
      .catch((error: unknown) => this.failed(held, error))
      .catch(this.options.onError)
      .finally(() => this.working.delete(work));
    this.working.add(work);
  }

  private async relay(held: Held): Promise<void> {
    const { entry, intent, signature } = held;
    const { planner, publisher, store, nowMs, forwarder } = this.options;
    if (nowMs() >= entry.deadlineMs) throw pipeError("PIPE_DEADLINE", {});
    entry.plan = { needed: [], rounds: 0, simulations: 0, charged: 0, speculative: 0, gasUsed: 0n };
    const plan = await planner.plan(this.requestOf(entry));
    entry.plan = plan;
    const data = encodeExecute(intent, signature, plan.needed);
    const gas = gasOf(intent, data, plan.needed.length);
    this.demandFees(intent, plan.needed, gas);
    await this.dryRun(intent, signature, plan.needed);
    await publisher.relay({
      to: forwarder,
      data,
      gas,
      label: intentLabel(entry.id),
      onStored: async (hash) => {
        await store.movePipeItem({
          id: entry.id,
          from: ["held"],
          to: "released",
          transactionHash: hash,
          step: { step: "released", hostMs: nowMs(), detail: { results: plan.needed.length, rounds: plan.rounds } },
        });
        entry.state = "released";
        entry.transactionHash = hash;
      },
    });
    entry.phase = "sent";
    this.options.watcher.watch(entry);
    this.options.onEvent({ kind: "released", id: entry.id, ms: nowMs() - entry.acceptedMs });
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
    const gasWei = gas * (head().baseFeePerGas + PRIORITY_FEE_WEI);
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
      gas: gasOf(intent, data, results.length),
    });
    if (outcome.ok) {
      const [success, reason] = FORWARDER.decodeFunctionResult("execute", outcome.data);
      if (success === true) return;
      throw pipeError("PIPE_TRANSACTION_REVERTS", { data: reason }, { detail: `the call reverts with ${reason}` });
    }
    const error = outcome.revert === undefined ? null : FORWARDER.parseError(outcome.revert);
    if (error?.name === "IntentInferenceMissing" && results.length === 0) return;
    const code = error === null ? undefined : CODES[error.name];
    const revert = revertContext(outcome.revert ?? "0x");
    if (code !== undefined) throw pipeError(code, { ...revert, error: error?.name, args: error?.args.map(String) });
    throw pipeError("PIPE_SIMULATION_FAILED", revert, { retry: "later", detail: error?.name ?? revert.reason });
  }

  private async failed(held: Held, error: unknown): Promise<void> {
    const { entry } = held;
    const { store, nowMs } = this.options;
    if (entry.state !== "held") {
      this.options.onError(error);
      return;
    }
    if (isAssayError(error) && error.retry !== "never" && nowMs() < entry.deadlineMs) {
      // The next block's sweep tries again.
      entry.plan = undefined;
      return;
    }
    if (!isAssayError(error)) this.options.onError(error);
    const code = isAssayError(error) ? error.code : "PIPE_SIMULATION_FAILED";
    entry.phase = "over";
    this.held.delete(entry.id);
    await store.movePipeItem({
      id: entry.id,
      from: ["held"],
      to: "returned",
      reason: code,
      detail: error instanceof Error ? error.message : String(error),
      step: { step: "returned", hostMs: nowMs(), detail: { code } },
    });
    entry.state = "returned";
    this.options.onEvent({ kind: "returned", id: entry.id, reason: code, ms: nowMs() - entry.acceptedMs });
  }
}

/** Gas of a relayed intent, computed and never estimated: an estimate finds a limit at which the call starves. */
function gasOf(intent: IntentFields, data: HexBytes, results: number): bigint {
  const call = (BigInt(intent.gas) * 66n) / 63n;
  const gas = intrinsicGas(data, false) + call + EXECUTE_GAS + RESULT_GAS * BigInt(results);
  return gas < TRANSACTION_GAS_CAP ? gas : TRANSACTION_GAS_CAP;
}
