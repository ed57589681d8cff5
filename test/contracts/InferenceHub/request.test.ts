import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, toBeHex, ZeroHash } from "ethers";
import hre from "hardhat";
import { at, open, REWARD, type Stage, Status, setStage } from "../helpers/fixture";
import { INPUT, Job, MODEL } from "../helpers/job";
import { encodeTerms, type TermsInput } from "../helpers/terms";
import { as, now } from "../helpers/world";

const DAYS_30 = 30n * 86_400n;

describe("InferenceHub.request", () => {
  const stage = () => setStage();
  const developmentStage = () => setStage({ developmentLevelAllowed: true });
  const SALT = id("request.test");

  const ask = (s: Stage, terms: string, change: { model?: string; input?: string; value?: bigint } = {}) =>
    as(s.hub, s.user).request(change.model ?? MODEL, change.input ?? INPUT, terms, SALT, {
      value: change.value ?? REWARD,
    });

  const good = async (s: Stage, t: Partial<TermsInput> = {}) =>
    encodeTerms({ deadline: (await now(s.user)) + 3600n, ...t });

  it("opens the id of the protocol, keeps only its state and says everything else in the event", async () => {
    const s = await loadFixture(stage);
    const terms = await good(s, { profile: id("p"), refundTo: await s.bob.getAddress() });
    const requester = await s.user.getAddress();
    const job = new Job(s.domain, { requester, terms, salt: SALT, rewardWei: REWARD });
    const time = await at((await now(s.user)) + 5n);
    await expect(ask(s, terms))
      .to.emit(s.hub, "Requested")
      .withArgs(job.requestId, requester, MODEL, SALT, REWARD, terms, INPUT);
    expect(await s.hub.statusOf(job.requestId)).to.deep.equal([Status.Open, time, 0n]);
    expect(await hre.ethers.provider.getBalance(s.hub.target)).to.equal(REWARD);
  });

  for (const [termsBytes, inputBytes] of [
    [0, 1],
    [20, 31],
    [32, 32],
    [64, 33],
    [116, 4_097],
  ] as const) {
    it(`logs canonical ABI for ${32 + termsBytes} bytes of terms and ${inputBytes} of input`, async () => {
      const s = await loadFixture(stage);
      const word = `0x${"ff".repeat(32)}`;
      const parts: Record<number, Partial<TermsInput>> = {
        0: {},
        20: { refundTo: `0x${"ee".repeat(20)}` },
        32: { imageId: word },
        64: { profile: word, contextRoot: word },
        116: { profile: word, imageId: word, contextRoot: word, refundTo: `0x${"ee".repeat(20)}` },
      };
      const terms = await good(s, parts[termsBytes]);
      const input = `0x${"ab".repeat(inputBytes)}`;
      const receipt = await (await ask(s, terms, { input })).wait();
      const log = receipt?.logs[0];
      const requester = await s.user.getAddress();
      const { requestId } = new Job(s.domain, { requester, terms, salt: SALT, input, rewardWei: REWARD });
      const encoded = s.hub.interface.encodeEventLog("Requested", [
        requestId,
        requester,
        MODEL,
        SALT,
        REWARD,
        terms,
        input,
      ]);
      expect([log?.data, log?.topics]).to.deep.equal([encoded.data, encoded.topics]);
    });
  }

  it("refuses the same id twice and never reuses one", async () => {
    const s = await loadFixture(stage);
    const terms = await good(s);
    const { requestId } = new Job(s.domain, { requester: await s.user.getAddress(), terms, salt: SALT });
    await ask(s, terms);
    await expect(ask(s, terms)).to.be.revertedWithCustomError(s.hub, "HubRequestExists").withArgs(requestId);
  });

  it("gives another id for every changed part", async () => {
    const s = await loadFixture(stage);
    const requester = await s.user.getAddress();
    const terms = await good(s);
    const base = { requester, terms, salt: SALT };
    const ids = [
      base,
      { ...base, requester: await s.bob.getAddress() },
      { ...base, salt: id("other") },
      { ...base, modelHash: id("other") },
      { ...base, input: "0x01" },
      { ...base, terms: await good(s, { minTrust: 2 }) },
      { ...base, rewardWei: 7n },
    ].map((q) => new Job(s.domain, q).requestId);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it("refuses a zero model, an empty input and a value above 96 bits", async () => {
    const s = await loadFixture(stage);
    const terms = await good(s);
    await expect(ask(s, terms, { model: ZeroHash })).to.be.revertedWithCustomError(s.hub, "HubModelZero");
    await expect(ask(s, terms, { input: "0x" })).to.be.revertedWithCustomError(s.hub, "HubInputEmpty");
    const value = 1n << 96n;
    await hre.network.provider.send("hardhat_setBalance", [await s.user.getAddress(), toBeHex(1n << 100n)]);
    await expect(ask(s, terms, { value })).to.be.revertedWithCustomError(s.hub, "HubRewardTooLarge").withArgs(value);
    await ask(s, terms, { value: value - 1n });
  });

  it("takes deadlines from the next second up to 30 days", async () => {
    const s = await loadFixture(stage);
    const time = (await now(s.user)) + 100n;
    for (const deadline of [0n, time, time + DAYS_30 + 1n]) {
      await at(time);
      await expect(ask(s, encodeTerms({ deadline })))
        .to.be.revertedWithCustomError(s.hub, "HubDeadlineInvalid")
        .withArgs(deadline, time, time + DAYS_30);
    }
    for (const deadline of [time + 1n, time + DAYS_30]) {
      await at(time);
      await expect(ask(s, encodeTerms({ deadline }))).to.emit(s.hub, "Requested");
    }
  });

  it("caps the callback's gas at 5,000,000", async () => {
    const s = await loadFixture(stage);
    await expect(ask(s, await good(s, { callbackGas: 5_000_001 })))
      .to.be.revertedWithCustomError(s.hub, "HubCallbackGasTooHigh")
      .withArgs(5_000_001, 5_000_000);
    await expect(ask(s, await good(s, { callbackGas: 5_000_000 }))).to.emit(s.hub, "Requested");
  });

  it("refuses a minimum trust of 0 unless development enclaves are allowed, and above 4 always", async () => {
    const s = await loadFixture(stage);
    for (const minTrust of [0, 5, 255]) {
      await expect(ask(s, await good(s, { minTrust })))
        .to.be.revertedWithCustomError(s.hub, "HubMinTrustInvalid")
        .withArgs(minTrust);
    }
    await ask(s, await good(s, { minTrust: 4 }));
    const d = await loadFixture(developmentStage);
    await ask(d, await good(d, { minTrust: 0 }));
  });

  it("refuses the kinds of proof and input that come later", async () => {
    const s = await loadFixture(stage);
    await expect(ask(s, await good(s, { proofKind: 1 })))
      .to.be.revertedWithCustomError(s.hub, "HubProofKindUnsupported")
      .withArgs(1);
    for (const inputKind of [1, 2, 255]) {
      await expect(ask(s, await good(s, { inputKind })))
        .to.be.revertedWithCustomError(s.hub, "HubInputKindUnsupported")
        .withArgs(inputKind);
    }
  });

  it("refuses a refusal fee above the reward", async () => {
    const s = await loadFixture(stage);
    await expect(ask(s, await good(s, { refusalFeeWei: REWARD + 1n })))
      .to.be.revertedWithCustomError(s.hub, "HubRefusalFeeTooHigh")
      .withArgs(REWARD + 1n, REWARD);
    await ask(s, await good(s, { refusalFeeWei: REWARD }));
  });

  it("refuses terms that are not canonical", async () => {
    const s = await loadFixture(stage);
    const terms = await good(s, { version: 2 });
    await expect(ask(s, terms)).to.be.revertedWithCustomError(s.hub, "HubTermsMalformed").withArgs(32, terms);
    await expect(ask(s, "0x01")).to.be.revertedWithCustomError(s.hub, "HubTermsMalformed").withArgs(1, `0x01${"00".repeat(31)}`);
  });

  it("refuses a registry that was deployed for another hub", async () => {
    const s = await loadFixture(stage);
    const factory = await hre.ethers.getContractFactory("InferenceHub");
    await expect(factory.deploy(s.registry.target)).to.be.revertedWithCustomError(s.hub, "HubRegistryMismatch");
  });

  it("takes no money except with a request", async () => {
    const s = await loadFixture(stage);
    await expect(s.user.sendTransaction({ to: s.hub.target, value: 1n })).to.be.reverted;
  });

  it("opens a request for whoever sends it, contracts included", async () => {
    const s = await loadFixture(stage);
    const job = await open(s, { callbackGas: 100_000 });
    expect((await s.hub.statusOf(job.requestId)).status).to.equal(Status.Open);
  });
});
