import type { Config } from "../config/loadConfig";
import { FULFILMENT_GAS } from "../domain/gas";
import type { Hex32 } from "../domain/ids";
import type { InferenceRequest, RunFailure } from "../domain/request";
import { type DecisionRecord, decide } from "../matching/decision";
import { MemoryDirectory } from "../matching/memoryDirectory";
import { type MatchContext, type MatchRequest, matchRequestOf, type RunReport } from "../matching/ports";
import type { RefusedCandidate } from "../matching/reasons";
import type { ChainClock } from "./clock";
import type { Choice, DispatchEvent } from "./dispatcher";
import type { Fleet } from "./fleet";
import type { ChainNow, FleetMember } from "./fleetPorts";
import { spanOf, workerOf } from "./worker";

/** Requests one runner may hold, the one it computes included; the rest waits in the store, where any enclave can take it. */
const MAX_PER_RUNNER = 16;
/** Wait where nothing says when it may go better. */
const WAIT_MS = 200;
const KEPT_DECISIONS = 256;

/** The enclave for a question, or why none; `retryAfterMs` as in `Choice`. */
export type Picked =
  | {
      readonly ok: true;
      readonly member: FleetMember;
      readonly head: ChainNow;
      readonly detail: Readonly<Record<string, string | number | boolean>>;
    }
  | Extract<Choice, { ok: false }>;

/** Joins the fleet with the matching: tells the directory what there is, and what became of each choice. */
export class Chooser {
  private readonly sizes = new Map<Hex32, number>();
  private readonly directory = new MemoryDirectory({ catalogue: { sizeOf: (model) => this.sizes.get(model) } });
  private readonly known = new Set<string>();
  private readonly decisions: DecisionRecord[] = [];

  constructor(
    private readonly options: {
      readonly config: Config;
      readonly fleet: Fleet;
      readonly clock: ChainClock;
      readonly runnersPerEnclave: number;
      readonly priorityFeeWei: bigint;
      readonly nowMs: () => number;
    },
  ) {}

  /** Runners of all enclaves that take new work. */
  get capacity(): number {
    return this.options.fleet.serving * this.options.runnersPerEnclave;
  }

  /** The latest decisions with all they were taken from, newest last: each can be taken again by `replayDecision`. */
  get latest(): readonly DecisionRecord[] {
    return this.decisions;
  }

  choose(request: InferenceRequest, modelBytes: number | undefined): Choice {
    const { config } = this.options;
    const chosen = this.pick(matchRequestOf(request), modelBytes, config);
    if (!chosen.ok) return chosen;
    const { member, head, detail } = chosen;
    const worker = workerOf(member.enclave, (asking) => spanOf(asking, member, this.options.clock.known ?? head));
    return { ok: true, worker, detail };
  }

  /** The enclave for a question, from whatever side it came; its place is taken until `finished`. */
  pick(
    asked: MatchRequest,
    modelBytes: number | undefined,
    demands: Pick<MatchContext, "postingMarginSeconds" | "minRewardWei" | "allowLoss">,
  ): Picked {
    const head = this.options.clock.known;
    if (head === undefined) return { ok: false, reason: "NO_ENCLAVE", retryAfterMs: WAIT_MS };
    this.sync();
    // A model that nobody has costs nothing to refuse, so every enclave "has" it for that.
    this.sizes.set(asked.modelHash, modelBytes ?? 0);
    const hostNowMs = this.options.nowMs();
    const record = decide(asked, this.directory.candidates(asked, hostNowMs), {
      chainNow: head.timestamp,
      hostNowMs,
      postingMarginSeconds: demands.postingMarginSeconds,
      // The fleet renews and beats long before these moments; here they only keep work from a key that is about to end.
      epochMarginSeconds: 1,
      minRewardWei: demands.minRewardWei,
      gasPriceWei: head.baseFeePerGas + this.options.priorityFeeWei,
      fulfilmentGas: FULFILMENT_GAS,
      allowLoss: demands.allowLoss,
    });
    this.keep(record);
    const { outcome } = record;
    if (!outcome.ok) {
      const retryAfterMs =
        outcome.reason === "NO_ENCLAVE" || awaitsSuccessor(outcome.refused)
          ? WAIT_MS
          : outcome.retryAt === undefined
            ? undefined
            : Math.max(WAIT_MS, 1_000 * (outcome.retryAt - head.timestamp));
      return { ok: false, reason: outcome.reason, retryAfterMs };
    }
    const { enclaveId, expectedFinishMs, model } = outcome.enclave;
    const member = this.options.fleet.active.find((m) => m.enclave.description.signer === enclaveId);
    if (member === undefined) return { ok: false, reason: "NO_ENCLAVE", retryAfterMs: WAIT_MS };
    this.directory.assigned({ enclaveId, request: asked, hostNowMs });
    const detail = {
      enclave: enclaveId,
      expectedMs: Math.round(expectedFinishMs),
      warm: model === "warm",
      of: record.candidates.length,
    };
    return { ok: true, member, head, detail };
  }

