import fs from "node:fs";
import path from "node:path";

/**
 * - `contracts`: Solidity tests on instrumented contracts, which gives the coverage in the same run.
 * - `gas`: Solidity tests that instrumentation would falsify (gas, code size), on the optimised build.
 * - `executor`: everything else that runs in one process, with coverage of `executor/`.
 * - `e2e`: real nodes, the real daemon, the real sandbox.
 * - `pipe`, `kill`: the same for transactions that PIPE carries, and for daemons that are killed; apart, so that they can run in the other lane.
 * - `attacks`: what a hostile model or request tries, beside a harmless control.
 */
export const SUITE_NAMES = ["contracts", "gas", "executor", "e2e", "pipe", "kill", "attacks"] as const;
export type SuiteName = (typeof SUITE_NAMES)[number];

/** Suites of one lane run one after another; the two lanes run at the same time, because the machine has two cores at least. */
export const LANES: readonly (readonly SuiteName[])[] = [
  ["contracts", "gas", "pipe", "kill", "attacks"],
  ["executor", "e2e"],
];

export interface SuiteCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function testFiles(root: string, folder: string): string[] {
  const full = path.join(root, folder);
  if (!fs.existsSync(full)) return [];
  return fs
    .readdirSync(full, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => path.posix.join(folder, file.split(path.sep).join("/")))
    .sort();
}

/** The test files of a suite, relative to the clone. Each file below `test/` belongs to exactly one suite, so none is forgotten. */
export function filesOf(root: string, suite: SuiteName): string[] {
  return testFiles(root, "test").filter((file) => suiteOf(file) === suite);
}

function suiteOf(file: string): SuiteName {
  if (file.startsWith("test/contracts/gas/")) return "gas";
  if (file.startsWith("test/contracts/")) return "contracts";
  if (/^test\/e2e\/(pipe|demo)/.test(file)) return "pipe";
  if (file.startsWith("test/e2e/kill")) return "kill";
  if (file.startsWith("test/e2e/")) return "e2e";
  if (file.startsWith("test/attacks/")) return "attacks";
  return "executor";
}

const HARDHAT = ["node_modules/hardhat/internal/cli/bootstrap.js", "--config", "scripts/test/hardhat.config.ts"];
const MOCHA = [
  "node_modules/mocha/bin/mocha.js",
  "--no-config",
  "-r",
  "ts-node/register",
  "--extension",
  "ts",
  "--reporter",
  "scripts/test/reporter.cjs",
];

/** What to run with Node, in the clone's folder, for one suite. */
export function commandOf(suite: SuiteName, files: readonly string[], grep: string | undefined): SuiteCommand {
  const grepArgs = grep === undefined ? [] : ["--grep", grep];
  const grepEnv: Record<string, string> = grep === undefined ? {} : { ASSAY_TEST_GREP: grep };
  switch (suite) {
    case "contracts":
      return {
        args: [...HARDHAT, "coverage", "--solcoverjs", "scripts/test/solcover.cjs", "--testfiles", globOf(files)],
        env: { ...grepEnv, SOLIDITY_COVERAGE: "true" },
      };
    case "gas":
      return { args: [...HARDHAT, "test", "--no-compile", ...files], env: grepEnv };
    case "executor":
      return {
        args: ["node_modules/c8/bin/c8.js", process.execPath, ...MOCHA, "--timeout", "60000", ...grepArgs, ...files],
        env: {},
      };
    case "e2e":
      return {
        // The daemon's own process counts too: its coverage is added to that of the suite before it in the lane.
        args: [
          "node_modules/c8/bin/c8.js",
          "--no-clean",
          process.execPath,
          ...MOCHA,
          "--timeout",
          "300000",
          ...grepArgs,
          ...files,
        ],
        env: {},
      };
    case "pipe":
    case "kill":
    case "attacks":
      return { args: [...MOCHA, "--timeout", "300000", ...grepArgs, ...files], env: {} };
  }
}

/** solidity-coverage takes one glob, not a list. */
function globOf(files: readonly string[]): string {
  return files.length === 1 ? String(files[0]) : `{${files.join(",")}}`;
}
