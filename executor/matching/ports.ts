import type { Hex32 } from "../domain/ids";

/** What is known of one enclave when a request is matched. Times are seconds of block time unless they end in `Ms`. */
export interface Candidate {
  readonly id: string;
  readonly operatorId: number;
  readonly trust: number;
  readonly imageId: Hex32;
  readonly profile: Hex32;
  readonly epochEnd: number;
  readonly heartbeatDue: number;
  readonly draining: boolean;
  /** Runners it may have at a time, and what it works on now. */
  readonly capacity: number;
  readonly inFlight: number;
  /** Requests it holds at most, running and queued. */
  readonly maxInFlight: number;
  /** Models whose runners are up. */
  readonly warm: ReadonlySet<Hex32>;
  /** Whether it could load the model, as far as the operator knows: "unknown" before it was tried. */
  readonly loadable: (model: Hex32) => "yes" | "no" | "too-large" | "unknown";
  /** Expected run of this model on this enclave, learned from earlier ones. */
  readonly expectedRunMs: (model: Hex32) => number;
  /** Expected start of a runner for it. */
  readonly expectedLoadMs: number;
  /** Set while the enclave is left alone after failures: until this moment of the host's clock. */
  readonly struckUntilMs: number;
}

/** What a request demands; everything comes from the chain. */
export interface Demand {
  readonly requestId: Hex32;
  readonly modelHash: Hex32;
  readonly minTrust: number;
  readonly imageId: Hex32;
  readonly profile: Hex32;
  readonly assignedOperator: number;
  readonly deadline: number;
  readonly rewardWei: bigint;
}

export interface MatchContext {
  /** Block time now. */
  readonly now: number;
  /** This host's clock, for back-off only. */
  readonly nowMs: number;
  /** Seconds kept for posting the answer. */
  readonly postingMarginSeconds: number;
  readonly minRewardWei: bigint;
}

/** Where the candidates of a decision come from. */
export interface EnclaveDirectory {
  candidates(): readonly Candidate[];
}
