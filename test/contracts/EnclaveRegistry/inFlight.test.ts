import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, keccak256, ZeroHash } from "ethers";
import { Code, land, open, REWARD, Status } from "../helpers/fixture";
import { args, INPUT, type Job, MODEL, OUTPUT } from "../helpers/job";
import { DEMAND, keyOf, portable } from "../helpers/portable";
import { ADMISSION, RESULT, sign, statement } from "../helpers/statements";
import { inputOf, pulse, QUESTION, type SyncStage, signerOf, syncStage } from "../helpers/sync";
import { as, enclaveKey, IMAGE, mined, now, PROFILE, registrationOf } from "../helpers/world";

const DRAIN = 3_600n;
const HEARTBEAT = 3_600n;
const LONG = 20_000n;
const SIGNATURE = "0x0101017801020000000100000004";

/** Everything that Alice's key had signed before its state changed, and that nobody has landed yet. */
async function inFlight(s: SyncStage) {
  const deadline = (await now(s.user)) + LONG;
  const [answered, refused] = [await open(s, { deadline }), await open(s, { deadline, refusalFeeWei: 100n })];
  const issuedAt = await now(s.user);
  const span = { issuedAt, expiresAt: issuedAt + LONG };
  const stored = portable(s, { key: s.aliceKey, ...span });
  await mined(as(s.hub, s.stranger).publish([stored]));
  const claims = { modelHash: MODEL, inputHash: keccak256(INPUT), outputHash: keccak256(OUTPUT), ...span };
  const pulled = statement(claims);
  const admission = { modelHash: MODEL, signatureHash: keccak256(SIGNATURE), ...span };
  return {
    deadline,
    answered,
    refused,
    result: args(answered.result(s.aliceKey, issuedAt, { change: span })),
    refusal: refused.refusal(s.aliceKey, issuedAt, 3, span.expiresAt),
    another: portable(s, { key: s.aliceKey, input: inputOf("another"), ...span }),
    expected: {
      modelHash: MODEL,
      inputHash: keccak256(INPUT),
      contextRoot: ZeroHash,
      profile: PROFILE,
      imageId: IMAGE,
      minTrust: 3,
      maxAgeSeconds: LONG,
    },
    pulled,
    pulledProof: sign(s.aliceKey, s.domain, RESULT, pulled),
    admission: [MODEL, SIGNATURE, issuedAt, span.expiresAt, sign(s.aliceKey, s.domain, ADMISSION, admission)] as const,
  };
}

type InFlight = Awaited<ReturnType<typeof inFlight>>;

const pull = (s: SyncStage, f: InFlight) => s.hub.verify(f.expected, OUTPUT, f.pulled, f.pulledProof);

/** All of it lands. */
async function settles(s: SyncStage, f: InFlight): Promise<void> {
  await expect(as(s.hub, s.alice).fulfill(...f.result)).to.emit(s.hub, "Fulfilled");
  await expect(as(s.hub, s.alice).refuse(...f.refusal)).to.emit(s.hub, "Refused");
  await as(s.hub, s.stranger).provide([f.another]);
  await as(s.hub, s.stranger).publish([f.another]);
  expect(await s.hub.infer.staticCall(...QUESTION)).to.equal(OUTPUT);
  expect((await pull(s, f))[0]).to.equal(signerOf(s.aliceKey));
  await expect(as(s.models, s.stranger).admit(...f.admission)).to.emit(s.models, "ModelAdmitted");
}

