import { time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import hre from "hardhat";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { fixedTensor } from "../../../executor/protocol/tensorFixedPoint";
import { decodeTensorSet } from "../../../executor/protocol/tensorSet";
import { DType } from "../../../executor/protocol/tensorType";
import {
  CALM,
  Desk,
  ETHER,
  type Feed,
  type Hostile,
  MODEL_HASH,
  outputOf,
  POLICY,
  REWARD,
  STATUS,
  UNIT,
} from "../consumers/desk";
import type { Job } from "../helpers/job";
import { as, mined, type With } from "../helpers/world";

const PRICE = 2_000n * UNIT;
const FLOOR = (3n * UNIT) / 10n;

type VolatilityVault = With<
  | "abandon"
  | "borrow"
  | "deposit"
  | "freeWei"
  | "liquidate"
  | "loanToValue"
  | "positionOf"
  | "reclaim"
  | "refresh"
  | "repay"
  | "supply"
  | "withdraw"
>;

describe("examples/VolatilityVault", () => {
  let desk: Desk;
  let feed: Feed;
  let vault: VolatilityVault;
  let user: VolatilityVault;
  let account: string;

  beforeEach(async () => {
    desk = await Desk.start();
    feed = await desk.deploy<Feed>("MarketFeed", [await desk.signer(0).getAddress()]);
    vault = await desk.deploy<VolatilityVault>("VolatilityVault", [
      desk.world.hub.target,
      POLICY,
      feed.target,
      MODEL_HASH,
      REWARD,
    ]);
    await feed.report(PRICE, CALM);
    await vault.supply({ value: 10n * ETHER });
    user = as(vault, desk.signer(3));
    account = await desk.signer(3).getAddress();
  });

  afterEach("holds exactly what it owes", async () => {
    let owed = await vault.freeWei();
    for (const signer of desk.signers.slice(0, 8))
      owed += (await vault.positionOf(await signer.getAddress())).collateralWei;
    expect(await hre.ethers.provider.getBalance(vault.target)).to.equal(owed);
  });

  const refresh = async (): Promise<Job> => (await desk.ask(user.refresh({ value: REWARD }))).job;
  const answer = (job: Job, volatility: number) => desk.answer(job, outputOf("daily_volatility", volatility));
  const forecast = async (volatility: number): Promise<bigint> => {
    await mined(answer(await refresh(), volatility));
    return vault.loanToValue();
  };

  it("shows the model the feed's features", async () => {
    const { receipt } = await desk.ask(user.refresh({ value: REWARD }));
    const log = receipt.logs
      .map((entry) => desk.world.hub.interface.parseLog(entry))
      .find((event) => event?.name === "Requested");
    const tensor = fixedTensor({ dtype: DType.float, dims: [1, 13], values: CALM });
    expect(decodeTensorSet(hexToBytes(log?.args.input as string))).to.deep.equal([{ name: "features", tensor }]);
  });

  it("lends by the forecast, a bounded step at a time", async () => {
    expect(await vault.loanToValue()).to.equal(FLOOR);
    expect(await forecast(0.03125)).to.equal(UNIT / 2n); // 0.9 * (1 - 4 * 0.03125) is 0.7875, but a step is 0.2.
    expect(await forecast(0.03125)).to.equal((7n * UNIT) / 10n);
    expect(await forecast(0.03125)).to.equal((7875n * UNIT) / 10_000n);
    expect(await forecast(0.001), "the highest there is").to.equal((8n * UNIT) / 10n);
    expect(await forecast(0.125), "down to 0.45, but a step is 0.2").to.equal((6n * UNIT) / 10n);
    expect(await forecast(0.125)).to.equal((45n * UNIT) / 100n);
    expect(await forecast(3)).to.equal(FLOOR);
  });

  for (const volatility of [0, -0.03, 1e30]) {
    it(`takes ${volatility} for the most cautious answer`, async () => {
      await forecast(0.03125);
      expect(await forecast(volatility)).to.equal(FLOOR);
    });
  }

  it("keeps its state on a NaN", async () => {
    const before = await forecast(0.03125);
    const job = await refresh();
    await mined(answer(job, Number.NaN));
    expect(await desk.status(job)).to.equal(STATUS.callbackFailed);
    expect(await vault.loanToValue()).to.equal(before);
    await time.increase(POLICY.deadlineSeconds + POLICY.retrySeconds + 1);
    await vault.abandon(job.requestId);
  });

  it("is most cautious once the forecast is a day old", async () => {
    expect(await forecast(0.03125)).to.equal(UNIT / 2n);
    await time.increase(86_401);
    expect(await vault.loanToValue()).to.equal(FLOOR);
  });

  it("never lets an older forecast replace a newer one", async () => {
    const older = await refresh();
    await time.increase(5);
    const newer = await refresh();
    await mined(answer(newer, 0.03125));
    await expect(answer(older, 3)).to.emit(vault, "ForecastIgnored");
    expect(await vault.loanToValue()).to.equal(UNIT / 2n);
  });

  it("moves by what held when it was asked, so that answers in a row can not add up their steps", async () => {
    const first = await refresh();
    const second = await refresh();
    await mined(answer(first, 0.03125));
    await mined(answer(second, 0.03125));
    expect(await vault.loanToValue()).to.equal(UNIT / 2n);
  });

  it("gives the reward back to whoever asked where nobody answers", async () => {
    const job = await refresh();
    await desk.refuse(job);
    await vault.abandon(job.requestId);
    await expect(desk.world.hub.connect(desk.signer(3)).getFunction("withdraw")()).to.changeEtherBalance(
      account,
      REWARD,
    );
  });

  it("pays out loans, takes them back and unlocks the collateral", async () => {
    await user.deposit({ value: ETHER });
    await expect(user.borrow(601n * UNIT))
      .to.be.revertedWithCustomError(vault, "VaultDebtTooHigh")
      .withArgs(601n * UNIT, 600n * UNIT);
    await expect(user.borrow(600n * UNIT)).to.changeEtherBalance(account, (3n * ETHER) / 10n);
    await expect(user.borrow(1n)).to.be.revertedWithCustomError(vault, "VaultDebtTooHigh");
    await forecast(0.03125);
    await expect(user.borrow(400n * UNIT)).to.changeEtherBalance(account, (2n * ETHER) / 10n);
    await expect(user.withdraw(1n)).to.be.revertedWithCustomError(vault, "VaultDebtTooHigh");

    await expect(user.repay(1_001n * UNIT, { value: ETHER }))
      .to.be.revertedWithCustomError(vault, "VaultDebtTooLow")
      .withArgs(1_000n * UNIT, 1_001n * UNIT);
    await expect(user.repay(1_000n * UNIT, { value: 1n }))
      .to.be.revertedWithCustomError(vault, "VaultValueWrong")
      .withArgs(1n, ETHER / 2n);
    await expect(user.repay(1_000n * UNIT, { value: ETHER })).to.changeEtherBalance(account, -ETHER / 2n);
    await expect(user.withdraw(ETHER + 1n))
      .to.be.revertedWithCustomError(vault, "VaultCollateralTooLow")
      .withArgs(ETHER, ETHER + 1n);
    await time.increase(90_000);
    await expect(user.withdraw(ETHER), "without debt no price is needed").to.changeEtherBalance(account, ETHER);
  });

  it("liquidates nobody because of a forecast, only because of the price", async () => {
    await user.deposit({ value: ETHER });
    await forecast(0.001);
    await user.borrow(1_000n * UNIT);
    await forecast(3);
    await expect(vault.liquidate(account))
      .to.be.revertedWithCustomError(vault, "VaultPositionHealthy")
      .withArgs(account);
    await feed.report(1_100n * UNIT, CALM);
    const owed = await feed.toWeiUp(1_000n * UNIT);
    await expect(vault.liquidate(account)).to.emit(vault, "PositionLiquidated").withArgs(account, owed);
    expect([...(await vault.positionOf(account))]).to.deep.equal([ETHER - owed, 0n]);
    await user.withdraw(ETHER - owed);
  });

  it("keeps all of a collateral that no longer covers its debt", async () => {
    await user.deposit({ value: ETHER });
    await user.borrow(600n * UNIT);
    await feed.report(500n * UNIT, CALM);
    await expect(vault.liquidate(account)).to.emit(vault, "PositionLiquidated").withArgs(account, ETHER);
  });

  it("lends no more than it has, and lets nobody but the lender supply and reclaim", async () => {
    await user.deposit({ value: 50n * ETHER });
    await expect(user.borrow(21_000n * UNIT))
      .to.be.revertedWithCustomError(vault, "VaultLiquidityTooLow")
      .withArgs(10n * ETHER, (105n * ETHER) / 10n);
    for (const call of [user.supply({ value: 1 }), user.reclaim(1)]) {
      await expect(call).to.be.revertedWithCustomError(vault, "VaultNotLender").withArgs(account);
    }
    await expect(vault.reclaim(11n * ETHER)).to.be.revertedWithCustomError(vault, "VaultLiquidityTooLow");
    await expect(vault.reclaim(ETHER)).to.changeEtherBalance(desk.signer(0), ETHER);
    await user.withdraw(50n * ETHER);
  });

  it("takes exactly the reward for a forecast, and asks none of a stale market", async () => {
    await expect(user.refresh({ value: REWARD - 1n }))
      .to.be.revertedWithCustomError(vault, "VaultValueWrong")
      .withArgs(REWARD - 1n, REWARD);
    await time.increase(3_601);
    await expect(user.refresh({ value: REWARD })).to.be.revertedWithCustomError(feed, "MarketFeedStale");
  });

  it("pays a re-entering account no more than its own, and reverts for one that can not receive", async () => {
    const hostile = await desk.deploy<Hostile>("ConsumerHostileReceiver", []);
    const encode = (method: string, parameters: unknown[]): string =>
      vault.interface.encodeFunctionData(method, parameters);
    await hostile.run(vault.target, encode("deposit", []), "0x", { value: ETHER });
    const borrow = encode("borrow", [600n * UNIT]);
    await expect(hostile.run(vault.target, borrow, "0x"))
      .to.be.revertedWithCustomError(vault, "VaultTransferFailed")
      .withArgs(hostile.target);
    await expect(hostile.run(vault.target, borrow, borrow)).to.changeEtherBalance(hostile, (3n * ETHER) / 10n);
    expect(await hostile.reentered()).to.equal(false);
    await hostile.run(vault.target, encode("repay", [600n * UNIT]), encode("withdraw", [ETHER]), { value: ETHER });
    expect(await hostile.reentered(), "its own collateral, once the debt is gone").to.equal(true);
    expect((await vault.positionOf(hostile.target)).collateralWei).to.equal(0n);
  });
});
