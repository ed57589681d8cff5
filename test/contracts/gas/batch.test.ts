import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { GAS, item, runBatch } from "../helpers/batch";
import { CALLBACK_GAS, Code, Mode, open, REWARD, Status, setStage } from "../helpers/fixture";
import type { Job } from "../helpers/job";
import { as, mined, now } from "../helpers/world";

const stage = () => setStage();

/** Beside the gas tests, because every step of an instrumented run is kept in memory, and these burn gas by the million. */
describe("InferenceHub.fulfillBatch and gas", () => {
  it("callbacks that revert, burn or return a megabyte spoil no other item", async () => {
    const s = await loadFixture(stage);
    const plain = await open(s);
    for (const mode of [Mode.RevertWithError, Mode.BurnGas, Mode.RevertMegabyte]) {
      await s.requester.setMode(mode);
      const evil = await open(s, { callbackGas: 3_000_000 });
      const after = await open(s);
      const t = await now(s.user);
      const { codes } = await runBatch(
        s,
        [evil, after].map((job) => item(job.result(s.aliceKey, t))),
      );
      expect(codes).to.deep.equal([Code.OK, Code.OK]);
      expect((await s.hub.statusOf(evil.requestId)).status).to.equal(Status.CallbackFailed);
      expect((await s.hub.statusOf(after.requestId)).status).to.equal(Status.Fulfilled);
    }
    expect(await s.hub.operatorCreditOf(1)).to.equal(6n * REWARD);
    expect((await s.hub.statusOf(plain.requestId)).status).to.equal(Status.Open);
  });

  it("never starves a callback and never reverts for one, at any gas limit", async () => {
    const s = await loadFixture(stage);
    const counts = { landed: 0, rejected: 0 };
    for (let limit = 620_000; limit <= 760_000; limit += 4_000) {
      const jobs = [await open(s), await open(s, { callbackGas: CALLBACK_GAS })];
      const t = await now(s.user);
      const before = await s.requester.calls();
      const items = jobs.map((job) => item(job.result(s.aliceKey, t)));
      await mined(as(s.hub, s.alice).fulfillBatch(items, { gasLimit: limit }));
      if ((await s.requester.calls()) === before) {
        counts.rejected += 1;
        expect((await s.hub.statusOf(jobs[1]?.requestId)).status).to.equal(Status.Open);
      } else {
        counts.landed += 1;
        expect(await s.requester.gasSeen()).to.be.within(CALLBACK_GAS - 1_500, CALLBACK_GAS);
      }
    }
    expect(counts.landed).to.be.above(3);
    expect(counts.rejected).to.be.above(3);
  });

  it("at any gas limit, a callback that burns everything after the dearest credits is still recorded", async () => {
    const counts = { landed: 0, rejected: 0 };
    for (let limit = 610_000; limit <= 790_000; limit += 6_000) {
      // Both credit slots are zero, so both are written at full price between the check and the callback.
      const s = await loadFixture(stage);
      await s.requester.setMode(Mode.BurnGas);
      const jobs = [await open(s), await open(s, { callbackGas: CALLBACK_GAS })] as const;
      const t = await now(s.user);
      const items = [jobs[0].result(s.bobKey, t), jobs[1].result(s.aliceKey, t)].map(item);
      await mined(as(s.hub, s.alice).fulfillBatch(items, { gasLimit: limit }));
      const { status } = await s.hub.statusOf(jobs[1].requestId);
      expect(status).to.be.oneOf([Status.Open, Status.CallbackFailed]);
      counts[status === Status.Open ? "rejected" : "landed"] += 1;
      expect(await s.hub.operatorCreditOf(1)).to.equal(status === Status.Open ? 0n : REWARD);
    }
    expect(counts.landed).to.be.above(3);
    expect(counts.rejected).to.be.above(3);
  });

  it("lands 128 items in one transaction", async () => {
    const s = await loadFixture(stage);
    const jobs: Job[] = [];
    for (let i = 0; i < 128; i += 1) jobs.push(await open(s, {}, { rewardWei: 3n }));
    const t = await now(s.user);
    await mined(
      as(s.hub, s.stranger).fulfillBatch(
        jobs.map((job) => item(job.result(s.aliceKey, t))),
        GAS,
      ),
    );
    expect(await s.hub.operatorCreditOf(1)).to.equal(384n);
  });
});
