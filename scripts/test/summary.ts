import type { Skip, SuiteResult } from "./suiteRun";

export interface Totals {
  readonly passed: number;
  readonly failures: readonly string[];
  readonly skips: readonly Skip[];
}

/**
 * Adds suites and judgements up. A skip without a reason is a failure anywhere; in CI one for a missing part is, too,
 * because CI installs every part, so that a part that silently went missing must not look like success.
 */
export function totalsOf(
  results: readonly SuiteResult[],
  judgements: readonly { readonly ok: boolean; readonly line: string }[],
  ci: boolean,
): Totals {
  const all = results.flatMap((result) => result.skips);
  const counted = (skip: Skip): boolean => skip.missing === "unnamed" || (ci && skip.missing === "part");
  return {
    passed: results.reduce((sum, result) => sum + result.passed, 0) + judgements.filter(({ ok }) => ok).length,
    failures: [
      ...results.flatMap((result) => result.failures),
      ...judgements.filter(({ ok }) => !ok).map(({ line }) => line),
      ...all.filter(counted).map((skip) => `${skip.title}: skipped, ${skip.reason}`),
    ],
    skips: all.filter((skip) => !counted(skip)),
  };
}

/** The last line of `npm test`: `N passed, N failed`, with `, N skipped` where there are any. */
export function lastLine(totals: Totals): string {
  const skipped = totals.skips.length === 0 ? "" : `, ${totals.skips.length} skipped`;
  return `${totals.passed} passed, ${totals.failures.length} failed${skipped}`;
}
