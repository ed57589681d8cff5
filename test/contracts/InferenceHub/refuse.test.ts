import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { Wallet } from "ethers";
import { at, Code, land, open, REWARD, Status, setStage } from "../helpers/fixture";
import { args } from "../helpers/job";
import { REFUSAL, sign } from "../helpers/statements";
import { as, enclaveKey, IMAGE_HARDWARE, now } from "../helpers/world";

describe("InferenceHub.refuse", () => {
  const stage = () => setStage();

  it("ends the request, publishes the reason, pays the fee and gives the rest back at once", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { refusalFeeWei: 100n });
    const t = await at((await now(s.user)) + 9n);
    await expect(as(s.hub, s.stranger).refuse(...job.refusal(s.aliceKey, t, 4)))
      .to.emit(s.hub, "Refused")
      .withArgs(job.requestId, new Wallet(s.aliceKey).address, 4);
    expect(await s.hub.statusOf(job.requestId)).to.deep.equal([Status.Refused, t, 0n]);
    expect(await s.hub.operatorCreditOf(1)).to.equal(100n);
    expect(await s.hub.creditOf(await s.user.getAddress())).to.equal(REWARD - 100n);
  });

  it("gives the rest to refundTo where the terms name one", async () => {
    const s = await loadFixture(stage);
    const refundTo = await s.stranger.getAddress();
    const job = await open(s, { refundTo });
    await as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, await now(s.user)));
    expect(await s.hub.creditOf(refundTo)).to.equal(REWARD);
    expect(await s.hub.operatorCreditOf(1)).to.equal(0n);
  });

  it("does not call back", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { callbackGas: 100_000 });
    await as(s.hub, s.stranger).refuse(...job.refusal(s.aliceKey, await now(s.user)));
    expect(await s.requester.calls()).to.equal(0n);
  });

  it("ends a request for good: no second refusal, result or refund", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const t = await now(s.user);
    await as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, t));
    for (const again of [
      () => as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, t)),
      () => as(s.hub, s.alice).fulfill(...args(job.result(s.aliceKey, t))),
      () => as(s.hub, s.alice).refund(job.data),
    ]) {
      await expect(again())
        .to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen")
        .withArgs(job.requestId, Status.Refused);
    }
    const landed = await open(s);
    await land(s, landed);
    await expect(as(s.hub, s.alice).refuse(...landed.refusal(s.aliceKey, await now(s.user))))
      .to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen")
      .withArgs(landed.requestId, Status.Fulfilled);
  });

  it("is too late after the deadline", async () => {
    const s = await loadFixture(stage);
    const deadline = (await now(s.user)) + 50n;
    const [edge, late] = [await open(s, { deadline }), await open(s, { deadline })];
    const t = await now(s.user);
    await at(deadline);
    await as(s.hub, s.alice).refuse(...edge.refusal(s.aliceKey, t));
    await at(deadline + 1n);
    await expect(as(s.hub, s.alice).refuse(...late.refusal(s.aliceKey, t)))
      .to.be.revertedWithCustomError(s.hub, "HubDeadlinePassed")
      .withArgs(late.requestId, deadline, deadline + 1n);
  });

  it("demands what a result demands: time, key, trust, image, operator", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const t = await now(s.user);
    await at(t);
    const refuse = (values: ReturnType<typeof job.refusal>) => expect(as(s.hub, s.alice).refuse(...values));
    await (await refuse(job.refusal(s.aliceKey, t + 121n))).to.be
      .revertedWithCustomError(s.hub, "HubIssuedInFuture")
      .withArgs(job.requestId, t + 121n, t);
    await (await refuse(job.refusal(s.aliceKey, t, 3, t))).to.be.revertedWithCustomError(s.hub, "HubStatementExpired");
    await (await refuse(job.refusal(s.aliceKey, t, 3, t + 86_401n))).to.be.revertedWithCustomError(
      s.hub,
      "HubLifetimeTooLong",
    );
    const unknown = enclaveKey("unknown");
    await (await refuse(job.refusal(unknown, t))).to.be
      .revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(job.requestId, new Wallet(unknown).address, Code.SIGNER_UNKNOWN);
    const [data, reason, issuedAt, expiresAt, proof] = job.refusal(s.aliceKey, t);
    await expect(as(s.hub, s.alice).refuse(data, reason, issuedAt, expiresAt, "0x")).to.be.revertedWithCustomError(
      s.hub,
      "HubBadProof",
    );
    for (const changed of [
      [data, reason + 1, issuedAt, expiresAt, proof],
      [data, reason, issuedAt - 1n, expiresAt, proof],
      [data, reason, issuedAt, expiresAt + 1n, proof],
    ] as const) {
      await expect(as(s.hub, s.alice).refuse(...changed)).to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable");
    }
    const foreign = sign(s.aliceKey, { ...s.domain, chainId: 1n }, REFUSAL, {
      requestId: job.requestId,
      reason,
      issuedAt,
      expiresAt,
    });
    await expect(as(s.hub, s.alice).refuse(data, reason, issuedAt, expiresAt, foreign)).to.be.revertedWithCustomError(
      s.hub,
      "HubSignerNotUsable",
    );
    const assigned = await open(s, { assignedOperator: 2 });
    await expect(as(s.hub, s.alice).refuse(...assigned.refusal(s.aliceKey, t)))
      .to.be.revertedWithCustomError(s.hub, "HubWrongOperator")
      .withArgs(assigned.requestId, 2, 1);
    const trusting = await open(s, { minTrust: 4 });
    await expect(as(s.hub, s.alice).refuse(...trusting.refusal(s.aliceKey, t)))
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(trusting.requestId, new Wallet(s.aliceKey).address, Code.TRUST_TOO_LOW);
    const pinned = await open(s, { imageId: IMAGE_HARDWARE });
    await expect(as(s.hub, s.alice).refuse(...pinned.refusal(s.aliceKey, t)))
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(pinned.requestId, new Wallet(s.aliceKey).address, Code.IMAGE_MISMATCH);
  });

  it("a refusal of one request is none of another", async () => {
    const s = await loadFixture(stage);
    const [job, other] = [await open(s), await open(s)];
    const [, ...rest] = job.refusal(s.aliceKey, await now(s.user));
    await expect(as(s.hub, s.alice).refuse(other.data, ...rest)).to.be.revertedWithCustomError(
      s.hub,
      "HubSignerNotUsable",
    );
  });
});
