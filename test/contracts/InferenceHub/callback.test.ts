import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, type Signer, Wallet } from "ethers";
import { at, CALLBACK_GAS, land, Mode, open, REWARD, type Stage, Status, setStage } from "../helpers/fixture";
import { args, INPUT, Job, MODEL, OUTPUT } from "../helpers/job";
import { encodeTerms } from "../helpers/terms";
import { as, IMAGE, mined, now, PROFILE } from "../helpers/world";

describe("InferenceHub callbacks", () => {
  const stage = () => setStage();

  it("hands over the answer, its times and its signer, and the exact output", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { callbackGas: CALLBACK_GAS });
    const requestedAt = await now(s.user);
    for (const [length, salt] of [
      [0, "a"],
      [1, "b"],
      [32, "c"],
      [33, "d"],
      [1000, "e"],
    ] as const) {
      const terms = encodeTerms({ deadline: requestedAt + 900n, callbackGas: 2_000_000 });
      const j = new Job(s.domain, { requester: String(s.requester.target), terms, salt: id(salt), rewardWei: 0n });
      await s.requester.ask(MODEL, INPUT, terms, id(salt));
      const asked = await now(s.user);
      const output = `0x${"c7".repeat(length)}`;
      await as(s.hub, s.alice).fulfill(...args(j.result(s.aliceKey, requestedAt, { output })));
      expect(await s.requester.output()).to.equal(output);
      expect(await s.requester.answer()).to.deep.equal([
        j.requestId,
        MODEL,
        j.data.inputHash,
        PROFILE,
        asked,
        await now(s.user),
        new Wallet(s.aliceKey).address,
      ]);
    }
    await land(s, job);
    expect(await s.requester.output()).to.equal(OUTPUT);
  });

  it("is open to the requester, the signer's operator and its posters only", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { callbackGas: CALLBACK_GAS });
    const r = job.result(s.aliceKey, await now(s.user));
    for (const caller of [s.stranger, s.bob, s.user]) {
      await expect(as(s.hub, caller).fulfill(...args(r)))
        .to.be.revertedWithCustomError(s.hub, "HubCallerNotAllowed")
        .withArgs(job.requestId, await caller.getAddress());
    }
    await as(s.registry, s.alice).setPoster(1, await s.stranger.getAddress(), true);
    await as(s.hub, s.stranger).fulfill(...args(r));
    const own = await open(s, { callbackGas: CALLBACK_GAS });
    const data = s.hub.interface.encodeFunctionData("fulfill", args(own.result(s.aliceKey, await now(s.user))));
    await s.requester.act(s.hub.target, data);
    expect((await s.hub.statusOf(own.requestId)).status).to.equal(Status.Fulfilled);
    expect(await s.requester.calls()).to.equal(2n);
  });

  for (const [name, mode, reason, callbackGas = 5_000_000] of [
    ["reverts with an error", "RevertWithError", id("Refused(uint256)").slice(0, 10)],
    ["reverts with nothing", "RevertEmpty", "0x00000000"],
    ["burns all its gas", "BurnGas", "0x00000000", 500_000],
    ["reverts with a megabyte", "RevertMegabyte", "0xdeadbeef"],
  ] as const) {
    it(`one that ${name} blocks no payment and is recorded`, async () => {
      const s = await loadFixture(stage);
      await s.requester.setMode(Mode[mode]);
      const job = await open(s, { callbackGas });
      const r = job.result(s.aliceKey, await now(s.user));
      const sent = as(s.hub, s.alice).fulfill(...args(r), { gasLimit: 6_000_000 });
      await expect(sent).to.emit(s.hub, "CallbackFailed").withArgs(job.requestId, reason);
      await expect(sent).to.emit(s.hub, "Fulfilled");
      const { status, commitment } = await s.hub.statusOf(job.requestId);
      expect(status).to.equal(Status.CallbackFailed);
      expect(commitment).to.not.equal(0n);
      expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
    });
  }

  it("one that returns a megabyte succeeds and costs the hub no copy", async () => {
    const s = await loadFixture(stage);
    await s.requester.setMode(Mode.ReturnMegabyte);
    const job = await open(s, { callbackGas: 5_000_000 });
    const { receipt } = await land(s, job);
    expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.Fulfilled);
    // A megabyte of memory costs 2.2M gas; twice that would be the copy.
    expect(receipt.gasUsed).to.be.below(3_000_000n);
  });

  it("a requester without code has not been answered", async () => {
    const s = await loadFixture(stage);
    const terms = encodeTerms({ deadline: (await now(s.user)) + 900n, callbackGas: 50_000 });
    const requester = await s.user.getAddress();
    const job = new Job(s.domain, { requester, terms, rewardWei: 0n });
    await as(s.hub, s.user).request(MODEL, INPUT, terms, job.data.salt);
    const sent = as(s.hub, s.alice).fulfill(...args(job.result(s.aliceKey, await now(s.user))));
    await expect(sent).to.emit(s.hub, "CallbackFailed").withArgs(job.requestId, "0x00000000");
  });

  it("can not be starved: with any gas limit it gets what it was promised, or nothing happens", async () => {
    const s = await loadFixture(stage);
    const counts = { landed: 0, tooLow: 0 };
    for (let limit = 560_000; limit <= 660_000; limit += 2_500) {
      const job = await open(s, { callbackGas: CALLBACK_GAS });
      const r = job.result(s.aliceKey, await now(s.user));
      const before = await s.requester.calls();
      try {
        await mined(as(s.hub, s.alice).fulfill(...args(r), { gasLimit: limit }));
      } catch {
        counts.tooLow += 1;
        expect(await s.requester.calls()).to.equal(before);
        expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.Open);
        continue;
      }
      counts.landed += 1;
      // Between the start of the call and the first line of the callback lie its dispatch and decoding.
      expect(await s.requester.gasSeen()).to.be.within(CALLBACK_GAS - 1_500, CALLBACK_GAS);
    }
    expect(counts.landed).to.be.above(5);
    expect(counts.tooLow).to.be.above(5);
  });

  it("names too little gas by its error", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { callbackGas: 3_000_000 });
    const r = job.result(s.aliceKey, await now(s.user));
    await expect(as(s.hub, s.alice).fulfill.staticCall(...args(r), { gasLimit: 2_000_000 }))
      .to.be.revertedWithCustomError(s.hub, "HubGasTooLow")
      .withArgs(job.requestId, 3_000_000);
  });

  describe("a callback that comes back", () => {
    /** Runs calls from inside the callback of a request that Alice lands; tells which succeeded. */
    async function runInside(s: Stage, job: Job, steps: { target: unknown; data: string }[]) {
      await s.requester.setProgram(steps);
      const { receipt } = await land(s, job);
      return { receipt, ok: await Promise.all(steps.map((_, i) => s.requester.succeeded(i))) };
    }

    const call = (s: Stage, name: string, values: readonly unknown[]) => ({
      target: s.hub.target,
      data: s.hub.interface.encodeFunctionData(name, values),
    });

    it("can not be landed, refunded or refused again", async () => {
      const s = await loadFixture(stage);
      const job = await open(s, { callbackGas: 2_000_000, retryUntil: (await now(s.user)) + 9000n });
      const t = await now(s.user);
      const r = job.result(s.aliceKey, t);
      const { ok } = await runInside(s, job, [
        call(s, "fulfill", args(r)),
        call(s, "refund", [job.data]),
        call(s, "refuse", job.refusal(s.aliceKey, t)),
        call(s, "retryCallback", [r.statement, r.output, new Wallet(s.aliceKey).address, t]),
      ]);
      expect(ok).to.deep.equal([false, false, false, false]);
      expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
    });

    it("finds the operator's credit already written, and can pay it out", async () => {
      const s = await loadFixture(stage);
      const job = await open(s, { callbackGas: 2_000_000 });
      const { ok } = await runInside(s, job, [call(s, "withdrawOperator", [1]), call(s, "withdrawOperator", [1])]);
      expect(ok).to.deep.equal([true, false]);
      expect(await s.hub.operatorCreditOf(1)).to.equal(0n);
    });

    it("can ask again and land another result of its own", async () => {
      const s = await loadFixture(stage);
      const job = await open(s, { callbackGas: 3_000_000 });
      const other = await open(s, { callbackGas: 300_000 });
      const terms = encodeTerms({ deadline: (await now(s.user)) + 900n });
      const { ok } = await runInside(s, job, [
        call(s, "request", [MODEL, INPUT, terms, id("again")]),
        call(s, "fulfill", args(other.result(s.bobKey, await now(s.user)))),
      ]);
      // The inner callback runs the same program and finds everything done, so its two steps fail between these.
      expect([ok[0], await s.requester.succeeded(3)]).to.deep.equal([true, true]);
      expect((await s.hub.statusOf(other.requestId)).status).to.equal(Status.Fulfilled);
      expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
      expect(await s.hub.operatorCreditOf(2)).to.equal(REWARD);
    });
  });

  describe("retryCallback", () => {
    /** A landed result whose callback failed, and the arguments to run it again. */
    async function failed(s: Stage, retryAfter = 90_000n) {
      await s.requester.setMode(Mode.RevertWithError);
      const job = await open(s, { callbackGas: CALLBACK_GAS, retryUntil: (await now(s.user)) + retryAfter });
      const requestedAt = await now(s.user);
      const r = await land(s, job);
      const values = [r.statement, r.output, new Wallet(s.aliceKey).address, requestedAt] as const;
      return { job, values, requestedAt, landedAt: await now(s.user), r };
    }

    it("runs it again with the first landing's times, though the key was closed and revoked meanwhile", async () => {
      const s = await loadFixture(stage);
      const { job, values, requestedAt, landedAt } = await failed(s);
      await as(s.registry, s.alice).close(new Wallet(s.aliceKey).address);
      await as(s.registry, s.deployer).revokeImage(IMAGE, 0);
      await s.requester.setMode(Mode.Record);
      await at(landedAt + 5000n);
      await expect(as(s.hub, s.alice).retryCallback(...values))
        .to.emit(s.hub, "CallbackRetried")
        .withArgs(job.requestId);
      const answer = await s.requester.answer();
      expect([answer.requestedAt, answer.fulfilledAt]).to.deep.equal([requestedAt, landedAt]);
      expect((await s.hub.statusOf(job.requestId)).slice(0, 2)).to.deep.equal([Status.Fulfilled, landedAt]);
      await expect(as(s.hub, s.alice).retryCallback(...values))
        .to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen")
        .withArgs(job.requestId, Status.Fulfilled);
    });

    it("changes nothing when it fails again, and pays nobody twice", async () => {
      const s = await loadFixture(stage);
      const { job, values } = await failed(s);
      await expect(as(s.hub, s.alice).retryCallback(...values))
        .to.be.revertedWithCustomError(s.hub, "HubCallbackFailedAgain")
        .withArgs(job.requestId, id("Refused(uint256)").slice(0, 10));
      expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.CallbackFailed);
      expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
    });

    it("ends at retryUntil, and never begins where that is 0", async () => {
      const s = await loadFixture(stage);
      const retryUntil = (await now(s.user)) + 9000n;
      await s.requester.setMode(Mode.RevertEmpty);
      const job = await open(s, { callbackGas: CALLBACK_GAS, retryUntil });
      const requestedAt = await now(s.user);
      const r = await land(s, job);
      const values = [r.statement, r.output, new Wallet(s.aliceKey).address, requestedAt] as const;
      await s.requester.setMode(Mode.Record);
      await at(retryUntil + 1n);
      await expect(as(s.hub, s.alice).retryCallback(...values))
        .to.be.revertedWithCustomError(s.hub, "HubRetryOver")
        .withArgs(job.requestId, retryUntil, retryUntil + 1n);
      const again = await loadFixture(stage);
      await again.requester.setMode(Mode.RevertEmpty);
      const never = await open(again, { callbackGas: CALLBACK_GAS });
      const landed = await land(again, never);
      await expect(
        as(again.hub, again.alice).retryCallback(landed.statement, landed.output, new Wallet(s.aliceKey).address, 0),
      ).to.be.revertedWithCustomError(again.hub, "HubRetryOver");
    });

    it("runs at retryUntil exactly", async () => {
      const s = await loadFixture(stage);
      const { values, landedAt } = await failed(s, 7200n);
      await s.requester.setMode(Mode.Record);
      await at(landedAt + 7190n);
      await expect(as(s.hub, s.alice).retryCallback(...values)).to.emit(s.hub, "CallbackRetried");
    });

    it("takes only what landed", async () => {
      const s = await loadFixture(stage);
      const { job, values, requestedAt, r } = await failed(s);
      const [statement, output, signer] = values;
      const { commitment } = await s.hub.statusOf(job.requestId);
      for (const changed of [
        [statement, "0x01", signer, requestedAt],
        [statement, output, new Wallet(s.bobKey).address, requestedAt],
        [statement, output, signer, requestedAt + 1n],
        [{ ...statement, runtimeProfile: id("x") }, output, signer, requestedAt],
        [{ ...statement, expiresAt: r.statement.expiresAt + 1n }, output, signer, requestedAt],
      ]) {
        await expect(as(s.hub, s.alice).retryCallback(...changed))
          .to.be.revertedWithCustomError(s.hub, "HubCommitmentMismatch")
          .withArgs(job.requestId, commitment, (actual: bigint) => actual !== commitment);
      }
      const request = { ...statement.request, salt: id("x") };
      await expect(
        as(s.hub, s.alice).retryCallback({ ...statement, request }, output, signer, requestedAt),
      ).to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen");
    });

    it("is open to requester, operator and posters only", async () => {
      const s = await loadFixture(stage);
      const { job, values } = await failed(s);
      await s.requester.setMode(Mode.Record);
      for (const caller of [s.stranger, s.bob] as Signer[]) {
        await expect(as(s.hub, caller).retryCallback(...values))
          .to.be.revertedWithCustomError(s.hub, "HubCallerNotAllowed")
          .withArgs(job.requestId, await caller.getAddress());
      }
      await s.requester.act(s.hub.target, s.hub.interface.encodeFunctionData("retryCallback", values));
      expect(await s.requester.calls()).to.equal(1n);
    });

    it("refuses to starve", async () => {
      const s = await loadFixture(stage);
      const { job, values } = await failed(s);
      await s.requester.setMode(Mode.Record);
      await expect(as(s.hub, s.alice).retryCallback.staticCall(...values, { gasLimit: 400_000 }))
        .to.be.revertedWithCustomError(s.hub, "HubGasTooLow")
        .withArgs(job.requestId, CALLBACK_GAS);
    });
  });
});
