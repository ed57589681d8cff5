import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findProgram } from "../../../executor/enclave/sandbox/findProgram";
import { skipTest } from "../../../scripts/test/skip";
import type { FullDiskReport } from "./fullDisk";

const DISK_BYTES = 2 ** 20;

describe("SQLite job store on a disk that runs full", () => {
  let folder: string;
  let report: FullDiskReport;

  before(function () {
    folder = mkdtempSync(join(tmpdir(), "assay-full-disk-"));
    // A disk that belongs to one process alone and ends with it; nothing is mounted in this one.
    const disk = ["--dev-bind", "/", "/", "--size", String(DISK_BYTES), "--tmpfs", folder, "--die-with-parent"];
    const maker = findProgram("bwrap");
    if (maker === undefined) return skipTest(this, "part", "no small disk without bubblewrap");
    const trial = spawnSync(maker, [...disk, "true"], { encoding: "utf8" });
    if (trial.status !== 0) return skipTest(this, "part", `bubblewrap makes no small disk: ${trial.stderr.trim()}`);
    const program = [process.execPath, "-r", "ts-node/register/transpile-only", require.resolve("./fullDisk"), folder];
    const run = spawnSync(maker, [...disk, ...program], { encoding: "utf8", timeout: 50_000 });
    expect(run.stderr).to.equal("");
    report = JSON.parse(run.stdout) as FullDiskReport;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const full = /^STORE_DISK_FULL: .*free some space/;

  it("says so by its code and what to do, in the middle of the work and when it is opened", () => {
    expect(report.writing).to.match(full);
    expect(report.opening).to.match(full);
  });

  it("keeps everything that was confirmed, and nothing of what was not", () => {
    expect(report.stored).to.be.greaterThan(5);
    expect(report.kept).to.deep.equal([report.stored, report.stored]);
  });

  it("goes on by itself when there is space again", () => {
    expect(report.after).to.equal(report.stored + 1);
    expect(report.reopened).to.equal(report.stored + 1);
  });

  it("leaves no half of a backup or of a restored store behind", () => {
    expect([report.backingUp, report.restoring]).to.satisfy((said: string[]) => said.every((text) => full.test(text)));
    expect([report.halfBackup, report.halfRestored]).to.deep.equal([false, false]);
  });
});
