import { ZERO_32 } from "../domain/ids";
import type { EnclaveCandidate, MatchContext, MatchRequest } from "./ports";
import type { Refusal } from "./reasons";

/** Seconds after which the price of gas may be another; nobody knows when, so it is asked again at this pace. */
const GAS_PRICE_RETRY_SECONDS = 30;
/** Four mean deviations above the mean, as TCP waits for its acknowledgements (RFC 6298, section 2). */
const DEVIATIONS = 4;

/** Milliseconds until the signed answer is expected. */
export function expectedFinishMs(candidate: EnclaveCandidate): number {
  return candidate.waitMs + candidate.loadMs + candidate.runMs;
}

/** Milliseconds until the signed answer is there with near certainty. */
export function lateFinishMs(candidate: EnclaveCandidate): number {
  return expectedFinishMs(candidate) + DEVIATIONS * candidate.runDeviationMs;
}

/** Wei that posting costs if the callback burns all the gas it may: who asks decides what the callback does. */
export function postingCostWei(request: MatchRequest, context: MatchContext): bigint {
  return context.gasPriceWei * BigInt(context.fulfilmentGas + request.callbackGas);
}

type Rule = (request: MatchRequest, candidate: EnclaveCandidate, context: MatchContext) => Refusal | undefined;

/** Seconds of block time at which the answer would be on the chain, in the late case. */
function landsAt(candidate: EnclaveCandidate, context: MatchContext): number {
  return context.chainNow + lateFinishMs(candidate) / 1000 + context.postingMarginSeconds;
}

const mismatch = (reason: Refusal["reason"], needed: string, actual: string): Refusal | undefined =>
  needed === ZERO_32 || needed === actual ? undefined : { reason, needed, actual };

/** Every demand, one rule each. A rule knows nothing of the others; the order is that of the report. */
const RULES: readonly Rule[] = [
  (request, c) => (c.model === "missing" ? { reason: "MODEL_MISSING", needed: request.modelHash } : undefined),
  (request, c) =>
    c.trustLevel < request.minTrust
      ? { reason: "TRUST_TOO_LOW", needed: request.minTrust, actual: c.trustLevel }
      : undefined,
  (request, c) => mismatch("PROFILE_MISMATCH", request.profile, c.runtimeProfile),
  (request, c) => mismatch("IMAGE_MISMATCH", request.imageId, c.imageId),
  (request, c) =>
    request.assignedOperator === 0 || request.assignedOperator === c.operatorId
      ? undefined
      : { reason: "OPERATOR_MISMATCH", needed: request.assignedOperator, actual: c.operatorId },
  (request, c) =>
    c.proofKinds.includes(request.proofKind)
      ? undefined
      : { reason: "PROOF_KIND_UNSUPPORTED", needed: request.proofKind },
  (request, c) =>
    c.inputKinds.includes(request.inputKind)
      ? undefined
      : { reason: "INPUT_KIND_UNSUPPORTED", needed: request.inputKind },
  (request, c) => (request.contextRoot === ZERO_32 || c.servesContext ? undefined : { reason: "CONTEXT_UNSUPPORTED" }),
  (request, _c, context) =>
    request.rewardWei < context.minRewardWei
      ? { reason: "REWARD_TOO_LOW", needed: context.minRewardWei, actual: request.rewardWei }
      : undefined,
  (request, _c, context) => {
    const cost = postingCostWei(request, context);
    if (context.allowLoss || request.rewardWei < context.minRewardWei || request.rewardWei >= cost) return undefined;
    return {
      reason: "REWARD_TOO_LOW",
      needed: cost,
      actual: request.rewardWei,
      retryAt: context.chainNow + GAS_PRICE_RETRY_SECONDS,
    };
  },
  (_request, c) => (c.draining ? { reason: "DRAINING" } : undefined),
  (_request, c, context) =>
    c.strike === undefined || c.strike.untilMs <= context.hostNowMs
      ? undefined
      : {
          reason: "STRUCK",
          subject: c.strike.subject,
          retryAt: context.chainNow + Math.ceil((c.strike.untilMs - context.hostNowMs) / 1000),
        },
  (_request, c, context) =>
    c.memoryNeededBytes > c.memoryFreeBytes
      ? {
          reason: "MEMORY_SHORT",
          needed: c.memoryNeededBytes,
          actual: c.memoryFreeBytes,
          ...(c.outstanding > 0 ? { retryAt: soon(c, context) } : {}),
        }
      : undefined,
  (_request, c, context) =>
    c.outstanding >= c.maxOutstanding
      ? {
          reason: "NO_CAPACITY",
          needed: c.outstanding + 1,
          actual: c.maxOutstanding,
          ...(c.outstanding > 0 ? { retryAt: soon(c, context) } : {}),
        }
      : undefined,
  (request, c, context) => {
    const lands = landsAt(c, context);
    if (lands <= request.deadline) return undefined;
    // Only the runs before this one can become fewer; if it is too late even without them, waiting makes it later still.
    const inTimeAlone = lands - c.waitMs / 1000 + 1 <= request.deadline;
    return {
      reason: "DEADLINE_TOO_CLOSE",
      needed: Math.ceil(lands),
      actual: request.deadline,
      ...(inTimeAlone ? { retryAt: context.chainNow + 1 } : {}),
    };
  },
  (_request, c, context) => needsUntil("EPOCH_ENDING", c.epochEndsAt, c, context),
  (_request, c, context) => needsUntil("HEARTBEAT_DUE", c.heartbeatDueAt, c, context),
];

function soon(candidate: EnclaveCandidate, context: MatchContext): number {
  return context.chainNow + Math.max(1, Math.ceil(Math.min(candidate.waitMs, 60_000) / 1000));
}

/** A key that is renewed or beats again serves once more: it is asked for again when the old end has come, or soon after. */
function needsUntil(
  reason: "EPOCH_ENDING" | "HEARTBEAT_DUE",
  end: number,
  candidate: EnclaveCandidate,
  context: MatchContext,
): Refusal | undefined {
  const needed = landsAt(candidate, context) + context.epochMarginSeconds;
  return needed < end
    ? undefined
    : { reason, needed: Math.ceil(needed), actual: end, retryAt: context.chainNow + GAS_PRICE_RETRY_SECONDS };
}

/** All reasons against this candidate; none means that it may serve. */
export function refusalsOf(request: MatchRequest, candidate: EnclaveCandidate, context: MatchContext): Refusal[] {
  return RULES.flatMap((rule) => rule(request, candidate, context) ?? []);
}
