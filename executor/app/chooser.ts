import type { Config } from "../config/loadConfig";
import type { Hex32 } from "../domain/ids";
import type { InferenceRequest } from "../domain/request";
import { Experience } from "../matching/experience";
import { type Decision, match } from "../matching/match";
import type { Candidate, Demand, EnclaveDirectory } from "../matching/ports";
import type { ChainClock } from "./clock";
import type { Choice, DispatchEvent } from "./dispatcher";
import type { Fleet, FleetMember } from "./fleet";
import { isServable, workerOf } from "./worker";

/** Requests one runner may hold, the one it computes included; the rest waits in the store, where any enclave can take it. */
const MAX_PER_RUNNER = 16;
/** A runner starts and loads a small model in about this; learned values are not worth keeping for so rare an event. */
const LOAD_MS = 150;
const WAIT_MS = 100;
const KEPT_DECISIONS = 64;

export interface KeptDecision {
  readonly requestId: string;
  readonly decision: Decision;
}

/** Joins the fleet with the matching: knows what each enclave does now and has done before. */
export class Chooser implements EnclaveDirectory {
  private readonly experience = new Experience();
  private readonly inFlight = new Map<string, number>();
  private readonly warm = new Map<string, Set<Hex32>>();
  private readonly decisions: KeptDecision[] = [];

  constructor(private readonly options: { readonly config: Config; readonly fleet: Fleet; readonly clock: ChainClock; readonly runnersPerEnclave: number }) {}

  /** Runners of the whole fleet. */
  get capacity(): number {
    return this.options.fleet.active.length * this.options.runnersPerEnclave;
  }

  /** The latest decisions, newest last, for `assay status`. */
  get latest(): readonly KeptDecision[] {
    return this.decisions;
  }

  candidates(): readonly Candidate[] {
    return this.options.fleet.active.map((member) => this.candidate(member));
  }

  choose(request: InferenceRequest): Choice {
    const now = this.options.clock.known;
    if (now === undefined) return { ok: false, reason: "NO_ENCLAVE", retryAfterMs: WAIT_MS };
    if (!isServable(request)) return { ok: false, reason: "UNSUPPORTED", retryAfterMs: undefined };
    const { config } = this.options;
    const context = { now: now.timestamp, nowMs: Date.now(), postingMarginSeconds: config.postingMarginSeconds, minRewardWei: config.minRewardWei };
    const decision = match(demandOf(request), this.candidates(), context);
    this.keep({ requestId: request.requestId, decision });
    if (!decision.ok) return { ok: false, reason: decision.reason, retryAfterMs: decision.waits ? WAIT_MS : undefined };
    const member = this.options.fleet.active.find((m) => m.enclave.description.signer === decision.chosen.id);
    if (member === undefined) return { ok: false, reason: "NO_ENCLAVE", retryAfterMs: WAIT_MS };
    this.inFlight.set(decision.chosen.id, (this.inFlight.get(decision.chosen.id) ?? 0) + 1);
    const detail = { enclave: decision.chosen.id, expectedMs: Math.round(decision.chosen.expectedMs), warm: decision.chosen.warm, of: decision.backups.length + 1 + decision.refused.length };
    return { ok: true, worker: workerOf(member, () => this.options.clock.known ?? now), detail };
  }

  /** Takes up what became of a choice. */
  learn(event: DispatchEvent): void {
    const { workerId: id, request } = event;
    if (id === undefined) return;
    this.inFlight.set(id, Math.max(0, (this.inFlight.get(id) ?? 0) - 1));
    if (event.result === "answered") {
      this.experience.served({ id, model: request.modelHash, runMs: event.runMs });
      const models = this.warm.get(id) ?? new Set<Hex32>();
      this.warm.set(id, models.add(request.modelHash));
    } else if (event.result === "failed" && (event.reason === "ENCLAVE_GONE" || event.reason === "SIGNER_RECORD_FULL")) {
      this.experience.failed(id, Date.now());
    }
  }

  private candidate(member: FleetMember): Candidate {
    const { signer: id, imageId, runtimeProfile } = member.enclave.description;
    return {
      id,
      operatorId: member.operatorId,
      trust: member.trust,
      imageId,
      profile: runtimeProfile,
      epochEnd: member.epochEnd,
      heartbeatDue: member.heartbeatDue,
      draining: false,
      capacity: this.options.runnersPerEnclave,
      inFlight: this.inFlight.get(id) ?? 0,
      maxInFlight: MAX_PER_RUNNER * this.options.runnersPerEnclave,
      warm: this.warm.get(id) ?? new Set(),
      // Whether the bytes can be had shows when they are asked for; an unknown model ends by a signed refusal.
      loadable: () => "unknown",
      expectedRunMs: (model) => this.experience.expectedRunMs(id, model),
      expectedLoadMs: LOAD_MS,
      struckUntilMs: this.experience.struckUntilMs(id),
    };
  }

  private keep(entry: KeptDecision): void {
    this.decisions.push(entry);
    if (this.decisions.length > KEPT_DECISIONS) this.decisions.shift();
  }
}

function demandOf(request: InferenceRequest): Demand {
  const { terms } = request;
  return {
    requestId: request.requestId,
    modelHash: request.modelHash,
    minTrust: terms.minTrust,
    imageId: terms.imageId,
    profile: terms.profile,
    assignedOperator: terms.assignedOperator,
    deadline: terms.deadline,
    rewardWei: request.rewardWei,
  };
}
