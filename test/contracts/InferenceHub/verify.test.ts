import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, keccak256, TypedDataEncoder, Wallet, ZeroAddress, ZeroHash } from "ethers";
import { Code, open, type Stage, setStage } from "../helpers/fixture";
import { INPUT, MODEL, OUTPUT } from "../helpers/job";
import { RESULT, type Statement, sign, statement } from "../helpers/statements";
import { as, enclaveKey, IMAGE, IMAGE_HARDWARE, now, PROFILE } from "../helpers/world";

describe("InferenceHub.verify", () => {
  const stage = () => setStage();

  async function prepared(s: Stage, change: Partial<Statement> = {}) {
    const t = await now(s.user);
    const signed = statement({
      modelHash: MODEL,
      inputHash: keccak256(INPUT),
      outputHash: keccak256(OUTPUT),
      issuedAt: t,
      expiresAt: t + 3600n,
      ...change,
    });
    const expected = {
      modelHash: MODEL,
      inputHash: keccak256(INPUT),
      contextRoot: ZeroHash,
      profile: PROFILE,
      imageId: IMAGE,
      minTrust: 3,
      maxAgeSeconds: 600,
    };
    return { t, signed, expected, proof: sign(s.aliceKey, s.domain, RESULT, signed), output: OUTPUT };
  }

  type Prepared = Awaited<ReturnType<typeof prepared>>;
  const run = (s: Stage, p: Prepared, change: Partial<Prepared["expected"]> = {}, sender = s.user) =>
    as(s.hub, sender).verify({ ...p.expected, ...change }, p.output, p.signed, p.proof);

  it("answers signer and trust of a portable result, to anyone", async () => {
    const s = await loadFixture(stage);
    const p = await prepared(s);
    for (const sender of [s.user, s.stranger]) {
      expect(await run(s, p, {}, sender)).to.deep.equal([new Wallet(s.aliceKey).address, 3n]);
    }
    expect(await run(s, p, { profile: ZeroHash, imageId: ZeroHash, minTrust: 1 })).to.have.lengthOf(2);
  });

  it("takes a statement made for the caller, bound or not, with its context", async () => {
    const s = await loadFixture(stage);
    const requester = await s.user.getAddress();
    const job = await open(s);
    for (const change of [
      { requester },
      { requester, requestId: job.requestId },
      { requester, requestId: id("elsewhere"), contextRoot: id("context") },
    ]) {
      const p = await prepared(s, change);
      const contextRoot = change.contextRoot ?? ZeroHash;
      expect((await run(s, p, { contextRoot }))[1]).to.equal(3n);
      await expect(run(s, p, { contextRoot }, s.stranger))
        .to.be.revertedWithCustomError(s.hub, "HubNotForCaller")
        .withArgs(p.signed.requestId, requester, await s.stranger.getAddress());
    }
  });

  it("takes no half-portable statement", async () => {
    const s = await loadFixture(stage);
    const bound = await prepared(s, { requestId: id("r") });
    await expect(run(s, bound))
      .to.be.revertedWithCustomError(s.hub, "HubNotForCaller")
      .withArgs(id("r"), ZeroAddress, await s.user.getAddress());
    const context = await prepared(s, { contextRoot: id("c") });
    await expect(run(s, context, { contextRoot: id("c") }))
      .to.be.revertedWithCustomError(s.hub, "HubContextMismatch")
      .withArgs(ZeroHash, id("c"));
  });

  it("compares every expectation", async () => {
    const s = await loadFixture(stage);
    const p = await prepared(s);
    const other = id("other");
    const signer = new Wallet(s.aliceKey).address;
    await expect(run(s, p, { modelHash: other }))
      .to.be.revertedWithCustomError(s.hub, "HubModelMismatch")
      .withArgs(other, MODEL);
    await expect(run(s, p, { inputHash: other }))
      .to.be.revertedWithCustomError(s.hub, "HubInputMismatch")
      .withArgs(other, keccak256(INPUT));
    await expect(run(s, p, { contextRoot: other }))
      .to.be.revertedWithCustomError(s.hub, "HubContextMismatch")
      .withArgs(other, ZeroHash);
    await expect(run(s, p, { profile: other }))
      .to.be.revertedWithCustomError(s.hub, "HubProfileMismatch")
      .withArgs(ZeroHash, other, PROFILE);
    await expect(run(s, p, { imageId: IMAGE_HARDWARE }))
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(ZeroHash, signer, Code.IMAGE_MISMATCH);
    await expect(run(s, p, { minTrust: 4 }))
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(ZeroHash, signer, Code.TRUST_TOO_LOW);
    await expect(run(s, p, { maxAgeSeconds: 0 })).to.be.revertedWithCustomError(s.hub, "HubMaxAgeZero");
    await expect(run(s, p, { minTrust: 0 })).to.be.revertedWithCustomError(s.hub, "HubMinTrustInvalid").withArgs(0);
  });

  it("takes a minimum trust of 0 where development enclaves are allowed", async () => {
    const s = await setStage({ developmentLevelAllowed: true });
    expect((await run(s, await prepared(s), { minTrust: 0 }))[1]).to.equal(3n);
  });

  it("refuses another output and every field changed after signing", async () => {
    const s = await loadFixture(stage);
    const p = await prepared(s);
    await expect(as(s.hub, s.user).verify(p.expected, "0x11", p.signed, p.proof))
      .to.be.revertedWithCustomError(s.hub, "HubOutputMismatch")
      .withArgs(keccak256(OUTPUT), keccak256("0x11"));
    for (const change of [{ feeWei: 1n }, { issuedAt: p.t - 1n }, { expiresAt: p.t + 1n }]) {
      await expect(run(s, { ...p, signed: { ...p.signed, ...change } })).to.be.revertedWithCustomError(
        s.hub,
        "HubSignerNotUsable",
      );
    }
    const requester = await s.user.getAddress();
    await expect(run(s, { ...p, signed: { ...p.signed, requester } })).to.be.revertedWithCustomError(
      s.hub,
      "HubSignerNotUsable",
    );
  });

  it("bounds the statement's times and its age", async () => {
    const s = await loadFixture(stage);
    const at = async (p: Prepared, seconds: bigint) => {
      await time.increaseTo(seconds);
      return run(s, p);
    };
    const p = await prepared(s);
    await expect(run(s, await prepared(s, { issuedAt: p.t + 200n }))).to.be.revertedWithCustomError(
      s.hub,
      "HubIssuedInFuture",
    );
    await expect(run(s, await prepared(s, { expiresAt: p.t }))).to.be.revertedWithCustomError(s.hub, "HubStatementExpired");
    await expect(run(s, await prepared(s, { expiresAt: p.t + 90_000n }))).to.be.revertedWithCustomError(
      s.hub,
      "HubLifetimeTooLong",
    );
    expect((await at(p, p.t + 599n))[1]).to.equal(3n);
    await expect(at(p, p.t + 602n)).to.be.revertedWithCustomError(s.hub, "HubStatementTooOld");
  });

  it("refuses a bad proof and an unknown key", async () => {
    const s = await loadFixture(stage);
    const p = await prepared(s);
    await expect(run(s, { ...p, proof: "0x" })).to.be.revertedWithCustomError(s.hub, "HubBadProof").withArgs(ZeroHash);
    const key = enclaveKey("unknown");
    await expect(run(s, { ...p, proof: sign(key, s.domain, RESULT, p.signed) }))
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(ZeroHash, new Wallet(key).address, Code.SIGNER_UNKNOWN);
  });

  it("has the domain of the protocol and the registry it was built with", async () => {
    const s = await loadFixture(stage);
    expect(await s.hub.domainSeparator()).to.equal(TypedDataEncoder.hashDomain(s.domain));
    expect(await s.registry.hubDomain()).to.equal(TypedDataEncoder.hashDomain(s.domain));
    expect(await s.hub.registry()).to.equal(s.registry.target);
    expect(await s.registry.hub()).to.equal(s.hub.target);
  });
});