  /** Takes up what became of a choice, so that the next one is better. */
  learn(event: DispatchEvent): void {
    if (event.workerId === undefined) return;
    const { modelHash } = event.request;
    // A refusal of a model that nobody has ran nothing: it is no fast run, and clears nobody of a strike.
    const ranNothing = event.result === "refused" && (this.sizes.get(modelHash) ?? 0) === 0;
    if (ranNothing) this.sizes.delete(modelHash);
    const report: RunReport = ranNothing ? { ok: false, code: "ABORTED" } : reportOf(event);
    this.finished(event.workerId, matchRequestOf(event.request), report);
  }

  /** How a question that was picked for ended. */
  finished(enclaveId: string, request: MatchRequest, report: RunReport): void {
    this.directory.finished({ enclaveId, request, hostNowMs: this.options.nowMs(), report });
  }

  /** Facts of the fleet change at every heartbeat and exit; what was learnt of an enclave stays as long as it lives. */
  private sync(): void {
    const active = this.options.fleet.active;
    const ids = new Set(active.map((member) => member.enclave.description.signer as string));
    for (const id of this.known) {
      if (ids.has(id)) continue;
      this.directory.remove(id);
      this.known.delete(id);
    }
    for (const member of active) {
      this.known.add(member.enclave.description.signer);
      this.directory.upsert(this.factsOf(member));
    }
  }

  private factsOf(member: FleetMember) {
    const { signer, imageId, runtimeProfile } = member.enclave.description;
    const { runnersPerEnclave, config } = this.options;
    const told = this.directory.list().find(({ facts }) => facts.enclaveId === signer);
    return {
      enclaveId: signer,
      operatorId: member.operatorId,
      trustLevel: member.trust,
      imageId,
      runtimeProfile,
      epochEndsAt: member.epochEnd,
      heartbeatDueAt: member.heartbeatDue,
      draining: member.draining,
      runners: runnersPerEnclave,
      maxOutstanding: MAX_PER_RUNNER * runnersPerEnclave,
      memoryBudgetBytes: config.memoryBudget,
      warmModels: told?.warmModels ?? [],
    };
  }

  private keep(record: DecisionRecord): void {
    this.decisions.push(record);
    if (this.decisions.length > KEPT_DECISIONS) this.decisions.shift();
  }
}

/** A key that drains is followed by another one; nobody's request may be given up because it came between the two. */
function awaitsSuccessor(refused: readonly RefusedCandidate[]): boolean {
  return refused.some(
    ({ reasons }) =>
      reasons.some(({ reason }) => reason === "DRAINING") &&
      reasons.every(({ reason, retryAt }) => reason === "DRAINING" || retryAt !== undefined),
  );
}

/** A refusal is an answer too: the enclave did its work. But one that is for a failure must not clear whoever caused it. */
function reportOf(event: DispatchEvent): RunReport {
  if (event.result !== "failed" && event.reason === undefined) return { ok: true, runMs: event.runMs };
  return { ok: false, code: event.reason as RunFailure["code"] };
}
