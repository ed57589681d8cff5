import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { commandOf, filesOf, type SuiteName } from "./suites";

/** A suite that takes longer hangs: the whole of `npm test` is meant to take less than ten minutes. */
const SUITE_LIMIT_MS = 20 * 60_000;
/** How long a suite may live on after its last test: coverage is written then. What is still open later was leaked by a test. */
const LINGER_MS = 3 * 60_000;
const GRACE_MS = 5_000;
const POLL_MS = 500;

export interface Skip {
  readonly title: string;
  readonly reason: string;
  readonly missing: "part" | "data" | "unnamed";
}

export interface SuiteResult {
  readonly suite: SuiteName;
  readonly passed: number;
  /** One line each. */
  readonly failures: readonly string[];
  readonly skips: readonly Skip[];
  readonly seconds: number;
}

interface Report {
  readonly passed: number;
  readonly failures: readonly { readonly title: string }[];
  readonly skips: readonly Skip[];
}

/** Runs one suite in a process of its own, passing its output on with the suite's name before each line. */
export async function runSuite(root: string, suite: SuiteName, grep: string | undefined): Promise<SuiteResult> {
  const started = Date.now();
  const files = filesOf(root, suite);
  const result = (part: Partial<SuiteResult>): SuiteResult => ({
    suite,
    passed: 0,
    failures: [],
    skips: [],
    ...part,
    seconds: Math.round((Date.now() - started) / 1000),
  });
  if (files.length === 0) return result({ failures: [`${suite}: there is no test file`] });

  const reportFile = path.join(root, ".assay", `test-report-${suite}-${process.pid}.json`);
  fs.mkdirSync(path.dirname(reportFile), { recursive: true });
  const command = commandOf(suite, files, grep);
  const child = spawn(process.execPath, [...command.args], {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...command.env, ASSAY_TEST_REPORT: reportFile },
  });
  passOn(child, suite);
  const ending = await endOf(child, reportFile);
  const report = readReport(reportFile);
  fs.rmSync(reportFile, { force: true });
  if (report === undefined) return result({ failures: [`${suite}: ended without a report (${ending.how})`] });

  const failures = report.failures.map((failure) => `${suite}: ${failure.title}`);
  if (ending.killed) failures.push(`${suite}: ${ending.how}`);
  // The tests passed and the program still failed: a crash after the last test, or no coverage report.
  else if (failures.length === 0 && ending.code !== 0)
    failures.push(`${suite}: all tests passed, but the run ended with ${ending.how}`);
  const ran = report.passed + report.failures.length + report.skips.length;
  if (ran === 0 && grep === undefined) failures.push(`${suite}: no test ran`);
  return result({ passed: report.passed, failures, skips: report.skips });
}

function passOn(child: ChildProcess, suite: SuiteName): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => console.log(`${suite.padEnd(9)} | ${line}`));
  }
}

interface Ending {
  readonly code: number | null;
  readonly how: string;
  readonly killed: boolean;
}

function endOf(child: ChildProcess, reportFile: string): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    let reportedAt: number | undefined;
    let reason: string | undefined;
    const stop = (why: string): void => {
      if (reason !== undefined) return;
      reason = why;
      // mocha ends on SIGINT by itself and lets its `exit` hooks end the processes that tests have started.
      signalGroup(child, "SIGINT");
      setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS).unref();
    };
    const watch = setInterval(() => {
      if (reportedAt === undefined && fs.existsSync(reportFile)) reportedAt = Date.now();
      if (Date.now() - started > SUITE_LIMIT_MS) stop(`stopped after ${SUITE_LIMIT_MS / 60_000} minutes`);
      else if (reportedAt !== undefined && Date.now() - reportedAt > LINGER_MS)
        stop("did not end after its last test: a test left something open");
    }, POLL_MS);
    const interrupt = (): void => stop("interrupted");
    process.on("SIGINT", interrupt);
    process.on("SIGTERM", interrupt);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearInterval(watch);
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
      // Whatever the suite started and left behind goes with it.
      signalGroup(child, "SIGKILL");
      resolve({
        code,
        how: reason ?? (signal === null ? `exit code ${code}` : `signal ${signal}`),
        killed: reason !== undefined,
      });
    });
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as Report;
  } catch {
    // Absent or cut short: the process died before its end, which the caller reports with how it died.
    return undefined;
  }
}
