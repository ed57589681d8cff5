import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { expect } from "chai";
import { CONTRACT_GOAL, EXECUTOR_GOAL, judge, percent, readContractCoverage } from "../../scripts/test/coverage";
import { parseOptions } from "../../scripts/test/options";
import type { Skip, SuiteResult } from "../../scripts/test/suiteRun";
import { commandOf, filesOf, LANES, SUITE_NAMES } from "../../scripts/test/suites";
import { lastLine, totalsOf } from "../../scripts/test/summary";
import { ROOT, temporaryFolder, write } from "./support";

describe("house/test runner, arguments", () => {
  it("runs everything by default, and what --only names in the fixed order", () => {
    const all = parseOptions([]);
    expect(all.ok && all.options.suites).to.deep.equal([...SUITE_NAMES]);
    const some = parseOptions(["--only", "e2e,gas", "--only=executor", "nonce"]);
    expect(some.ok && some.options).to.deep.equal({
      suites: ["gas", "executor", "e2e"],
      grep: "nonce",
      coverageTable: false,
    });
  });

  it("refuses a suite that does not exist, an unknown flag and two patterns", () => {
    for (const args of [
      ["--only", "gsa"],
      ["--ony", "gas"],
      ["a", "b"],
    ])
      expect(parseOptions(args).ok).to.equal(false);
  });
});

describe("house/test runner, suites", () => {
  it("gives every test file to exactly one suite, and every suite to exactly one lane", () => {
    const { folder, remove } = temporaryFolder();
    const files = ["contracts/a", "contracts/gas/b", "e2e/c", "attacks/d", "executor/jobs/e", "house/f", "g"].map(
      (name) => `test/${name}.test.ts`,
    );
    for (const file of files) write(folder, file, "");
    write(folder, "test/executor/helper.ts", "");
    const found = SUITE_NAMES.flatMap((suite) => filesOf(folder, suite));
    remove();
    expect([...found].sort()).to.deep.equal([...files].sort());
    expect([...LANES.flat()].sort()).to.deep.equal([...SUITE_NAMES].sort());
  });

  it("hands a pattern to each kind of suite", () => {
    for (const suite of SUITE_NAMES) {
      const { args, env } = commandOf(suite, ["test/x.test.ts"], "nonce");
      expect([...args, ...Object.values(env)]).to.include("nonce");
    }
  });
});

describe("house/test runner, reporter", () => {
  it("counts every outcome once, with the reason of each skip", () => {
    const { folder, remove } = temporaryFolder();
    const file = path.join(folder, "report.json");
    const args = [
      "node_modules/mocha/bin/mocha.js",
      "--no-config",
      "-r",
      "ts-node/register",
      "--reporter",
      "scripts/test/reporter.cjs",
    ];
    const run = spawnSync(process.execPath, [...args, "test/house/fixtures/outcomes.ts"], {
      cwd: ROOT,
      encoding: "utf8",
      env: { ...process.env, ASSAY_TEST_REPORT: file },
    });
    const report = JSON.parse(fs.readFileSync(file, "utf8")) as {
      passed: number;
      failures: { title: string }[];
      skips: Skip[];
    };
    remove();
    expect(run.status).to.equal(1);
    expect(run.stdout.trimEnd().split("\n").at(-1)).to.equal("1 passed, 1 failed, 5 skipped");
    expect(report.passed).to.equal(1);
    expect(report.failures.map(({ title }) => title)).to.deep.equal(["outcomes fails"]);
    expect(report.skips.map(({ missing, reason }) => `${missing}: ${reason}`)).to.deep.equal([
      "part: no bubblewrap",
      "unnamed: no reason given",
      "data: no data at hand",
      "data: no prices",
      "data: no prices",
    ]);
  });
});

describe("house/test runner, totals", () => {
  const skip = (missing: Skip["missing"]): Skip => ({ title: missing, reason: "r", missing });
  const result = (skips: Skip[]): SuiteResult => ({ suite: "e2e", passed: 3, failures: ["one"], skips, seconds: 1 });

  it("prints the skipped only where there are any", () => {
    expect(lastLine(totalsOf([result([])], [], false))).to.equal("3 passed, 1 failed");
    expect(lastLine(totalsOf([result([skip("data")])], [], false))).to.equal("3 passed, 1 failed, 1 skipped");
  });

  it("fails a skip without a reason anywhere, and one for a missing part in CI", () => {
    const results = [result([skip("part"), skip("data"), skip("unnamed")])];
    expect(lastLine(totalsOf(results, [], false))).to.equal("3 passed, 2 failed, 2 skipped");
    expect(lastLine(totalsOf(results, [], true))).to.equal("3 passed, 3 failed, 1 skipped");
  });

  it("counts a threshold as a test", () => {
    const judgements = [
      { ok: true, line: "a" },
      { ok: false, line: "b" },
    ];
    const totals = totalsOf([result([])], judgements, false);
    expect(lastLine(totals)).to.equal("4 passed, 2 failed");
    expect(totals.failures).to.deep.equal(["one", "b"]);
  });
});

describe("house/test runner, coverage", () => {
  const file = (covered: number, branches: number) => ({
    file: "contracts/A.sol",
    lines: { covered, total: 100 },
    branches: { covered: branches, total: 100 },
  });

  it("meets a goal exactly at it, and misses it below", () => {
    expect(judge([file(95, 90)], CONTRACT_GOAL).map(({ ok }) => ok)).to.deep.equal([true, true]);
    expect(judge([file(94, 89)], CONTRACT_GOAL).map(({ ok }) => ok)).to.deep.equal([false, false]);
    expect(judge([file(85, 0)], EXECUTOR_GOAL).map(({ ok }) => ok)).to.deep.equal([true]);
  });

  it("weighs files by their lines, and takes nothing measured for a failure", () => {
    expect(
      percent([
        { covered: 1, total: 1 },
        { covered: 0, total: 3 },
      ]),
    ).to.equal(25);
    expect(judge([], EXECUTOR_GOAL).map(({ ok }) => ok)).to.deep.equal([false]);
  });

  it("reads lines and branches of own contracts, and leaves mocks and interfaces out", () => {
    const { folder, remove } = temporaryFolder();
    const entry = { l: { 1: 2, 2: 0 }, b: { 1: [1, 0] } };
    write(
      folder,
      "coverage.json",
      JSON.stringify({ "contracts/A.sol": entry, "contracts/mocks/B.sol": entry, "contracts/interfaces/C.sol": entry }),
    );
    const found = readContractCoverage(folder);
    remove();
    expect(found).to.deep.equal([
      { file: "contracts/A.sol", lines: { covered: 1, total: 2 }, branches: { covered: 1, total: 2 } },
    ]);
  });
});
