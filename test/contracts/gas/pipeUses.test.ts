import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import hre from "hardhat";
import { fresh, hubCall, QUESTION, syncStage } from "../helpers/sync";
import { as, mined } from "../helpers/world";

const stage = () => syncStage();
const FEE = 100n;

/** Beside the gas tests, because every step of an instrumented run is kept in memory, and these are millions. */
describe("PIPE: many uses", () => {
  it("1,000 uses in one transaction cost the consumer nothing", async () => {
    const s = await loadFixture(stage);
    await mined(s.probe.run([hubCall(s, "deposit", [], 1_000n)]));
    await mined(as(s.hub, s.stranger).publish([await fresh(s, { feeWei: FEE })], { value: FEE }));
    const before = await hre.ethers.provider.getBalance(s.probe.target);
    await mined(as(s.probe, s.stranger).useOften(1_000, ...QUESTION, { gasLimit: 16_000_000 }));
    expect(await hre.ethers.provider.getBalance(s.probe.target)).to.equal(before);
    expect(await s.hub.creditOf(s.probe.target)).to.equal(1_000n);
    expect(await s.hub.operatorCreditOf(1)).to.equal(FEE);
  });
});
