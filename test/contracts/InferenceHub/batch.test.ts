import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, Wallet } from "ethers";
import { item, runBatch } from "../helpers/batch";
import { CALLBACK_GAS, Code, land, open, REWARD, Status, setStage } from "../helpers/fixture";
import type { Job } from "../helpers/job";
import { as, IMAGE, mined, now, PROFILE } from "../helpers/world";

describe("InferenceHub.fulfillBatch", () => {
  const stage = () => setStage();

  it("takes an empty batch", async () => {
    const s = await loadFixture(stage);
    expect((await runBatch(s, [])).codes).to.deep.equal([]);
  });

  it("credits each item's own operator, however they are mixed", async () => {
    const s = await loadFixture(stage);
    const keys = [s.aliceKey, s.bobKey, s.bobKey, s.aliceKey, s.bobKey, s.aliceKey, s.aliceKey];
    const opened: Job[] = [];
    for (const i of keys.keys()) opened.push(await open(s, {}, { rewardWei: 10n ** BigInt(i) }));
    const t = await now(s.user);
    const { codes } = await runBatch(
      s,
      opened.map((job, i) => item(job.result(keys[i] ?? s.aliceKey, t))),
    );
    expect(codes).to.deep.equal(keys.map(() => Code.OK));
    expect(await s.hub.operatorCreditOf(1)).to.equal(1_101_001n);
    expect(await s.hub.operatorCreditOf(2)).to.equal(10_110n);
  });

  it("says of each bad item why, and lands the others", async () => {
    const s = await loadFixture(stage);
    const t = await now(s.user);
    const good = [await open(s), await open(s)] as const;
    const landed = await open(s);
    await land(s, landed);
    const assigned = await open(s, { assignedOperator: 2 });
    const profiled = await open(s, { profile: PROFILE });
    const [early, late, long, forged, strange] = [
      await open(s),
      await open(s),
      await open(s),
      await open(s),
      await open(s),
    ];
    const called = await open(s, { callbackGas: CALLBACK_GAS });
    const strict = await open(s, { minTrust: 4 });
    const pinned = await open(s, { imageId: id("other image") });
    const items = [
      good[0].result(s.aliceKey, t),
      landed.result(s.aliceKey, t),
      assigned.result(s.aliceKey, t),
      profiled.result(s.aliceKey, t, { change: { runtimeProfile: id("x") } }),
      early.result(s.aliceKey, t + 10_000n),
      late.result(s.aliceKey, t, { change: { expiresAt: t } }),
      long.result(s.aliceKey, t, { change: { expiresAt: t + 86_401n } }),
      { ...forged.result(s.aliceKey, t), proof: "0x1234" },
      { ...strange.result(s.aliceKey, t), output: "0x99" },
      called.result(s.bobKey, t),
      strict.result(s.aliceKey, t),
      pinned.result(s.aliceKey, t),
      good[1].result(s.aliceKey, t),
    ].map(item);
    const expected = [
      Code.OK,
      Code.NOT_OPEN,
      Code.WRONG_OPERATOR,
      Code.PROFILE_MISMATCH,
      Code.ISSUED_IN_FUTURE,
      Code.STATEMENT_EXPIRED,
      Code.LIFETIME_TOO_LONG,
      Code.BAD_PROOF,
      Code.SIGNER_UNKNOWN,
      Code.CALLER_NOT_ALLOWED,
      Code.TRUST_TOO_LOW,
      Code.IMAGE_MISMATCH,
      Code.OK,
    ];
    const { codes, receipt } = await runBatch(s, items);
    expect(codes).to.deep.equal(expected);
    const rejected = receipt.logs
      .map((log) => s.hub.interface.parseLog(log))
      .filter((log) => log?.name === "ItemRejected")
      .map((log) => [log?.args.index, log?.args.code]);
    expect(rejected).to.deep.equal(expected.flatMap((code, i) => (code === Code.OK ? [] : [[BigInt(i), code]])));
    for (const job of good) expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.Fulfilled);
    for (const job of [assigned, profiled, early, late, long, forged, strange, called, strict, pinned]) {
      expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.Open);
    }
    expect(await s.hub.operatorCreditOf(1)).to.equal(3n * REWARD);
  });

  it("rejects what comes after its deadline, and the same item twice", async () => {
    const s = await loadFixture(stage);
    const deadline = (await now(s.user)) + 300n;
    const late = await open(s, { deadline });
    const job = await open(s);
    const t = await now(s.user);
    await as(s.registry, s.alice).setPayout(1, await s.alice.getAddress());
    const twice = item(job.result(s.aliceKey, t));
    await time.increaseTo(deadline + 5n);
    const { codes } = await runBatch(s, [item(late.result(s.aliceKey, t)), twice, twice]);
    expect(codes).to.deep.equal([Code.DEADLINE_PASSED, Code.OK, Code.NOT_OPEN]);
    expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
  });

  it("an item landed inside a callback of the batch is paid once and reported", async () => {
    const s = await loadFixture(stage);
    const first = await open(s, { callbackGas: 2_000_000 });
    const second = await open(s, { callbackGas: 300_000 });
    const third = await open(s);
    const t = await now(s.user);
    const { hash: _, ...inner } = second.result(s.bobKey, t);
    const data = s.hub.interface.encodeFunctionData("fulfill", [inner.statement, inner.output, inner.proof]);
    await s.requester.setProgram([{ target: s.hub.target, data }]);
    const items = [first.result(s.aliceKey, t), second.result(s.aliceKey, t), third.result(s.aliceKey, t)].map(item);
    const { codes } = await runBatch(s, items);
    expect(codes).to.deep.equal([Code.OK, Code.NOT_OPEN, Code.OK]);
    expect(await s.hub.operatorCreditOf(1)).to.equal(2n * REWARD);
    expect(await s.hub.operatorCreditOf(2)).to.equal(REWARD);
  });

  it("a withdrawal inside a callback takes exactly what was earned before it", async () => {
    const s = await loadFixture(stage);
    const payout = Wallet.createRandom().address;
    await as(s.registry, s.alice).setPayout(1, payout);
    const jobs = [await open(s), await open(s), await open(s, { callbackGas: 2_000_000 }), await open(s)];
    const t = await now(s.user);
    const data = s.hub.interface.encodeFunctionData("withdrawOperator", [1]);
    await s.requester.setProgram([{ target: s.hub.target, data }]);
    const { codes } = await runBatch(
      s,
      jobs.map((job) => item(job.result(s.aliceKey, t))),
    );
    expect(codes).to.deep.equal([Code.OK, Code.OK, Code.OK, Code.OK]);
    expect(await s.user.provider?.getBalance(payout)).to.equal(3n * REWARD);
    expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
  });

  it("asks the registry anew after foreign code has run", async () => {
    const s = await loadFixture(stage);
    await as(s.registry, s.alice).setPoster(1, s.requester.target, true);
    const jobs = [
      await open(s),
      await open(s, { callbackGas: 2_000_000 }),
      await open(s),
      await open(s, { callbackGas: 9 }),
    ];
    const t = await now(s.user);
    const data = s.registry.interface.encodeFunctionData("close", [new Wallet(s.aliceKey).address]);
    await s.requester.setProgram([{ target: s.registry.target, data }]);
    const { codes } = await runBatch(
      s,
      jobs.map((job) => item(job.result(s.aliceKey, t))),
    );
    expect(codes).to.deep.equal([Code.OK, Code.OK, Code.SIGNER_CLOSED, Code.SIGNER_CLOSED]);
    expect(await s.hub.operatorCreditOf(1)).to.equal(2n * REWARD);
  });

  it("does not confuse two demands on one key", async () => {
    const s = await loadFixture(stage);
    const jobs = [
      await open(s),
      await open(s, { minTrust: 4 }),
      await open(s, { callbackGas: CALLBACK_GAS }),
      await open(s, { minTrust: 4 }),
      await open(s, { imageId: IMAGE }),
      await open(s, { imageId: id("x") }),
      await open(s),
    ];
    const t = await now(s.user);
    const { codes } = await runBatch(
      s,
      jobs.map((job) => item(job.result(s.aliceKey, t))),
    );
    expect(codes).to.deep.equal([
      Code.OK,
      Code.TRUST_TOO_LOW,
      Code.OK,
      Code.TRUST_TOO_LOW,
      Code.OK,
      Code.IMAGE_MISMATCH,
      Code.OK,
    ]);
  });

  it("rejects an item whose callback it could starve, keeps it open, and lands the rest", async () => {
    const s = await loadFixture(stage);
    const jobs = [await open(s), await open(s, { callbackGas: 3_000_000 }), await open(s)];
    const t = await now(s.user);
    const items = jobs.map((job) => item(job.result(s.aliceKey, t)));
    await mined(as(s.hub, s.alice).fulfillBatch(items, { gasLimit: 2_000_000 }));
    const statuses = await Promise.all(jobs.map(async (job) => (await s.hub.statusOf(job.requestId)).status));
    expect(statuses).to.deep.equal([Status.Fulfilled, Status.Open, Status.Fulfilled]);
    expect(await s.requester.calls()).to.equal(0n);
  });
});
