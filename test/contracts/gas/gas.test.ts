import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import hre from "hardhat";
import { measureGas } from "../../../scripts/bench/gas";
import { measurePipeGas } from "../../../scripts/bench/pipeGas";

const SNAPSHOT = join(__dirname, "gas.snapshot.json");

/** The goals of the gas table; a change that misses one is not a snapshot to be updated. */
const GOALS: Readonly<Record<string, number>> = {
  request: 52_900,
  fulfill: 56_000,
  fulfillCallback: 66_000,
  batch8PerItem: 26_000,
  batch32PerItem: 22_500,
  batch128PerItem: 22_000,
  verifyPull: 18_000,
  "pipe.bundleOverhead": 42_000,
  "pipe.intentOverhead": 62_000,
  "pipe.rawConsumer": 22_000,
  "pipe.perExtraResult": 20_000,
};

describe("gas", () => {
  let measured: Record<string, number>;

  before(async function () {
    // Instrumented code costs more than the code that is deployed, so its figures say nothing.
    if ("__SOLIDITY_COVERAGE_RUNNING" in hre) this.skip();
    measured = await measureGas(hre);
    for (const [name, gas] of Object.entries(await measurePipeGas(hre))) measured[`pipe.${name}`] = gas;
    if (process.env.UPDATE_GAS_SNAPSHOT === "1") writeFileSync(SNAPSHOT, `${JSON.stringify(measured, null, 2)}\n`);
  });

  for (const [key, goal] of Object.entries(GOALS)) {
    it(`${key} costs at most ${goal}`, () => {
      expect(measured[key]).to.be.at.most(goal);
    });
  }

  it("equals the committed snapshot (UPDATE_GAS_SNAPSHOT=1 writes it)", () => {
    expect(existsSync(SNAPSHOT)).to.equal(true);
    expect(measured).to.deep.equal(JSON.parse(readFileSync(SNAPSHOT, "utf8")));
  });
});
