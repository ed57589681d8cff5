import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, ZeroAddress, ZeroHash } from "ethers";
import { Code } from "../helpers/fixture";
import { highS, INPUT, MODEL, OUTPUT } from "../helpers/job";
import { DEMAND, inferenceOf, keyOf } from "../helpers/portable";
import {
  deploy,
  fresh,
  hubCall,
  inputOf,
  publishedAt,
  pulse,
  QUESTION,
  type SyncStage,
  signerOf,
  syncStage,
} from "../helpers/sync";
import { as, enclaveKey, IMAGE, IMAGE_HARDWARE, mined, now, PROFILE, type With } from "../helpers/world";

const stage = () => syncStage();
/** Outputs whose last word is whole, cut, absent. */
const OUTPUTS = ["0x", "0x01", OUTPUT, `${OUTPUT}ff`, `0x${"a5".repeat(63)}`, `0x${"5a".repeat(640)}`];

describe("PIPE: results that are present", () => {
  const run = async (s: SyncStage, calls: readonly ReturnType<typeof hubCall>[]) => {
    await mined(s.probe.run(calls, { gasLimit: 16_000_000 }));
    const outcomes: { ok: boolean; data: string }[] = [];
    for (const i of calls.keys()) {
      outcomes.push({ ok: await s.probe.succeeded(i), data: await s.probe.returned(i) });
    }
    return outcomes;
  };
  const outputIn = (s: SyncStage, data: string) => s.hub.interface.decodeFunctionResult("infer", data)[0];

  it("infer reverts with all that an engine needs where nothing is present", async () => {
    const s = await loadFixture(stage);
    const demand = [1n, PROFILE, ZeroHash];
    await expect(s.hub.infer.staticCall(...QUESTION))
      .to.be.revertedWithCustomError(s.hub, "InferenceRequired")
      .withArgs(keyOf(), MODEL, INPUT, demand);
    expect(await s.hub.tryInfer.staticCall(...QUESTION)).to.deep.equal([false, "0x"]);
    expect(await s.hub.peek(...QUESTION)).to.deep.equal([false, "0x"]);
    expect(await s.hub.isPresent(keyOf(), DEMAND)).to.equal(false);
  });

  it("what is provided is there for the rest of the transaction and not for the next one, whatever its length", async () => {
    const s = await loadFixture(stage);
    for (const output of OUTPUTS) {
      const outcomes = await run(s, [
        hubCall(s, "provide", [[await fresh(s, { output })]]),
        hubCall(s, "infer", QUESTION),
        hubCall(s, "tryInfer", QUESTION),
        hubCall(s, "peek", QUESTION),
        hubCall(s, "isPresent", [keyOf(), DEMAND]),
      ]);
      expect(outcomes.map(({ ok }) => ok)).to.deep.equal([true, true, true, true, true]);
      expect(outputIn(s, outcomes[1]?.data ?? "")).to.equal(output);
      for (const i of [2, 3]) {
        const method = i === 2 ? "tryInfer" : "peek";
        expect(s.hub.interface.decodeFunctionResult(method, outcomes[i]?.data ?? "")).to.deep.equal([true, output]);
      }
      expect(BigInt(outcomes[4]?.data ?? 0)).to.equal(1n);
      await expect(s.hub.infer.staticCall(...QUESTION)).to.be.revertedWithCustomError(s.hub, "InferenceRequired");
    }
  });

  it("what is published is there until it expires, and can be pruned then, by anyone", async () => {
    const s = await loadFixture(stage);
    const anybody = as(s.hub, s.stranger);
    for (const output of OUTPUTS) {
      // Well before the next heartbeat is due, which would end it too.
      const result = await fresh(s, { output, expiresAt: (await now(s.deployer)) + 3_000n });
      const sent = await anybody.publish([result]);
      await expect(sent)
        .to.emit(s.hub, "Published")
        .withArgs(keyOf(), signerOf(s.aliceKey), ZeroAddress, result.expiresAt, 0n);
      expect(await s.hub.infer.staticCall(...QUESTION)).to.equal(output);
      expect(await s.hub.peek(...QUESTION)).to.deep.equal([true, output]);
      expect(await anybody.prune.staticCall([inferenceOf(), inferenceOf({ input: "0x" })])).to.equal(3n);
      await time.setNextBlockTimestamp(result.expiresAt - 1n);
      await mined(s.deployer.sendTransaction({ to: s.deployer }));
      expect(await s.hub.isPresent(keyOf(), DEMAND)).to.equal(true);
      await time.increase(1);
      expect(await s.hub.isPresent(keyOf(), DEMAND), "expired").to.equal(false);
      await pulse(s, s.aliceKey);
      await expect(anybody.prune([inferenceOf()]))
        .to.emit(s.hub, "Pruned")
        .withArgs(keyOf());
      expect(await anybody.prune.staticCall([inferenceOf()]), "gone").to.equal(1n);
    }
  });

  it("a longer result that expired leaves nothing behind in a shorter one, in either place", async () => {
    const s = await loadFixture(stage);
    const long = `0x${"ee".repeat(320)}`;
    const first = await fresh(s, { output: long });
    await mined(s.hub.publish([first]));
    await time.setNextBlockTimestamp(first.expiresAt);
    await mined(s.deployer.sendTransaction({ to: s.deployer }));
    await pulse(s, s.aliceKey);
    await mined(s.hub.publish([await fresh(s, { output: "0x0102" })]));
    expect(await s.hub.infer.staticCall(...QUESTION)).to.equal("0x0102");
    const raw = await s.deployer.provider?.getStorage(s.hub.target, BigInt(publishedAt(keyOf())) + 3n);
    expect(BigInt(raw ?? 1), "slots of the longer one gave their refund").to.equal(0n);
  });

  it("looks at what was provided first", async () => {
    const s = await loadFixture(stage);
    await mined(s.hub.publish([await fresh(s, { output: "0x01" })]));
    const outcomes = await run(s, [
      hubCall(s, "infer", QUESTION),
      hubCall(s, "provide", [[await fresh(s, { output: "0x02" })]]),
      hubCall(s, "infer", QUESTION),
    ]);
    expect(outputIn(s, outcomes[0]?.data ?? "")).to.equal("0x01");
    expect(outputIn(s, outcomes[2]?.data ?? "")).to.equal("0x02");
  });

  it("the first usable one wins; a second is reported in a bitmap and not charged", async () => {
    const s = await loadFixture(stage);
    const other = inputOf("other");
    const results = [
      await fresh(s, { output: "0x01", feeWei: 5n }),
      await fresh(s, { output: "0x02", feeWei: 7n, key: s.bobKey }),
      await fresh(s, { input: other, feeWei: 11n }),
      await fresh(s, { input: other, feeWei: 13n }),
    ];
    for (const method of ["provide", "publish"]) {
      const before = await s.hub.creditOf(s.probe.target);
      const outcomes = await run(s, [hubCall(s, method, [results], 100n), hubCall(s, "infer", QUESTION)]);
      expect(BigInt(outcomes[0]?.data ?? 0)).to.equal(0b1010n);
      expect(outputIn(s, outcomes[1]?.data ?? "")).to.equal("0x01");
      expect((await s.hub.creditOf(s.probe.target)) - before).to.equal(100n - 16n);
    }
    expect(await s.hub.operatorCreditOf(1)).to.equal(32n);
    expect(await s.hub.operatorCreditOf(2)).to.equal(0n);
    expect(await s.hub.publish.staticCall(results)).to.equal(0b1111n);
  });

  it("takes 256 results and no more, and marks the last in the highest bit", async () => {
    const s = await loadFixture(stage);
    await mined(s.hub.publish([await fresh(s)]));
    const duplicate = await fresh(s);
    const some = Array.from({ length: 255 }, () => duplicate);
    const last = await fresh(s, { input: inputOf("last") });
    const gas = { gasLimit: 16_000_000 };
    expect(await s.hub.publish.staticCall([...some, last], gas)).to.equal((1n << 255n) - 1n);
    for (const call of ["provide", "publish"] as const) {
      await expect(s.hub[call]([...some, last, last], gas))
        .to.be.revertedWithCustomError(s.hub, "HubTooManyResults")
        .withArgs(257n, 256n);
    }
    const many = Array.from({ length: 257 }, () => inferenceOf());
    await expect(s.hub.prune(many, gas)).to.be.revertedWithCustomError(s.hub, "HubTooManyResults");
  });

  it("a weaker result can not stand where more is demanded, nor block it", async () => {
    const s = await loadFixture(stage);
    const strict = [
      { ...DEMAND, minTrust: 3 },
      { ...DEMAND, imageId: IMAGE },
      { ...DEMAND, minTrust: 3, imageId: IMAGE },
    ];
    await mined(s.hub.publish([await fresh(s)]));
    for (const terms of strict) {
      await expect(s.hub.infer.staticCall(MODEL, INPUT, terms)).to.be.revertedWithCustomError(
        s.hub,
        "InferenceRequired",
      );
      await mined(s.hub.publish([await fresh(s, { terms, output: "0x77" })]));
      expect(await s.hub.infer.staticCall(MODEL, INPUT, terms)).to.equal("0x77");
    }
    expect(await s.hub.infer.staticCall(...QUESTION)).to.equal(OUTPUT);
  });

  const rejected = async (s: SyncStage, code: bigint, o: Parameters<typeof fresh>[1]) => {
    const result = await fresh(s, o);
    for (const call of ["provide", "publish"] as const) {
      await expect(s.hub[call]([await fresh(s, { input: inputOf("good") }), result]))
        .to.be.revertedWithCustomError(s.hub, "HubResultRejected")
        .withArgs(1n, keyOf(o ?? {}), code);
    }
  };

  const refusedAlone = async (s: SyncStage, code: bigint, o: Parameters<typeof fresh>[1]) =>
    expect(s.hub.provide([await fresh(s, o)]))
      .to.be.revertedWithCustomError(s.hub, "HubResultRejected")
      .withArgs(0n, keyOf(), code);

  it("rejects what does not fit its key, and takes nothing of the call", async () => {
    const s = await loadFixture(stage);
    await rejected(s, Code.PROFILE_MISMATCH, { profile: id("another") });
    await rejected(s, Code.TRUST_TOO_LOW, { terms: { ...DEMAND, minTrust: 4 } });
    await rejected(s, Code.IMAGE_MISMATCH, { terms: { ...DEMAND, imageId: IMAGE_HARDWARE } });
    await rejected(s, Code.SIGNER_UNKNOWN, { key: enclaveKey("nobody") });
    await rejected(s, Code.SIGNER_UNKNOWN, { signed: { outputHash: id("another") } });
    await rejected(s, Code.SIGNER_UNKNOWN, { signed: { feeWei: 1n } });
    await rejected(s, Code.SIGNER_UNKNOWN, { signed: { requestId: id("bound") } });
    await rejected(s, Code.SIGNER_UNKNOWN, { signed: { contextRoot: id("context") } });
    await rejected(s, Code.SIGNER_UNKNOWN, { signed: { requester: await s.user.getAddress() } });
    expect(await s.hub.isPresent(keyOf({ input: inputOf("good") }), DEMAND)).to.equal(false);
    // Without a demanded profile any will do.
    const terms = { ...DEMAND, profile: ZeroHash };
    await mined(s.hub.publish([await fresh(s, { terms, profile: id("another") })]));
  });

  it("rejects what is not of this time", async () => {
    const s = await loadFixture(stage);
    const t = await now(s.deployer);
    await rejected(s, Code.ISSUED_IN_FUTURE, { issuedAt: t + 1_000n });
    await rejected(s, Code.STATEMENT_EXPIRED, { issuedAt: t - 100n, expiresAt: t });
    await rejected(s, Code.LIFETIME_TOO_LONG, { issuedAt: t, expiresAt: t + 86_401n });
    await rejected(s, Code.ISSUED_IN_FUTURE, { issuedAt: (1n << 64n) - 1n, expiresAt: (1n << 64n) - 1n });
    await mined(s.hub.publish([await fresh(s, { issuedAt: t, expiresAt: t + 86_400n })]));
  });

  it("rejects bad proofs", async () => {
    const s = await loadFixture(stage);
    const good = await fresh(s);
    const proofs = ["0x", good.proof.slice(0, -2), `${good.proof}00`, highS(good.proof).full, `0x${"00".repeat(64)}`];
    for (const proof of proofs) {
      await expect(s.hub.provide([{ ...good, proof }]), proof)
        .to.be.revertedWithCustomError(s.hub, "HubResultRejected")
        .withArgs(0n, keyOf(), Code.BAD_PROOF);
    }
    await expect(s.hub.provide([{ ...good, proof: highS(good.proof).compact }]))
      .to.be.revertedWithCustomError(s.hub, "HubResultRejected")
      .withArgs(0n, keyOf(), Code.SIGNER_UNKNOWN);
  });

  it("asks the registry again at every use: closed, revoked, overdue", async () => {
    const s = await loadFixture(stage);
    await mined(s.hub.publish([await fresh(s)]));
    await mined(as(s.registry, s.alice).close(signerOf(s.aliceKey)));
    expect(await s.hub.tryInfer.staticCall(...QUESTION)).to.deep.equal([false, "0x"]);
    await refusedAlone(s, Code.SIGNER_CLOSED, {});
    // Bob's enclave fills the place that nobody can use any more.
    const result = await fresh(s, { key: s.bobKey, output: "0xb0b0", expiresAt: (await now(s.user)) + 20_000n });
    await mined(s.hub.publish([result]));
    expect(await s.hub.infer.staticCall(...QUESTION)).to.equal("0xb0b0");
    await time.increase(3_600);
    expect(await s.hub.isPresent(keyOf(), DEMAND), "heartbeat overdue").to.equal(false);
    await refusedAlone(s, Code.HEARTBEAT_OVERDUE, { key: s.bobKey });
    await pulse(s, s.bobKey);
    expect(await s.hub.isPresent(keyOf(), DEMAND), "alive again").to.equal(true);
    await mined(s.registry.revokeImage(IMAGE, await now(s.user)));
    await refusedAlone(s, Code.IMAGE_REVOKED, { key: s.bobKey });
    expect(await s.hub.prune.staticCall([inferenceOf()])).to.equal(0n);
  });

  it("refuses at once, within one transaction, what was revoked after its first use", async () => {
    const s = await loadFixture(stage);
    type Revoker = With<"useTwice" | "first" | "second">;
    const revoker = await deploy<Revoker>("MockRevoker", []);
    const poster = s.registry.interface.encodeFunctionData("close", [signerOf(s.aliceKey)]);
    await mined(as(s.registry, s.alice).setPoster(1, revoker.target, true));
    const use = revoker.interface.encodeFunctionData("useTwice", [
      s.hub.target,
      s.registry.target,
      poster,
      ...QUESTION,
    ]);
    const [provided, used] = await run(s, [
      hubCall(s, "provide", [[await fresh(s)]]),
      { target: revoker.target, value: 0n, data: use },
    ]);
    expect([provided?.ok, used?.ok]).to.deep.equal([true, true]);
    expect([await revoker.first(), await revoker.second()]).to.deep.equal([1n, 0n]);
  });

  it("refuses trust levels that do not exist, and level 0 outside development", async () => {
    const s = await loadFixture(stage);
    for (const minTrust of [0, 5, 255]) {
      for (const method of ["infer", "tryInfer", "peek"] as const) {
        await expect(s.hub[method].staticCall(MODEL, INPUT, { ...DEMAND, minTrust }))
          .to.be.revertedWithCustomError(s.hub, "HubMinTrustInvalid")
          .withArgs(BigInt(minTrust));
      }
    }
    const dev = await loadFixture(development);
    const terms = { ...DEMAND, minTrust: 0 };
    await mined(dev.hub.publish([await fresh(dev, { terms })]));
    expect(await dev.hub.infer.staticCall(MODEL, INPUT, terms)).to.equal(OUTPUT);
  });

  it("two user operations of one transaction with different results for one key: the first wins", async () => {
    const s = await loadFixture(stage);
    type Operation = With<"duplicates" | "output">;
    const account = () => deploy<Operation>("MockOperation", [s.hub.target, ...QUESTION], 1_000n);
    const [one, two] = [await account(), await account()];
    const results = [
      [await fresh(s, { output: "0x01", feeWei: 10n })],
      [await fresh(s, { output: "0x02", feeWei: 10n, key: s.bobKey })],
    ];
    await mined(s.probe.handleOps([one.target, two.target], results));
    expect([await one.output(), await two.output()]).to.deep.equal(["0x01", "0x01"]);
    expect([await one.duplicates(), await two.duplicates()]).to.deep.equal([0n, 1n]);
    expect(await s.hub.creditOf(one.target)).to.equal(990n);
    expect(await s.hub.creditOf(two.target), "not charged").to.equal(1_000n);
  });

  it("a dirty level makes a key that nobody can use", async () => {
    const s = await loadFixture(stage);
    const data = s.hub.interface.encodeFunctionData("provide", [[await fresh(s)]]);
    // The third word of the result: four words of head, then model and input.
    const at = 2 + 8 + 64 * (3 + 2);
    const dirty = `${data.slice(0, at)}ff${data.slice(at + 2)}`;
    await expect(s.deployer.sendTransaction({ to: s.hub.target, data: dirty, gasLimit: 1_000_000 })).to.be.reverted;
    expect(await s.deployer.call({ to: String(s.hub.target), data })).to.equal(`0x${"00".repeat(32)}`);
  });

  const development = () => syncStage({ developmentLevelAllowed: true });
});