/** None of it lands, each way with its error and the same code; and nobody loses anything by it. */
async function isRefused(s: SyncStage, f: InFlight, code: bigint): Promise<void> {
  const signer = signerOf(s.aliceKey);
  expect((await s.registry.check(signer, 1, ZeroHash)).code).to.equal(code);
  for (const [job, send] of [
    [f.answered, () => as(s.hub, s.alice).fulfill(...f.result)],
    [f.refused, () => as(s.hub, s.alice).refuse(...f.refusal)],
  ] as const) {
    await expect(send())
      .to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable")
      .withArgs(job.requestId, signer, code);
  }
  const [batch] = await as(s.hub, s.alice).fulfillBatch.staticCall([
    { statement: f.result[0], output: f.result[1], proof: f.result[2] },
  ]);
  expect(batch).to.equal(code);
  for (const send of [as(s.hub, s.stranger).provide, as(s.hub, s.stranger).publish]) {
    await expect(send([f.another]))
      .to.be.revertedWithCustomError(s.hub, "HubResultRejected")
      .withArgs(0, keyOf({ input: inputOf("another") }), code);
  }
  // What had been published is kept by nobody's word but the key's.
  expect(await s.hub.isPresent(keyOf(), DEMAND)).to.equal(false);
  await expect(s.hub.infer.staticCall(...QUESTION)).to.be.revertedWithCustomError(s.hub, "InferenceRequired");
  await expect(pull(s, f)).to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable").withArgs(ZeroHash, signer, code);
  await expect(as(s.models, s.stranger).admit(...f.admission))
    .to.be.revertedWithCustomError(s.models, "ModelSignerNotUsable")
    .withArgs(signer, code);
}

/** The request that was not served is open: another key serves it, or its escrow comes back after the deadline. */
async function losesNothing(s: SyncStage, f: InFlight): Promise<void> {
  expect((await s.hub.statusOf(f.answered.requestId))[0]).to.equal(Status.Open);
  const { epochEnd } = await s.registry.lifeOf(signerOf(s.bobKey));
  if ((await now(s.user)) < epochEnd) {
    await pulse(s, s.bobKey);
    await mined(as(s.hub, s.bob).fulfill(...args(f.answered.result(s.bobKey, await now(s.user)))));
    expect((await s.hub.statusOf(f.answered.requestId))[0]).to.equal(Status.Fulfilled);
  }
  if ((await now(s.user)) <= f.deadline) await time.increaseTo(f.deadline + 1n);
  const user = await s.user.getAddress();
  const before = await s.hub.creditOf(user);
  await mined(as(s.hub, s.stranger).refund(f.refused.data));
  expect(await s.hub.creditOf(user)).to.equal(before + REWARD);
}

