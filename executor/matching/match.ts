import { type Hex32, ZERO_32 } from "../domain/ids";
import type { Candidate, Demand, MatchContext } from "./ports";
import { REASONS, type RefusalReason } from "./reasons";

export interface Ranked {
  readonly id: string;
  /** Expected milliseconds until the answer is computed. */
  readonly expectedMs: number;
  readonly warm: boolean;
}

export interface Refused {
  readonly id: string;
  readonly reason: RefusalReason;
}

/** A decision and everything that led to it: the same demand, candidates and context give the same decision again. */
export type Decision =
  | { readonly ok: true; readonly chosen: Ranked; readonly backups: readonly Ranked[]; readonly refused: readonly Refused[] }
  | {
      readonly ok: false;
      /** The reason closest to being served: of all candidates, the one that failed last. */
      readonly reason: RefusalReason | "NO_ENCLAVE";
      /** Whether the same request may be served later without anything being changed by hand. */
      readonly waits: boolean;
      readonly refused: readonly Refused[];
    };

/** Checks in the order of how final they are: what can never be mended first, what passes by itself last. */
const ORDER = Object.keys(REASONS) as RefusalReason[];

/**
 * Chooses the enclave for a request. Pure: reads no clock, no random number and no state but its arguments.
 * A candidate must meet every demand; of those that do, the one that is expected to answer first is taken, a warm model before a cold one
 * at the same time, and the id decides between equals so that a replay decides alike.
 */
export function match(demand: Demand, candidates: readonly Candidate[], context: MatchContext): Decision {
  const refused: Refused[] = [];
  const fit: Ranked[] = [];
  for (const candidate of candidates) {
    const reason = refusalOf(demand, candidate, context);
    if (reason === undefined) fit.push(rank(demand.modelHash, candidate));
    else refused.push({ id: candidate.id, reason });
  }
  fit.sort((a, b) => a.expectedMs - b.expectedMs || Number(b.warm) - Number(a.warm) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  refused.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const [chosen, ...backups] = fit;
  if (chosen !== undefined) return { ok: true, chosen, backups, refused };
  const reason = refused.reduce<RefusalReason | undefined>((last, r) => (last === undefined || ORDER.indexOf(r.reason) > ORDER.indexOf(last) ? r.reason : last), undefined);
  // With no enclave at all there is one coming: the fleet replaces the dead.
  return { ok: false, reason: reason ?? "NO_ENCLAVE", waits: reason === undefined || refused.some((r) => REASONS[r.reason].waits), refused };
}

function refusalOf(demand: Demand, c: Candidate, context: MatchContext): RefusalReason | undefined {
  if (demand.assignedOperator !== 0 && demand.assignedOperator !== c.operatorId) return "OPERATOR_MISMATCH";
  if (c.trust < demand.minTrust) return "TRUST_TOO_LOW";
  if (demand.imageId !== ZERO_32 && demand.imageId !== c.imageId) return "IMAGE_MISMATCH";
  if (demand.profile !== ZERO_32 && demand.profile !== c.profile) return "PROFILE_MISMATCH";
  const loadable = c.warm.has(demand.modelHash) ? "yes" : c.loadable(demand.modelHash);
  if (loadable === "no") return "MODEL_MISSING";
  if (loadable === "too-large") return "MODEL_TOO_LARGE";
  if (demand.rewardWei < context.minRewardWei) return "REWARD_TOO_LOW";
  if (c.draining) return "DRAINING";
  const seconds = rank(demand.modelHash, c).expectedMs / 1_000;
  if (context.now + seconds + context.postingMarginSeconds > demand.deadline) return "DEADLINE_TOO_CLOSE";
  if (context.now + seconds + context.postingMarginSeconds >= c.epochEnd) return "EPOCH_ENDING";
  if (context.now + seconds + context.postingMarginSeconds >= c.heartbeatDue) return "HEARTBEAT_OVERDUE";
  if (context.nowMs < c.struckUntilMs) return "STRUCK";
  if (c.inFlight >= c.maxInFlight) return "NO_CAPACITY";
  return undefined;
}

/** Work before it, spread over the runners, then its own start and run. */
function rank(model: Hex32, c: Candidate): Ranked {
  const warm = c.warm.has(model);
  const runMs = c.expectedRunMs(model);
  const queueMs = (c.inFlight / Math.max(1, c.capacity)) * runMs;
  return { id: c.id, expectedMs: queueMs + runMs + (warm ? 0 : c.expectedLoadMs), warm };
}
