import fs from "node:fs";
import path from "node:path";

export interface Ratio {
  readonly covered: number;
  readonly total: number;
}

export interface FileCoverage {
  /** Relative to the clone. */
  readonly file: string;
  readonly lines: Ratio;
  readonly branches: Ratio;
}

export interface CoverageGoal {
  readonly what: string;
  readonly linesPercent: number;
  readonly branchesPercent?: number;
}

export const CONTRACT_GOAL: CoverageGoal = { what: "contracts", linesPercent: 95, branchesPercent: 90 };
export const EXECUTOR_GOAL: CoverageGoal = { what: "executor", linesPercent: 85 };

/**
 * Contracts that are left out, each with its reason. Mocks and interfaces are test material and declarations;
 * `.solcover.js` does not instrument them in the first place.
 */
const CONTRACTS_LEFT_OUT: readonly RegExp[] = [/^contracts\/mocks\//, /^contracts\/interfaces\//];

interface IstanbulFile {
  readonly l?: Readonly<Record<string, number>>;
  readonly b: Readonly<Record<string, readonly number[]>>;
}

interface SummaryFile {
  readonly lines: Ratio;
  readonly branches: Ratio;
}

function ratioOf(hits: readonly number[]): Ratio {
  return { covered: hits.filter((count) => count > 0).length, total: hits.length };
}

/** Reads solidity-coverage's `coverage.json`: hits per line and per branch of each contract. */
export function readContractCoverage(root: string): FileCoverage[] {
  const data = JSON.parse(fs.readFileSync(path.join(root, "coverage.json"), "utf8")) as Record<string, IstanbulFile>;
  return Object.entries(data)
    .map(([file, entry]) => ({
      file: relative(root, file),
      lines: ratioOf(Object.values(entry.l ?? {})),
      branches: ratioOf(Object.values(entry.b).flat()),
    }))
    .filter(({ file }) => !CONTRACTS_LEFT_OUT.some((pattern) => pattern.test(file)));
}

/** Reads c8's summary of `executor/`; files that no test loads are in it with nothing covered. */
export function readExecutorCoverage(root: string): FileCoverage[] {
  const file = path.join(root, "coverage", "executor", "coverage-summary.json");
  const data = JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, SummaryFile>;
  return Object.entries(data)
    .filter(([name]) => name !== "total")
    .map(([name, entry]) => ({ file: relative(root, name), lines: entry.lines, branches: entry.branches }));
}

function relative(root: string, file: string): string {
  return (path.isAbsolute(file) ? path.relative(root, file) : file).split(path.sep).join("/");
}

export function percent(ratios: readonly Ratio[]): number {
  const total = ratios.reduce((sum, ratio) => sum + ratio.total, 0);
  const covered = ratios.reduce((sum, ratio) => sum + ratio.covered, 0);
  return total === 0 ? 100 : (100 * covered) / total;
}

/** One line for each threshold: whether it is met, and by what. An empty coverage meets nothing: something went wrong then. */
export function judge(
  files: readonly FileCoverage[],
  goal: CoverageGoal,
): { readonly ok: boolean; readonly line: string }[] {
  const kinds = [{ kind: "line", goalPercent: goal.linesPercent, of: percent(files.map((file) => file.lines)) }];
  if (goal.branchesPercent !== undefined) {
    kinds.push({ kind: "branch", goalPercent: goal.branchesPercent, of: percent(files.map((file) => file.branches)) });
  }
  return kinds.map(({ kind, goalPercent, of }) => ({
    ok: files.length > 0 && of >= goalPercent,
    line: `${goal.what}: ${kind} coverage ${files.length === 0 ? "was not measured" : `${of.toFixed(2)} %`}, goal >= ${goalPercent} %`,
  }));
}

/** The files as a table, the worst covered first; without `all`, only those below the line goal. */
export function coverageTable(files: readonly FileCoverage[], goal: CoverageGoal, all: boolean): string[] {
  return files
    .map((file) => ({ ...file, linePercent: percent([file.lines]), branchPercent: percent([file.branches]) }))
    .filter((file) => all || file.linePercent < goal.linesPercent)
    .sort((a, b) => a.linePercent - b.linePercent || a.file.localeCompare(b.file))
    .map(
      (file) =>
        `  ${file.linePercent.toFixed(1).padStart(5)} % lines  ${file.branchPercent.toFixed(1).padStart(5)} % branches  ${file.file}`,
    );
}