describe("EnclaveRegistry: what was in flight when a key changed its state", () => {
  const stage = () => syncStage();
  const drain = (s: SyncStage) => mined(as(s.registry, s.alice).drain(signerOf(s.aliceKey)));
  /** Alice's second enclave, by a rotation away from the first. */
  const rotate = async (s: SyncStage) => {
    const operator = await s.alice.getAddress();
    const { registration } = registrationOf(s, {
      key: enclaveKey("second"),
      operator,
      attestedAt: await now(s.user),
      serial: "second",
    });
    await mined(as(s.registry, s.alice).rotate(signerOf(s.aliceKey), registration));
  };

  it("active: settles", async () => {
    const s = await loadFixture(stage);
    await settles(s, await inFlight(s));
  });

  it("draining: settles, to the last second", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await drain(s);
    await settles(s, f);
  });

  it("draining: settles in the last second of the drain, if it still beats", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await drain(s);
    const { epochEnd } = await s.registry.lifeOf(signerOf(s.aliceKey));
    await time.increaseTo(epochEnd - 20n);
    await pulse(s, s.aliceKey);
    await settles(s, f);
    expect(await now(s.user)).to.be.below(epochEnd);
  });

  it("drained: refused as expired, and the requester loses nothing", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await drain(s);
    await time.increase(DRAIN);
    await isRefused(s, f, Code.EPOCH_ENDED);
    await losesNothing(s, f);
  });

  it("rotated away: settles beside what the new key signs", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await rotate(s);
    await settles(s, f);
    const job = await open(s);
    const r = job.result(enclaveKey("second"), await now(s.user));
    await expect(as(s.hub, s.alice).fulfill(...args(r))).to.emit(s.hub, "Fulfilled");
  });

  it("rotated away, and the drain is over: refused as expired, while the new key goes on", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await rotate(s);
    await time.increase(DRAIN);
    await isRefused(s, f, Code.EPOCH_ENDED);
    await pulse(s, enclaveKey("second"));
    const r = f.answered.result(enclaveKey("second"), await now(s.user));
    await expect(as(s.hub, s.alice).fulfill(...args(r))).to.emit(s.hub, "Fulfilled");
  });

  it("heartbeat overdue: refused until it beats again, then everything settles", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await time.increase(HEARTBEAT);
    await isRefused(s, f, Code.HEARTBEAT_OVERDUE);
    await pulse(s, s.aliceKey);
    await settles(s, f);
  });

  it("expired: refused for ever, and the requester loses nothing", async () => {
    const s = await loadFixture(stage);
    const { epochEnd } = await s.registry.lifeOf(signerOf(s.aliceKey));
    await time.increaseTo(epochEnd - 60n);
    await pulse(s, s.aliceKey);
    const f = await inFlight(s);
    await time.increaseTo(epochEnd);
    await isRefused(s, f, Code.EPOCH_ENDED);
    await losesNothing(s, f);
  });

  it("closed: refused at once and for ever, and the requester loses nothing", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await mined(as(s.registry, s.alice).close(signerOf(s.aliceKey)));
    await isRefused(s, f, Code.SIGNER_CLOSED);
    await losesNothing(s, f);
  });

  it("closed while draining: refused at once", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await drain(s);
    await mined(as(s.registry, s.alice).close(signerOf(s.aliceKey)));
    await isRefused(s, f, Code.SIGNER_CLOSED);
  });

  it("image revoked: refused at once for every key of it, and the escrow comes back", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await mined(as(s.registry, s.deployer).revokeImage(IMAGE, await now(s.user)));
    await isRefused(s, f, Code.IMAGE_REVOKED);
    const bobs = f.answered.result(s.bobKey, await now(s.user));
    await expect(as(s.hub, s.bob).fulfill(...args(bobs))).to.be.revertedWithCustomError(s.hub, "HubSignerNotUsable");
    await time.increaseTo(f.deadline + 1n);
    for (const job of [f.answered, f.refused] satisfies Job[]) await mined(as(s.hub, s.stranger).refund(job.data));
    expect(await s.hub.creditOf(await s.user.getAddress())).to.equal(2n * REWARD);
  });

  it("image revoked while draining: refused at once", async () => {
    const s = await loadFixture(stage);
    const f = await inFlight(s);
    await drain(s);
    await mined(as(s.registry, s.deployer).revokeImage(IMAGE, 0));
    await isRefused(s, f, Code.IMAGE_REVOKED);
  });

  describe("what had landed stays explained", () => {
    const authentic = async (s: SyncStage, job: Job, landed: Awaited<ReturnType<typeof land>>, requestedAt: bigint) =>
      s.hub.wasAuthentic(job.requestId, landed.hash, signerOf(s.aliceKey), requestedAt);

    async function landed(s: SyncStage) {
      const job = await open(s);
      const requestedAt = await now(s.user);
      const result = await land(s, job);
      return { landedAt: await now(s.user), is: () => authentic(s, job, result, requestedAt) };
    }

    it("draining, drained and expired: for ever", async () => {
      const s = await loadFixture(stage);
      const before = await landed(s);
      await drain(s);
      const after = await landed(s);
      for (const span of [0n, DRAIN, 400_000n]) {
        await time.increase(span);
        expect([await before.is(), await after.is()], String(span)).to.deep.equal([true, true]);
      }
    });

    it("rotated away, and closed after that", async () => {
      const s = await loadFixture(stage);
      await rotate(s);
      const after = await landed(s);
      await mined(as(s.registry, s.alice).close(signerOf(s.aliceKey)));
      expect(await after.is()).to.equal(true);
    });

    it("image revoked: what landed before `compromisedSince`, and nothing after", async () => {
      const s = await loadFixture(stage);
      const good = await landed(s);
      await time.increase(100);
      const bad = await landed(s);
      await mined(as(s.registry, s.deployer).revokeImage(IMAGE, good.landedAt + 50n));
      expect([await good.is(), await bad.is()]).to.deep.equal([true, false]);
      expect(await s.registry.wasActive(signerOf(s.aliceKey), good.landedAt)).to.equal(true);
    });

    it("a tensor signature that a key admitted stays, whatever becomes of the key", async () => {
      const s = await loadFixture(stage);
      const f = await inFlight(s);
      await mined(as(s.models, s.stranger).admit(...f.admission));
      await mined(as(s.registry, s.alice).close(signerOf(s.aliceKey)));
      expect(await s.models.signatureHashOf(id("model"))).to.equal(keccak256(SIGNATURE));
    });
  });
});
