import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, ZeroHash } from "ethers";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { decodeTensorSet } from "../../../executor/protocol/tensorSet";
import { numbersOf } from "../../../executor/protocol/tensorValues";
import { INPUT, MODEL } from "../helpers/job";
import { DEMAND, keyOf } from "../helpers/portable";
import { deploy, fresh, syncStage } from "../helpers/sync";
import { IMAGE, mined, PROFILE, type With } from "../helpers/world";
import { CALM, outputOf, UNIT } from "./desk";

type Consumer = With<"use" | "tryUse" | "look" | "last" | "present" | "inferTerms" | "hub">;
type Chained = With<"refresh" | "margin" | "bufferOf">;

const stage = () => syncStage();
const [VOLATILITY, RISK] = [id("eth_volatility"), id("liquidation_risk")];

describe("consumers/SyncInferenceConsumer", () => {
  it("demands a profile or an image", async () => {
    const s = await loadFixture(stage);
    const consumer = await deploy<Consumer>("MockSyncConsumer", [s.hub.target, DEMAND]);
    const deploying = (profile: string, imageId: string) =>
      deploy<Consumer>("MockSyncConsumer", [s.hub.target, { minTrust: 1, profile, imageId }]);
    await expect(deploying(ZeroHash, ZeroHash)).to.be.revertedWithCustomError(consumer, "SyncConsumerTermsIncomplete");
    expect(await (await deploying(ZeroHash, IMAGE)).inferTerms()).to.deep.equal([1n, ZeroHash, IMAGE]);
    expect(await consumer.inferTerms()).to.deep.equal([1n, PROFILE, ZeroHash]);
    expect(await consumer.hub()).to.equal(s.hub.target);
  });

  it("reverts with what is missing where it acts and where it only looks, and says so where it tries", async () => {
    const s = await loadFixture(stage);
    const consumer = await deploy<Consumer>("MockSyncConsumer", [s.hub.target, DEMAND]);
    const question = [MODEL, INPUT, "y"];
    for (const method of ["use", "look"] as const) {
      await expect(consumer[method].staticCall(...question))
        .to.be.revertedWithCustomError(s.hub, "InferenceRequired")
        .withArgs(keyOf(), MODEL, INPUT, [1n, PROFILE, ZeroHash]);
    }
    await mined(consumer.tryUse(...question));
    expect([await consumer.present(), await consumer.last()]).to.deep.equal([false, -1n]);
    await mined(s.hub.publish([await fresh(s, { output: outputOf("y", 0.25) })]));
    await mined(consumer.use(...question));
    expect(await consumer.last()).to.equal(UNIT / 4n);
    expect(await consumer.look(...question)).to.equal(UNIT / 4n);
    await mined(consumer.tryUse(...question));
    expect(await consumer.present()).to.equal(true);
  });

  it("reads the output strictly", async () => {
    const s = await loadFixture(stage);
    const consumer = await deploy<Consumer>("MockSyncConsumer", [s.hub.target, DEMAND]);
    await mined(s.hub.publish([await fresh(s, { output: outputOf("z", 0.25) })]));
    await expect(consumer.use(MODEL, INPUT, "y")).to.be.reverted;
    await mined(s.hub.publish([await fresh(s, { input: "0x01", output: "0xffff" })]));
    await expect(consumer.use(MODEL, "0x01", "y")).to.be.reverted;
  });
});

describe("examples/ChainedMargin", () => {
  it("asks the second model about the first one's answer, in one transaction", async () => {
    const s = await loadFixture(stage);
    const feed = await deploy<With<"report">>("MarketFeed", [await s.deployer.getAddress()]);
    const chained = await deploy<Chained>("ChainedMargin", [s.hub.target, DEMAND, feed.target, [VOLATILITY, RISK]]);
    await mined(feed.report(2_000n * UNIT, CALM));
    expect(await chained.margin(), "before the models have spoken").to.equal(UNIT);
    /** What is missing, as an engine reads it. */
    const asked = async () => {
      const data = chained.interface.encodeFunctionData("refresh");
      const error = await s.user.call({ to: String(chained.target), data }).then(
        () => expect.fail("nothing is missing"),
        (e: { data: string }) => s.hub.interface.parseError(e.data),
      );
      return { modelHash: error?.args.modelHash as string, input: error?.args.input as string };
    };
    const first = await asked();
    expect(first.modelHash).to.equal(VOLATILITY);
    await mined(s.hub.publish([await fresh(s, { ...first, output: outputOf("daily_volatility", 0.03125) })]));
    const second = await asked();
    expect(second.modelHash).to.equal(RISK);
    const tensor = decodeTensorSet(hexToBytes(second.input))[0]?.tensor;
    if (tensor === undefined) throw new Error("no tensor");
    const drop = -Math.log(1 - 0.0625);
    const expected = [
      drop,
      Math.log(drop),
      Math.log(drop) + 3.5,
      Math.log(drop) + 3.4,
      ...CALM.map((v) => Number(v) / 1e18),
    ];
    for (const [i, value] of numbersOf(tensor).entries())
      expect(Number(value)).to.be.closeTo(expected[i] ?? Number.NaN, 1e-5);
    await mined(s.hub.publish([await fresh(s, { ...second, output: outputOf("probability", 0.25) })]));
    await mined(chained.refresh());
    expect(await chained.margin()).to.equal((625n * UNIT) / 10_000n + (9_375n * UNIT) / 40_000n);
  });

  it("takes an odd answer for the most cautious one", async () => {
    const s = await loadFixture(stage);
    const feed = await deploy<With<"report">>("MarketFeed", [await s.deployer.getAddress()]);
    const chained = await deploy<Chained>("ChainedMargin", [s.hub.target, DEMAND, feed.target, [VOLATILITY, RISK]]);
    const highest = (3n * UNIT) / 10n;
    for (const volatility of [0n, -1n, UNIT, 15n * (UNIT / 100n)])
      expect(await chained.bufferOf(volatility)).to.equal(highest);
    expect(await chained.bufferOf(1n)).to.equal((5n * UNIT) / 1_000n);
  });
});
