import fs from "node:fs";
import path from "node:path";
import {
  CONTRACT_GOAL,
  coverageTable,
  EXECUTOR_GOAL,
  judge,
  readContractCoverage,
  readExecutorCoverage,
} from "./coverage";
import { parseOptions, type TestOptions, USAGE } from "./options";
import { runSuite, type SuiteResult } from "./suiteRun";
import { LANES } from "./suites";
import { lastLine, totalsOf } from "./summary";

const ROOT = path.resolve(__dirname, "..", "..");

/** Set by Ctrl-C: the running suites are ended by `runSuite`, and no other may start. */
const interrupted = new AbortController();

async function runLane(lane: (typeof LANES)[number], options: TestOptions): Promise<SuiteResult[]> {
  const results: SuiteResult[] = [];
  for (const suite of lane) {
    if (interrupted.signal.aborted) break;
    if (options.suites.includes(suite)) results.push(await runSuite(ROOT, suite, options.grep));
  }
  return results;
}

/** Thresholds of the suites that ran to their end; a part of the tests (`--grep`) says nothing about coverage. */
function judgeCoverage(results: readonly SuiteResult[], options: TestOptions): { ok: boolean; line: string }[] {
  if (options.grep !== undefined) return [];
  const kinds = [
    { suite: "contracts", with: "contracts", goal: CONTRACT_GOAL, read: readContractCoverage },
    // What wires the daemon together runs in the daemon: only both suites say how much of executor/ is covered.
    { suite: "executor", with: "e2e", goal: EXECUTOR_GOAL, read: readExecutorCoverage },
  ] as const;
  return kinds.flatMap(({ suite, with: other, goal, read }) => {
    if (![suite, other].every((name) => results.some((item) => item.suite === name))) return [];
    let files: ReturnType<typeof read>;
    try {
      files = read(ROOT);
    } catch (error) {
      return [
        {
          ok: false,
          line: `${suite}: there is no coverage to judge (${error instanceof Error ? error.message : String(error)})`,
        },
      ];
    }
    const judgements = judge(files, goal);
    const missed = judgements.some(({ ok }) => !ok);
    if (missed || options.coverageTable)
      console.log(["", `Coverage of ${suite}:`, ...coverageTable(files, goal, options.coverageTable)].join("\n"));
    return judgements;
  });
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (!parsed.ok) {
    console.error(parsed.help ? parsed.message : `${parsed.message}\n\n${USAGE}`);
    return parsed.help ? 0 : 2;
  }
  const { options } = parsed;
  const started = Date.now();
  // What an earlier run measured must not be judged in place of this one.
  for (const stale of ["coverage.json", "coverage"])
    fs.rmSync(path.join(ROOT, stale), { recursive: true, force: true });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupted.abort());
  const results = (await Promise.all(LANES.map((lane) => runLane(lane, options)))).flat();
  const judgements = interrupted.signal.aborted ? [] : judgeCoverage(results, options);
  const totals = totalsOf(results, judgements, process.env.CI === "true");

  console.log("");
  for (const result of results) {
    console.log(
      `${result.suite.padEnd(9)} ${result.passed} passed, ${result.failures.length} failed, ${result.skips.length} skipped in ${result.seconds} s`,
    );
  }
  for (const { ok, line } of judgements) console.log(`${ok ? "ok  " : "FAIL"} ${line}`);
  for (const skip of totals.skips) console.log(`skipped: ${skip.title}: ${skip.reason}`);
  for (const failure of totals.failures) console.log(`FAILED: ${failure}`);
  console.log(`took ${Math.round((Date.now() - started) / 1000)} s`);
  console.log(lastLine(totals));
  return totals.failures.length === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
