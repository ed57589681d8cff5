import type { StrikeSubject } from "./ports";

/** Why an enclave may not serve a request, with a sentence for `assay status`. The words are stored with jobs: never reuse one. */
export const REFUSAL_REASONS = {
  MODEL_MISSING: "It has no runner for the model, and the model's file can not be had.",
  MEMORY_SHORT: "A runner for the model does not fit into its memory, even without those that are idle.",
  NO_CAPACITY: "It holds as many runs as it may.",
  TRUST_TOO_LOW: "Its trust level is below what the request demands.",
  PROFILE_MISMATCH: "Its runtime profile is not the one that the request demands.",
  IMAGE_MISMATCH: "Its image is not the one that the request demands.",
  OPERATOR_MISMATCH: "The request is assigned to another operator.",
  PROOF_KIND_UNSUPPORTED: "It can not give the kind of proof that the request demands.",
  INPUT_KIND_UNSUPPORTED: "It can not take input of this kind.",
  CONTEXT_UNSUPPORTED: "The request needs a memory, and it serves none.",
  DEADLINE_TOO_CLOSE: "Its answer is not expected to be on the chain before the deadline.",
  REWARD_TOO_LOW: "The reward is below the operator's minimum or below the gas of posting the answer.",
  EPOCH_ENDING: "The epoch of its key is expected to end before the answer is on the chain.",
  HEARTBEAT_DUE: "Its heartbeat is expected to be overdue before the answer is on the chain.",
  DRAINING: "It finishes what it has and takes nothing new.",
  STRUCK: "Failures before this one keep it from the request for a while.",
} as const;
export type RefusalReason = keyof typeof REFUSAL_REASONS;

/** One reason with the two values that disagree. `retryAt` (seconds of block time) is absent where waiting does not help. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly needed?: string | number | bigint;
  readonly actual?: string | number | bigint;
  readonly subject?: StrikeSubject;
  readonly retryAt?: number;
}

/** An enclave that may not serve, with all its reasons: who fixes one wants to know the next. */
export interface RefusedCandidate {
  readonly enclaveId: string;
  readonly reasons: readonly [Refusal, ...Refusal[]];
}
