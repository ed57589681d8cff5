import type { Address, Hex32 } from "../domain/ids";
import type { InferenceRequest, RunFailure } from "../domain/request";

/** What of a request decides who may serve it. Plain values only, so that a decision can be stored and taken again. */
export interface MatchRequest {
  readonly requestId: Hex32;
  readonly requester: Address;
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly inputBytes: number;
  readonly rewardWei: bigint;
  /** Seconds of block time. */
  readonly deadline: number;
  readonly minTrust: number;
  /** Zero: any. */
  readonly profile: Hex32;
  /** Zero: any. */
  readonly imageId: Hex32;
  /** Zero: no memory is read or written. */
  readonly contextRoot: Hex32;
  /** 0: any. */
  readonly assignedOperator: number;
  readonly proofKind: number;
  readonly inputKind: number;
  readonly callbackGas: number;
}

export function matchRequestOf(request: InferenceRequest): MatchRequest {
  const { terms } = request;
  return {
    requestId: request.requestId,
    requester: request.requester,
    modelHash: request.modelHash,
    inputHash: request.inputHash,
    inputBytes: request.input.length,
    rewardWei: request.rewardWei,
    deadline: terms.deadline,
    minTrust: terms.minTrust,
    profile: terms.profile,
    imageId: terms.imageId,
    contextRoot: terms.contextRoot,
    assignedOperator: terms.assignedOperator,
    proofKind: terms.proofKind,
    inputKind: terms.inputKind,
    callbackGas: terms.callbackGas,
  };
}

/** Whom repeated failures are held against. */
export type StrikeSubject = "input" | "requester" | "enclave" | "enclaveModel" | "enclaveInput";

/** One enclave as it stands towards one request at one moment. Plain values only. */
export interface EnclaveCandidate {
  /** The signer's address. */
  readonly enclaveId: string;
  readonly operatorId: number;
  readonly trustLevel: number;
  readonly imageId: Hex32;
  readonly runtimeProfile: Hex32;
  readonly proofKinds: readonly number[];
  readonly inputKinds: readonly number[];
  /** Whether it can run with a memory (`contextRoot` not zero). */
  readonly servesContext: boolean;
  readonly draining: boolean;
  /** Seconds of block time. */
  readonly epochEndsAt: number;
  /** Seconds of block time. */
  readonly heartbeatDueAt: number;
  /** warm: a runner for it is up. loadable: its bytes can be had. missing: neither. */
  readonly model: "warm" | "loadable" | "missing";
  /** What a runner for the model takes; 0 when it is warm. */
  readonly memoryNeededBytes: number;
  /** Free now, or after runners that do nothing were stopped. */
  readonly memoryFreeBytes: number;
  /** Whether idle runners must be stopped to make room. */
  readonly evicts: boolean;
  /** Runs given to it and not finished, running or waiting. */
  readonly outstanding: number;
  readonly maxOutstanding: number;
  /** Expected time until a run of this model would start, from the runs before it. */
  readonly waitMs: number;
  /** Expected time to bring the model up; 0 when it is warm. */
  readonly loadMs: number;
  readonly runMs: number;
  /** Mean deviation of the run time. */
  readonly runDeviationMs: number;
  /** Share of runs that ended with a signed answer, above 0 and at most 1. */
  readonly successRate: number;
  /** Set while failures keep it from this request; `untilMs` is the host's clock. */
  readonly strike?: { readonly subject: StrikeSubject; readonly untilMs: number };
}

/** What of the world outside the enclaves a decision depends on. */
export interface MatchContext {
  /** Block time in seconds: deadlines, epochs and heartbeats are measured by it. */
  readonly chainNow: number;
  /** The host's clock in milliseconds: only back-off is measured by it. */
  readonly hostNowMs: number;
  /** Time kept between the answer and the deadline, for posting. */
  readonly postingMarginSeconds: number;
  /** Time kept between the answer's posting and the end of the epoch or heartbeat: a statement of a closed key is worth nothing. */
  readonly epochMarginSeconds: number;
  readonly minRewardWei: bigint;
  readonly gasPriceWei: bigint;
  /** Gas of posting an answer without its callback. */
  readonly fulfilmentGas: number;
  readonly allowLoss: boolean;
}

/** How a run that was assigned ended. */
export type RunReport =
  | { readonly ok: true; readonly runMs: number; readonly loadMs?: number }
  | { readonly ok: false; readonly code: RunFailure["code"] };

/** Who there is and how they stand. `candidates` has no side effect; `assigned` and `finished` feed what it learns. */
export interface EnclaveDirectory {
  candidates(request: MatchRequest, hostNowMs: number): readonly EnclaveCandidate[];
  /** To be called in the same turn as the decision, so that the next decision sees the place taken. */
  assigned(args: { readonly enclaveId: string; readonly request: MatchRequest; readonly hostNowMs: number }): void;
  finished(args: {
    readonly enclaveId: string;
    readonly request: MatchRequest;
    readonly hostNowMs: number;
    readonly report: RunReport;
  }): void;
}

/** Which models can be had, and how large their files are. */
export interface ModelCatalogue {
  sizeOf(modelHash: Hex32): number | undefined;
}
