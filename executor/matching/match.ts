import type { EnclaveCandidate, MatchContext, MatchRequest } from "./ports";
import type { Refusal, RefusalReason, RefusedCandidate } from "./reasons";
import { expectedFinishMs, refusalsOf } from "./rules";

/** A candidate that may serve, with what its place in the order follows from. */
export interface RankedCandidate {
  readonly enclaveId: string;
  /** Expected milliseconds to an answer, failures included; less is better. */
  readonly scoreMs: number;
  readonly expectedFinishMs: number;
  readonly model: "warm" | "loadable";
}

export type MatchOutcome =
  | {
      readonly ok: true;
      readonly enclave: RankedCandidate;
      readonly backups: readonly RankedCandidate[];
      readonly refused: readonly RefusedCandidate[];
    }
  | {
      readonly ok: false;
      /** The reason nearest to being met: that of the candidate with the fewest. `NO_ENCLAVE` if there is no candidate. */
      readonly reason: RefusalReason | "NO_ENCLAVE";
      readonly refused: readonly RefusedCandidate[];
      /** Seconds of block time at which another try may end differently; absent if only other enclaves could help. */
      readonly retryAt?: number;
    };

/** What a failed run costs beside its own time: a runner is started anew, or a time-out was waited for. */
const FAILURE_MS = 1_000;
/** What stopping an idle runner costs later, when its own model is asked for again. */
const EVICTION_MS = 50;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Expected time to a signed answer: the wait is paid once, loading and running again after every failure
 * (a geometric number of tries). Whole milliseconds, so that noise below that does not decide.
 */
export function scoreOf(candidate: EnclaveCandidate): number {
  const attempt = candidate.loadMs + candidate.runMs + (candidate.evicts ? EVICTION_MS : 0);
  const success = Math.max(candidate.successRate, 0.01);
  return Math.round(candidate.waitMs + (attempt + (1 - success) * FAILURE_MS) / success);
}

/**
 * Which enclave serves the request, who is next if it fails, and why the others may not.
 * Pure: the same arguments, in any order of candidates, give the same outcome. Equal scores are decided for the warm runner,
 * then for the weaker trust level (stronger ones stay free for who demands them), then by id.
 */
export function match(
  request: MatchRequest,
  candidates: readonly EnclaveCandidate[],
  context: MatchContext,
): MatchOutcome {
  const fit: EnclaveCandidate[] = [];
  const refused: RefusedCandidate[] = [];
  for (const candidate of [...candidates].sort((a, b) => byText(a.enclaveId, b.enclaveId))) {
    const [first, ...rest] = refusalsOf(request, candidate, context);
    if (first === undefined) fit.push(candidate);
    else refused.push({ enclaveId: candidate.enclaveId, reasons: [first, ...rest] });
  }
  const ranked = fit
    .map((candidate) => ({ candidate, scoreMs: scoreOf(candidate) }))
    .sort(
      (a, b) =>
        a.scoreMs - b.scoreMs ||
        Number(b.candidate.model === "warm") - Number(a.candidate.model === "warm") ||
        a.candidate.trustLevel - b.candidate.trustLevel ||
        byText(a.candidate.enclaveId, b.candidate.enclaveId),
    )
    .map(
      ({ candidate, scoreMs }): RankedCandidate => ({
        enclaveId: candidate.enclaveId,
        scoreMs,
        expectedFinishMs: Math.round(expectedFinishMs(candidate)),
        model: candidate.model === "warm" ? "warm" : "loadable",
      }),
    );
  const [enclave, ...backups] = ranked;
  if (enclave !== undefined) return { ok: true, enclave, backups, refused };
  const retryAt = earliestRetry(refused);
  return { ok: false, reason: nearest(refused), refused, ...(retryAt === undefined ? {} : { retryAt }) };
}

function nearest(refused: readonly RefusedCandidate[]): RefusalReason | "NO_ENCLAVE" {
  const best = refused.reduce<RefusedCandidate | undefined>(
    (a, b) => (a === undefined || b.reasons.length < a.reasons.length ? b : a),
    undefined,
  );
  return best === undefined ? "NO_ENCLAVE" : best.reasons[0].reason;
}

/** A candidate may be asked again when all its reasons have passed; one reason that stays rules it out. */
function earliestRetry(refused: readonly RefusedCandidate[]): number | undefined {
  const times = refused.flatMap(({ reasons }) => {
    const each = reasons.map((reason: Refusal) => reason.retryAt);
    return each.includes(undefined) ? [] : [Math.max(...each.map((time) => time ?? 0))];
  });
  return times.length === 0 ? undefined : Math.min(...times);
}
