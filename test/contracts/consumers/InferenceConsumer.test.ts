import { time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { computeAddress, id, ZeroAddress, ZeroHash } from "ethers";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { decodeTerms } from "../../../executor/protocol/terms";
import { args } from "../helpers/job";
import { as, now } from "../helpers/world";
import { type Consumer, Desk, MODEL_HASH, outputOf, POLICY, REWARD, STATUS, UNIT } from "./desk";

const INPUT = "0x0100";
const ANSWER = outputOf("y", 0.5);

describe("consumers/InferenceConsumer", () => {
  let desk: Desk;
  let consumer: Consumer;

  beforeEach(async () => {
    desk = await Desk.start();
    consumer = await desk.deploy<Consumer>("ConsumerHarness", [desk.world.hub.target, POLICY]);
  });

  const ask = () => desk.ask(consumer.ask(MODEL_HASH, INPUT, ZeroAddress, { value: REWARD }));

  it("asks under its policy, every time with another id", async () => {
    const { job: first } = await ask();
    const { job: second } = await ask();
    expect(first.requestId).to.not.equal(second.requestId);
    expect(first.data.rewardWei).to.equal(REWARD);
    const terms = decodeTerms(hexToBytes(first.data.terms));
    expect(terms).to.include({
      minTrust: 3,
      callbackGas: POLICY.callbackGas,
      profile: POLICY.profile,
      imageId: ZeroHash,
      refundTo: ZeroAddress,
    });
    expect(terms.retryUntil - terms.deadline).to.equal(POLICY.retrySeconds);
    expect(await consumer.isPending(first.requestId)).to.equal(true);
  });

  it("passes an image and a refund address on", async () => {
    const other = await desk.deploy<Consumer>("ConsumerHarness", [
      desk.world.hub.target,
      { ...POLICY, profile: ZeroHash, imageId: id("image") },
    ]);
    const refundTo = await desk.signer(5).getAddress();
    const { job } = await desk.ask(other.ask(MODEL_HASH, INPUT, refundTo, { value: REWARD }));
    expect(decodeTerms(hexToBytes(job.data.terms))).to.include({
      profile: ZeroHash,
      imageId: id("image"),
      refundTo: refundTo.toLowerCase(),
    });
  });

  it("hands over the decoded output, once", async () => {
    const { job } = await ask();
    await expect(desk.answer(job, ANSWER))
      .to.emit(consumer, "Answered")
      .withArgs(job.requestId, "y", UNIT / 2n);
    expect(await desk.status(job)).to.equal(STATUS.fulfilled);
    expect(await consumer.isPending(job.requestId)).to.equal(false);
  });

  for (const [what, change] of [
    ["neither profile nor image", { profile: ZeroHash }],
    ["no gas for the callback", { callbackGas: 0 }],
    ["no time", { deadlineSeconds: 0 }],
  ] as const) {
    it(`can not be deployed with ${what}`, async () => {
      await expect(
        desk.deploy<Consumer>("ConsumerHarness", [desk.world.hub.target, { ...POLICY, ...change }]),
      ).to.be.revertedWithCustomError(consumer, "ConsumerPolicyIncomplete");
    });
  }

  it("takes answers from nobody but the hub", async () => {
    const { job } = await ask();
    const answer = {
      requestId: job.requestId,
      modelHash: MODEL_HASH,
      inputHash: job.data.inputHash,
      runtimeProfile: POLICY.profile,
      requestedAt: 1,
      fulfilledAt: 1,
      signer: ZeroAddress,
    };
    await expect(consumer.onInference(answer, ANSWER))
      .to.be.revertedWithCustomError(consumer, "ConsumerCallerNotHub")
      .withArgs(await desk.signer(0).getAddress());
  });

  it("takes only ids that it has asked", async () => {
    // A hub that delivers what was never asked is none of ours; a signer stands in for it here.
    const signer = desk.signer(7);
    const own = await desk.deploy<Consumer>("ConsumerHarness", [await signer.getAddress(), POLICY]);
    const answer = {
      requestId: id("x"),
      modelHash: MODEL_HASH,
      inputHash: ZeroHash,
      runtimeProfile: ZeroHash,
      requestedAt: 1,
      fulfilledAt: 1,
      signer: ZeroAddress,
    };
    await expect(as(own, signer).onInference(answer, ANSWER))
      .to.be.revertedWithCustomError(own, "ConsumerNotPending")
      .withArgs(id("x"));
  });

  it("keeps a request pending whose callback failed, and takes its retry", async () => {
    const { job } = await ask();
    await consumer.setFailing(true);
    const operator = desk.signer(1);
    const result = job.result(desk.key, await now(operator), { output: ANSWER });
    const hub = desk.world.hub.connect(operator);
    await hub.getFunction("fulfill")(...args(result), { gasLimit: 5_000_000 });
    expect(await desk.status(job)).to.equal(STATUS.callbackFailed);
    await expect(consumer.abandon(job.requestId))
      .to.be.revertedWithCustomError(consumer, "ConsumerStillOpen")
      .withArgs(job.requestId, STATUS.callbackFailed);

    await consumer.setFailing(false);
    const requested = (await desk.world.hub.queryFilter(desk.world.hub.getEvent("Requested")))[0];
    const block = await requested?.getBlock();
    const retry = hub.getFunction("retryCallback")(
      result.statement,
      result.output,
      computeAddress(desk.key.publicKey),
      block?.timestamp,
      { gasLimit: 5_000_000 },
    );
    await expect(retry).to.emit(consumer, "Answered");
    expect(await consumer.isPending(job.requestId)).to.equal(false);
  });

  it("refuses an output that is no tensor set, so that the hub records a failed callback", async () => {
    const { job } = await ask();
    const code = consumer.interface.getError("TensorSetTrailingBytes")?.selector;
    await expect(desk.answer(job, `${ANSWER}00`))
      .to.emit(desk.world.hub, "CallbackFailed")
      .withArgs(job.requestId, code);
    await time.increase(POLICY.deadlineSeconds + POLICY.retrySeconds + 1);
    await expect(consumer.abandon(job.requestId)).to.emit(consumer, "NotAnswered").withArgs(job.requestId);
    await expect(consumer.abandon(job.requestId)).to.be.revertedWithCustomError(consumer, "ConsumerNotPending");
  });

  it("lets anyone abandon a refused or refunded request, and no open one", async () => {
    const { job: refused } = await ask();
    const { job: late } = await ask();
    await expect(consumer.abandon(refused.requestId))
      .to.be.revertedWithCustomError(consumer, "ConsumerStillOpen")
      .withArgs(refused.requestId, STATUS.open);
    await desk.refuse(refused);
    await expect(as(consumer, desk.signer(6)).abandon(refused.requestId)).to.emit(consumer, "NotAnswered");

    await time.increase(POLICY.deadlineSeconds + 1);
    await expect(consumer.abandon(late.requestId)).to.be.revertedWithCustomError(consumer, "ConsumerStillOpen");
    await desk.world.hub.getFunction("refund")(late.data);
    await expect(consumer.abandon(late.requestId)).to.emit(consumer, "NotAnswered").withArgs(late.requestId);
    await expect(consumer.abandon(id("never asked")))
      .to.be.revertedWithCustomError(consumer, "ConsumerStillOpen")
      .withArgs(id("never asked"), 0);
  });

  it("computes logarithms that agree with JavaScript", async () => {
    for (const value of [1e-18, 0.005, 0.3, 0.999, 1, 2, Math.E, 1234.5, 1e18]) {
      const fixed = value === 1e-18 ? 1n : BigInt(Math.round(value * 1e6)) * 10n ** 12n;
      const expected = Math.log(Number(fixed) / 1e18);
      expect(Number(await consumer.ln(fixed)) / 1e18).to.be.closeTo(expected, 1e-14);
    }
    expect(await consumer.ln(UNIT)).to.equal(0n);
    expect(Number(await consumer.ln(2n ** 256n - 1n)) / 1e18).to.be.closeTo(256 * Math.LN2 - Math.log(1e18), 1e-12);
    await expect(consumer.ln(0)).to.be.revertedWithCustomError(consumer, "FixedLogOfZero");
  });
});
