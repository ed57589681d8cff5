import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import type { Signer } from "ethers";
import hre from "hardhat";
import { float32, numbersOf } from "../../../executor/client/index";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { startAssay, type TestingAssay } from "../../../executor/testing/index";
import { committedModel } from "../../../scripts/start/marketData";
import { CALM, ETHER, type Feed, REWARD, UNIT } from "../consumers/desk";
import { mined, type With } from "../helpers/world";

type Vault = With<"loanToValue" | "refresh" | "supply">;
type Harness = With<"ask" | "setFailing">;

const HOUR = 3_600;

describe("assay/testing through a test's life", () => {
  let assay: TestingAssay;
  let signers: Signer[];
  let vault: Vault;
  let feed: Feed;

  before(async () => {
    signers = await hre.ethers.getSigners();
    const [deployer, operator] = signers as [Signer, Signer];
    assay = await startAssay({ deployer, operator });
  });
  after(() => assay.close());

  const world = async () => {
    feed = (await hre.ethers.deployContract("MarketFeed", [await signers[0]?.getAddress()])) as unknown as Feed;
    const parameters = [assay.hub, assay.policy, feed.target, committedModel("eth_volatility").hash, REWARD];
    vault = (await hre.ethers.deployContract("VolatilityVault", parameters)) as unknown as Vault;
    await feed.report(2_000n * UNIT, CALM);
    await vault.supply({ value: ETHER });
  };

  it("moves a real consumer by the real model", async () => {
    await loadFixture(world);
    const before = await vault.loanToValue();
    const answer = await assay.fulfill(vault.refresh({ value: REWARD }));
    if (answer.kind !== "fulfilled") throw new Error("refused");
    expect(answer.callback).to.equal("done");
    const [volatility] = answer.outputs.map(({ tensor }) => numbersOf(tensor)[0]);
    expect(volatility).to.be.within(0.001, 0.5);
    expect(await vault.loanToValue()).to.be.greaterThan(before);
  });

  it("answers after the clock has passed heartbeat and epoch, and after a revert to before that", async () => {
    await loadFixture(world);
    await time.increase(48 * HOUR);
    await feed.report(2_000n * UNIT, CALM);
    const late = await assay.fulfill(vault.refresh({ value: REWARD }));
    expect(late).to.include({ kind: "fulfilled", callback: "done" });
    await loadFixture(world);
    const again = await assay.fulfill(vault.refresh({ value: REWARD }));
    expect(again).to.include({ kind: "fulfilled", callback: "done" });
  });

  it("answers a request by its id, once", async () => {
    await loadFixture(world);
    const sent = await vault.refresh({ value: REWARD });
    const { requestId } = await assay.fulfill(sent);
    const error = await assay.fulfill(requestId).catch((caught: unknown) => caught);
    expect(error).to.have.property("code", "TESTING_CALL_REFUSED");
    expect(error).to.have.nested.property("context.error", "HubRequestNotOpen");
  });

  it("hands on the hub's word where the deadline has passed", async () => {
    await loadFixture(world);
    const asked = await mined(vault.refresh({ value: REWARD }));
    await time.increase(assay.policy.deadlineSeconds + 1);
    const error = await assay.fulfill(asked).catch((caught: unknown) => caught);
    expect(error).to.have.nested.property("context.error", "HubDeadlinePassed");
  });

  it("says that a callback failed, and by which error", async () => {
    await loadFixture(world);
    const harness = (await hre.ethers.deployContract("ConsumerHarness", [
      assay.hub,
      assay.policy,
    ])) as unknown as Harness;
    await harness.setFailing(true);
    const features = CALM.map((value) => Number(value) / 1e18);
    const input = encodeTensorSet([{ name: "features", tensor: float32([1, 13], features) }]);
    const model = committedModel("eth_volatility").hash;
    const asker = await signers[0]?.getAddress();
    const answer = await assay.fulfill(harness.ask(model, bytesToHex(input), asker, { value: REWARD }));
    const selector = (await hre.ethers.getContractFactory("ConsumerHarness")).interface.getError(
      "HarnessTold",
    )?.selector;
    expect(answer).to.include({ kind: "fulfilled", callback: "failed", callbackError: selector });
  });
});
