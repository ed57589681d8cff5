import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { concat, getBytes, hexlify, id, toBeHex, Wallet, ZeroAddress, ZeroHash } from "ethers";
import { at, Code, land, open, REWARD, type Stage, Status, setStage } from "../helpers/fixture";
import { args, HALF_ORDER, highS, type Job } from "../helpers/job";
import { commitmentOf, hubDomain, RESULT, type Statement, sign } from "../helpers/statements";
import { as, enclaveKey, IMAGE, IMAGE_HARDWARE, now, PROFILE } from "../helpers/world";

describe("InferenceHub.fulfill", () => {
  const stage = () => setStage();

  /** The rejection of a result whose signed struct was changed. */
  async function rejected(s: Stage, job: Job, change: Partial<Statement>, issuedAt?: bigint) {
    const r = job.result(s.aliceKey, issuedAt ?? (await now(s.user)), { change });
    return expect(as(s.hub, s.stranger).fulfill(...args(r)));
  }

  it("lands a result sent by anyone, credits the signer's operator and keeps a commitment", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const requestedAt = await now(s.user);
    const r = job.result(s.aliceKey, requestedAt);
    const landedAt = await at(requestedAt + 50n);
    await expect(as(s.hub, s.stranger).fulfill(...args(r)))
      .to.emit(s.hub, "Fulfilled")
      .withArgs(job.requestId, new Wallet(s.aliceKey).address, r.hash);
    const commitment = commitmentOf(r.hash, new Wallet(s.aliceKey).address, requestedAt);
    expect(await s.hub.statusOf(job.requestId)).to.deep.equal([Status.Fulfilled, landedAt, commitment]);
    expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
    expect(await s.hub.creditOf(await s.alice.getAddress())).to.equal(0n);
  });

  it("lands at the deadline and not a second later", async () => {
    const s = await loadFixture(stage);
    const deadline = (await now(s.user)) + 1000n;
    const [first, second] = [await open(s, { deadline }), await open(s, { deadline })];
    await at(deadline);
    await as(s.hub, s.stranger).fulfill(...args(first.result(s.aliceKey, deadline)));
    await at(deadline + 1n);
    await expect(as(s.hub, s.stranger).fulfill(...args(second.result(s.aliceKey, deadline))))
      .to.be.revertedWithCustomError(s.hub, "HubDeadlinePassed")
      .withArgs(second.requestId, deadline, deadline + 1n);
  });

  it("lands once", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const r = await land(s, job);
    await expect(as(s.hub, s.alice).fulfill(...args(r)))
      .to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen")
      .withArgs(job.requestId, Status.Fulfilled);
  });

  it("knows no request whose parts were changed", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const r = job.result(s.aliceKey, await now(s.user));
    const q = r.statement.request;
    for (const request of [
      { ...q, requester: await s.bob.getAddress() },
      { ...q, salt: id("x") },
      { ...q, modelHash: id("x") },
      { ...q, inputHash: id("x") },
      { ...q, terms: concat([q.terms, "0x00"]) },
      { ...q, terms: "0x" },
      { ...q, rewardWei: q.rewardWei + 1n },
    ]) {
      await expect(
        as(s.hub, s.alice).fulfill({ ...r.statement, request }, r.output, r.proof),
      ).to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen");
    }
  });

  it("refuses an output changed by one bit, cut, extended or emptied", async () => {
    const s = await loadFixture(stage);
    const r = (await open(s)).result(s.aliceKey, await now(s.user));
    const bytes = getBytes(r.output);
    const flipped = bytes.map((b, i) => (i === 31 ? b ^ 1 : b));
    for (const output of [hexlify(flipped), hexlify(bytes.slice(1)), concat([r.output, "0x00"]), "0x"]) {
      await expect(as(s.hub, s.alice).fulfill(r.statement, output, r.proof)).to.be.revertedWithCustomError(
        s.hub,
        "HubSignerNotUsable",
      );
    }
  });

  it("refuses a statement signed for another request, requester, model, input, context, profile or fee", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const other = await open(s);
    const t = await now(s.user);
    const honest = job.result(s.aliceKey, t);
    for (const change of [
      { requestId: other.requestId },
      { requestId: ZeroHash },
      // The portable mode: for nobody's request.
      { requestId: ZeroHash, requester: ZeroAddress },
      { requester: await s.bob.getAddress() },
      { modelHash: id("x") },
      { inputHash: id("x") },
      { contextRoot: id("x") },
      { runtimeProfile: id("x") },
      { feeWei: 1n },
      { issuedAt: t - 1n },
      { expiresAt: t + 1n },
    ]) {
      const proof = sign(s.aliceKey, s.domain, RESULT, job.statement(t, change));
      await expect(
        as(s.hub, s.alice).fulfill(honest.statement, honest.output, proof),
        JSON.stringify(Object.keys(change)),
      ).to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable");
    }
  });

  it("refuses a signature made for another chain, hub or domain", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const t = await now(s.user);
    const r = job.result(s.aliceKey, t);
    for (const domain of [
      hubDomain(1n, String(s.hub.target)),
      hubDomain(s.chainId, String(s.registry.target)),
      { ...s.domain, name: "AssayRegistry" },
      { ...s.domain, version: "2" },
    ]) {
      const proof = sign(s.aliceKey, domain, RESULT, job.statement(t));
      await expect(as(s.hub, s.alice).fulfill(r.statement, r.output, proof)).to.be.revertedWithCustomError(
        s.hub,
        "HubSignerNotUsable",
      );
    }
  });

  it("takes exactly one form of signature: 64 bytes with low s", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const r = job.result(s.aliceKey, await now(s.user));
    const high = highS(r.proof);
    const justHigh = concat([r.proof.slice(0, 66), toBeHex(HALF_ORDER + 1n, 32)]);
    for (const proof of ["0x", r.proof.slice(0, -2), `${r.proof}00`, high.full, justHigh, `0x${"00".repeat(64)}`]) {
      await expect(as(s.hub, s.alice).fulfill(r.statement, r.output, proof))
        .to.be.revertedWithCustomError(s.hub, "HubBadProof")
        .withArgs(job.requestId);
    }
    await expect(as(s.hub, s.alice).fulfill(r.statement, r.output, high.compact)).to.be.reverted;
  });

  it("bounds what a statement claims about time", async () => {
    const s = await loadFixture(stage);
    const deadline = (await now(s.user)) + 200_000n;
    const job = await open(s, { deadline });
    const t = (await now(s.user)) + 100_000n;
    await time.setNextBlockTimestamp(t);
    await (await rejected(s, job, {}, t + 121n)).to.be
      .revertedWithCustomError(s.hub, "HubIssuedInFuture")
      .withArgs(job.requestId, t + 121n, t);
    await (await rejected(s, job, { expiresAt: t }, t - 10n)).to.be
      .revertedWithCustomError(s.hub, "HubStatementExpired")
      .withArgs(job.requestId, t, t);
    await (await rejected(s, job, { expiresAt: t + 86_401n }, t)).to.be
      .revertedWithCustomError(s.hub, "HubLifetimeTooLong")
      .withArgs(job.requestId, t, t + 86_401n);
    const edge = job.result(s.aliceKey, t + 120n, { change: { expiresAt: t + 120n + 86_400n } });
    await expect(as(s.hub, s.stranger).fulfill.staticCall(...args(edge))).to.be.revertedWithCustomError(
      s.hub,
      "HubSignerNotUsable",
    );
  });

  it("takes the edges of those bounds", async () => {
    const s = await loadFixture(stage);
    const t = (await now(s.user)) + 10n;
    const [a, b] = [await open(s), await open(s)];
    await at(t);
    const future = a.result(s.aliceKey, t + 120n, { change: { expiresAt: t + 120n + 86_400n } });
    await expect(as(s.hub, s.stranger).fulfill(...args(future))).to.emit(s.hub, "Fulfilled");
    await at(t);
    const ending = b.result(s.aliceKey, t - 86_399n, { change: { expiresAt: t + 1n } });
    await expect(as(s.hub, s.stranger).fulfill(...args(ending))).to.emit(s.hub, "Fulfilled");
  });

  it("demands the profile of the terms, and any where they name none", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { profile: PROFILE });
    await (await rejected(s, job, { runtimeProfile: id("other") })).to.be
      .revertedWithCustomError(s.hub, "HubProfileMismatch")
      .withArgs(job.requestId, PROFILE, id("other"));
    await land(s, job);
    const free = await open(s);
    const r = free.result(s.aliceKey, await now(s.user), { change: { runtimeProfile: id("other") } });
    await as(s.hub, s.stranger).fulfill(...args(r));
  });

  it("demands the context of the terms", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { contextRoot: id("context") });
    await (await rejected(s, job, {})).to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable");
    const r = job.result(s.aliceKey, await now(s.user), { change: { contextRoot: id("context") } });
    await as(s.hub, s.stranger).fulfill(...args(r));
  });

  it("demands the assigned operator", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { assignedOperator: 2 });
    await (await rejected(s, job, {})).to.be
      .revertedWithCustomError(s.hub, "HubWrongOperator")
      .withArgs(job.requestId, 2, 1);
    const r = job.result(s.bobKey, await now(s.user));
    await as(s.hub, s.stranger).fulfill(...args(r));
    expect(await s.hub.operatorCreditOf(2)).to.equal(REWARD);
  });

  it("passes on why the registry does not vouch for a key", async () => {
    const s = await loadFixture(stage);
    const signer = new Wallet(s.aliceKey).address;
    const unknown = enclaveKey("unknown");
    const job = await open(s);
    const r = job.result(unknown, await now(s.user));
    await expect(as(s.hub, s.stranger).fulfill(...args(r)))
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(job.requestId, new Wallet(unknown).address, Code.SIGNER_UNKNOWN);
    const trusting = await open(s, { minTrust: 4 });
    await (await rejected(s, trusting, {})).to.be
      .revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(trusting.requestId, signer, Code.TRUST_TOO_LOW);
    const pinned = await open(s, { imageId: IMAGE_HARDWARE, profile: PROFILE });
    await (await rejected(s, pinned, {})).to.be
      .revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(pinned.requestId, signer, Code.IMAGE_MISMATCH);
    await land(s, await open(s, { imageId: IMAGE, profile: PROFILE }));
    await as(s.registry, s.deployer).revokeImage(IMAGE, 0);
    await (await rejected(s, job, {})).to.be
      .revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(job.requestId, signer, Code.IMAGE_REVOKED);
  });

  it("no time that a statement claims makes a closed key valid", async () => {
    const s = await loadFixture(stage);
    const job = await open(s);
    const before = await now(s.user);
    await as(s.registry, s.alice).close(new Wallet(s.aliceKey).address);
    await (await rejected(s, job, {}, before - 10n)).to.be
      .revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(job.requestId, new Wallet(s.aliceKey).address, Code.SIGNER_CLOSED);
  });

  it("lands nothing of a key whose heartbeat is overdue or whose epoch has ended, and keeps the request open", async () => {
    const s = await loadFixture(stage);
    const signer = new Wallet(s.aliceKey).address;
    const job = await open(s, { deadline: (await now(s.user)) + 200_000n });
    const { heartbeatDue, epochEnd } = await s.registry.lifeOf(signer);
    for (const [since, code] of [
      [heartbeatDue, Code.HEARTBEAT_OVERDUE],
      [epochEnd, Code.EPOCH_ENDED],
    ] as const) {
      await time.increaseTo(since);
      await (await rejected(s, job, {})).to.be
        .revertedWithCustomError(s.hub, "HubSignerNotUsable")
        .withArgs(job.requestId, signer, code);
    }
    expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.Open);
  });

  it("a request without reward lands and credits nothing", async () => {
    const s = await loadFixture(stage);
    await land(s, await open(s, {}, { rewardWei: 0n }));
    expect(await s.hub.operatorCreditOf(1)).to.equal(0n);
  });

  describe("wasAuthentic", () => {
    it("recognises what landed, and nothing else", async () => {
      const s = await loadFixture(stage);
      const job = await open(s);
      const requestedAt = await now(s.user);
      const signer = new Wallet(s.aliceKey).address;
      expect(await s.hub.wasAuthentic(job.requestId, id("any"), signer, requestedAt)).to.equal(false);
      const { hash } = await land(s, job);
      expect(await s.hub.wasAuthentic(job.requestId, hash, signer, requestedAt)).to.equal(true);
      expect(await s.hub.wasAuthentic(job.requestId, id("x"), signer, requestedAt)).to.equal(false);
      expect(await s.hub.wasAuthentic(job.requestId, hash, new Wallet(s.bobKey).address, requestedAt)).to.equal(false);
      expect(await s.hub.wasAuthentic(job.requestId, hash, signer, requestedAt + 1n)).to.equal(false);
      expect(await s.hub.wasAuthentic(ZeroHash, hash, signer, requestedAt)).to.equal(false);
    });

    it("outlives the key, and ends at the moment of a compromise", async () => {
      const s = await loadFixture(stage);
      const job = await open(s);
      const requestedAt = await now(s.user);
      const signer = new Wallet(s.aliceKey).address;
      const { hash } = await land(s, job);
      const landedAt = await now(s.user);
      await as(s.registry, s.alice).close(signer);
      await time.increase(200_000);
      expect(await s.hub.wasAuthentic(job.requestId, hash, signer, requestedAt)).to.equal(true);
      await as(s.registry, s.deployer).revokeImage(IMAGE, landedAt);
      expect(await s.hub.wasAuthentic(job.requestId, hash, signer, requestedAt)).to.equal(false);
    });
  });
});
