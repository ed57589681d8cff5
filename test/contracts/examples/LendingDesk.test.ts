import { time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import hre from "hardhat";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { decodeTensorSet } from "../../../executor/protocol/tensorSet";
import { numbersOf } from "../../../executor/protocol/tensorValues";
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
const STAGE = { asked: 1, refused: 2, granted: 3, repaid: 4, liquidated: 5, unanswered: 6 } as const;
/** 1 ether of collateral carries this with a buffer of 20 %. */
const DEBT = 1_600n * UNIT;

type LendingDesk = With<
  | "ask"
  | "abandon"
  | "claim"
  | "creditOf"
  | "deposit"
  | "freeWei"
  | "liquidate"
  | "loanOf"
  | "repay"
  | "setPricing"
  | "withdraw"
>;

describe("examples/LendingDesk", () => {
  let desk: Desk;
  let feed: Feed;
  let lending: LendingDesk;
  let borrower: LendingDesk;
  let account: string;

  beforeEach(async () => {
    desk = await Desk.start();
    feed = await desk.deploy<Feed>("MarketFeed", [await desk.signer(0).getAddress()]);
    lending = await desk.deploy<LendingDesk>("LendingDesk", [
      desk.world.hub.target,
      POLICY,
      feed.target,
      MODEL_HASH,
      REWARD,
    ]);
    await feed.report(PRICE, CALM);
    await lending.deposit({ value: 10n * ETHER });
    borrower = as(lending, desk.signer(3));
    account = await desk.signer(3).getAddress();
  });

  afterEach("holds exactly what it owes", async () => {
    // Every wei is free, locked, reserved or credited: the sum of what the contract says must be what it has.
    const events = await lending.queryFilter(lending.getEvent("LoanAsked"));
    let owed = await lending.freeWei();
    for (const event of events) {
      const loan = await lending.loanOf((event as unknown as { args: { requestId: string } }).args.requestId);
      const stage = Number(loan.stage);
      if (stage === STAGE.asked) owed += loan.collateralWei + loan.payoutWei;
      if (stage === STAGE.granted) owed += loan.collateralWei;
    }
    for (const signer of desk.signers.slice(0, 8)) owed += await lending.creditOf(await signer.getAddress());
    expect(await hre.ethers.provider.getBalance(lending.target)).to.equal(owed);
  });

  const ask = async (debtUsd = DEBT, collateralWei = ETHER): Promise<Job> =>
    (await desk.ask(borrower.ask(debtUsd, { value: collateralWei + REWARD }))).job;
  const answer = (job: Job, risk: number) => desk.answer(job, outputOf("probability", risk));
  const stageOf = async (job: Job): Promise<number> => Number((await lending.loanOf(job.requestId)).stage);
  const granted = async (risk = 0.05): Promise<Job> => {
    const job = await ask();
    await mined(answer(job, risk));
    expect(await stageOf(job)).to.equal(STAGE.granted);
    return job;
  };

  it("shows the model the buffer as it is locked, beside the feed's features", async () => {
    const { job, receipt } = await desk.ask(borrower.ask(DEBT, { value: ETHER + REWARD }));
    const log = receipt.logs
      .map((entry) => desk.world.hub.interface.parseLog(entry))
      .find((event) => event?.name === "Requested");
    const set = decodeTensorSet(hexToBytes(log?.args.input as string));
    expect(set.map((item) => [item.name, item.tensor.dtype, item.tensor.dims])).to.deep.equal([
      ["features", 1, [1, 17]],
    ]);
    const distance = -Math.log(1 - 0.2);
    const market = CALM.map((value) => Number(value) / 1e18);
    const expected = [distance, Math.log(distance), Math.log(distance) + 3.5, Math.log(distance) + 3.4, ...market];
    for (const [i, value] of numbersOf(set[0]?.tensor as never).entries()) {
      expect(value, `feature ${i}`).to.be.closeTo(expected[i] as number, 1e-6);
    }
    expect(job.data.rewardWei).to.equal(REWARD);
  });

  it("grants a safe loan, pays it out and takes it back", async () => {
    const job = await ask();
    await expect(answer(job, 0.0625)).to.emit(lending, "LoanGranted");
    const loan = await lending.loanOf(job.requestId);
    expect(loan.payoutWei).to.equal((8n * ETHER) / 10n);
    // 0.02 % and 2 % of the risk, 6.25 %: 0.145 % for the day.
    expect(loan.debtUsd).to.equal(DEBT + (DEBT * 145n) / 100_000n);
    await expect(borrower.claim()).to.changeEtherBalances(
      [account, lending],
      [(8n * ETHER) / 10n, -(8n * ETHER) / 10n],
    );

    const owed = await feed.toWeiUp(loan.debtUsd);
    await expect(borrower.repay(job.requestId, { value: owed - 1n }))
      .to.be.revertedWithCustomError(lending, "DeskValueTooLow")
      .withArgs(owed - 1n, owed);
    await borrower.repay(job.requestId, { value: owed + 7n });
    expect(await stageOf(job)).to.equal(STAGE.repaid);
    await expect(borrower.claim()).to.changeEtherBalance(account, ETHER + 7n);
    expect(await lending.freeWei()).to.equal(10n * ETHER - (8n * ETHER) / 10n + owed);
    await expect(borrower.repay(job.requestId, { value: owed }))
      .to.be.revertedWithCustomError(lending, "DeskWrongStage")
      .withArgs(job.requestId, STAGE.repaid);
  });

  it("asks more for more risk", async () => {
    const debtOf = async (risk: number): Promise<bigint> =>
      (await lending.loanOf((await granted(risk)).requestId)).debtUsd;
    expect(await debtOf(0.1)).to.be.greaterThan(await debtOf(0.01));
  });

  it("refuses a risky loan and gives the collateral back", async () => {
    const job = await ask();
    await expect(answer(job, 0.21)).to.emit(lending, "LoanRefused");
    expect(await stageOf(job)).to.equal(STAGE.refused);
    await expect(borrower.claim()).to.changeEtherBalance(account, ETHER);
    expect(await lending.freeWei()).to.equal(10n * ETHER);
  });

  for (const value of [-0.01, 1.5, 1e30]) {
    it(`refuses on ${value}, which is no probability`, async () => {
      const job = await ask();
      await mined(answer(job, value));
      expect(await stageOf(job)).to.equal(STAGE.refused);
    });
  }

  for (const [what, output] of [
    ["a NaN", outputOf("probability", Number.NaN)],
    ["an infinity", outputOf("probability", Number.POSITIVE_INFINITY)],
    ["a tensor of another name", outputOf("risk", 0.01)],
  ] as const) {
    it(`decides nothing on ${what}; the collateral is free once the retries are over`, async () => {
      const job = await ask();
      await mined(desk.answer(job, output));
      expect(await desk.status(job)).to.equal(STATUS.callbackFailed);
      expect(await stageOf(job)).to.equal(STAGE.asked);
      await time.increase(POLICY.deadlineSeconds + POLICY.retrySeconds + 1);
      await expect(lending.abandon(job.requestId)).to.emit(lending, "LoanUnanswered").withArgs(job.requestId);
      await expect(borrower.claim()).to.changeEtherBalance(account, ETHER);
    });
  }

  it("gives collateral and reward back where nobody answers", async () => {
    const job = await ask();
    await desk.refuse(job);
    await lending.abandon(job.requestId);
    expect(await stageOf(job)).to.equal(STAGE.unanswered);
    await expect(borrower.claim()).to.changeEtherBalance(account, ETHER);
    const hub = desk.world.hub.connect(desk.signer(3));
    await expect(hub.getFunction("withdraw")()).to.changeEtherBalance(account, REWARD);
  });

  it("judges by the pricing of the moment it was asked, whatever the lender sets since", async () => {
    const job = await ask();
    await lending.setPricing({ maxRisk: 0, baseRate: UNIT, riskRate: UNIT });
    await mined(answer(job, 0.0625));
    expect((await lending.loanOf(job.requestId)).debtUsd).to.equal(DEBT + (DEBT * 145n) / 100_000n);
    const next = await ask();
    await mined(answer(next, 0.0625));
    expect(await stageOf(next)).to.equal(STAGE.refused);
  });

  it("refuses when the price fell, or grew old, while the operator waited", async () => {
    const fallen = await ask();
    await feed.report((PRICE * 98n) / 100n, CALM);
    await mined(answer(fallen, 0.01));
    expect(await stageOf(fallen)).to.equal(STAGE.refused);

    await time.increase(3_550);
    const old = await ask();
    await time.increase(100);
    await mined(answer(old, 0.01));
    expect(await stageOf(old)).to.equal(STAGE.refused);
  });

  it("pays out what the debt is worth when granted, never more than was reserved", async () => {
    const risen = await ask();
    await feed.report(PRICE * 2n, CALM);
    await mined(answer(risen, 0.01));
    expect((await lending.loanOf(risen.requestId)).payoutWei).to.equal((4n * ETHER) / 10n);

    await feed.report(PRICE, CALM);
    const fallen = await ask();
    await feed.report((PRICE * 995n) / 1000n, CALM);
    await mined(answer(fallen, 0.01));
    expect((await lending.loanOf(fallen.requestId)).payoutWei).to.equal((8n * ETHER) / 10n);
  });

  it("liquidates what is worth less than its debt, or overdue, and nothing else", async () => {
    const sunk = await granted();
    await expect(lending.liquidate(sunk.requestId))
      .to.be.revertedWithCustomError(lending, "DeskLoanHealthy")
      .withArgs(sunk.requestId);
    await feed.report(1_500n * UNIT, CALM);
    await expect(lending.liquidate(sunk.requestId)).to.emit(lending, "LoanLiquidated").withArgs(sunk.requestId, ETHER);

    await feed.report(PRICE, CALM);
    const overdue = await granted();
    await time.increase(86_400);
    await expect(lending.liquidate(overdue.requestId)).to.be.revertedWithCustomError(feed, "MarketFeedStale");
    await feed.report(PRICE, CALM);
    await time.increase(1);
    const before = await lending.creditOf(account);
    await lending.liquidate(overdue.requestId);
    const owed = await feed.toWeiUp((await lending.loanOf(overdue.requestId)).debtUsd);
    expect(await lending.creditOf(account), "the surplus stays the borrower's").to.equal(before + ETHER - owed);
    await expect(lending.liquidate(overdue.requestId)).to.be.revertedWithCustomError(lending, "DeskWrongStage");
  });

  it("asks nothing that it could not serve", async () => {
    await expect(borrower.ask(DEBT, { value: REWARD }))
      .to.be.revertedWithCustomError(lending, "DeskValueTooLow")
      .withArgs(REWARD, REWARD + 1n);
    for (const debt of [0n, PRICE, (PRICE * 996n) / 1000n, 2n ** 200n]) {
      await expect(borrower.ask(debt, { value: ETHER + REWARD }), `${debt}`).to.be.revertedWithCustomError(
        lending,
        "DeskBufferTooThin",
      );
    }
    await expect(borrower.ask(20n * DEBT, { value: 20n * ETHER + REWARD }))
      .to.be.revertedWithCustomError(lending, "DeskLiquidityTooLow")
      .withArgs(10n * ETHER, 16n * ETHER);
    await time.increase(3_601);
    await expect(borrower.ask(DEBT, { value: ETHER + REWARD })).to.be.revertedWithCustomError(feed, "MarketFeedStale");
  });

  it("shows a buffer above the training range as 30 %", async () => {
    const { receipt } = await desk.ask(borrower.ask(UNIT, { value: ETHER + REWARD }));
    const log = receipt.logs
      .map((entry) => desk.world.hub.interface.parseLog(entry))
      .find((event) => event?.name === "Requested");
    const [distance] = numbersOf(decodeTensorSet(hexToBytes(log?.args.input as string))[0]?.tensor as never);
    expect(distance).to.be.closeTo(-Math.log(0.7), 1e-6);
  });

  it("reserves what it promised: two asks can not share the same ether", async () => {
    await ask(10n * DEBT, 10n * ETHER);
    await expect(borrower.ask(4n * DEBT, { value: 4n * ETHER + REWARD }))
      .to.be.revertedWithCustomError(lending, "DeskLiquidityTooLow")
      .withArgs(2n * ETHER, (32n * ETHER) / 10n);
    await expect(lending.withdraw(3n * ETHER)).to.be.revertedWithCustomError(lending, "DeskLiquidityTooLow");
    await lending.withdraw(2n * ETHER);
    await expect(lending.claim()).to.changeEtherBalance(desk.signer(0), 2n * ETHER);
  });

  it("lets nobody but the lender fund, empty or price it", async () => {
    for (const call of [
      borrower.deposit({ value: 1 }),
      borrower.withdraw(1),
      borrower.setPricing({ maxRisk: 0, baseRate: 0, riskRate: 0 }),
    ]) {
      await expect(call).to.be.revertedWithCustomError(lending, "DeskNotLender").withArgs(account);
    }
    for (const change of [{ maxRisk: UNIT + 1n }, { baseRate: UNIT + 1n }, { riskRate: UNIT + 1n }]) {
      await expect(
        lending.setPricing({ maxRisk: 0, baseRate: 0, riskRate: 0, ...change }),
      ).to.be.revertedWithCustomError(lending, "DeskPricingInvalid");
    }
  });

  it("lands an answer for a borrower that can not receive ether, and pays a re-entering one once", async () => {
    const hostile = await desk.deploy<Hostile>("ConsumerHostileReceiver", []);
    const claim = lending.interface.encodeFunctionData("claim");
    const { job } = await desk.ask(
      hostile.run(lending.target, lending.interface.encodeFunctionData("ask", [DEBT]), "0x", { value: ETHER + REWARD }),
    );
    await mined(answer(job, 0.01));
    expect(await stageOf(job)).to.equal(STAGE.granted);
    await expect(hostile.run(lending.target, claim, "0x"))
      .to.be.revertedWithCustomError(lending, "DeskTransferFailed")
      .withArgs(hostile.target);
    await expect(hostile.run(lending.target, claim, claim)).to.changeEtherBalance(hostile, (8n * ETHER) / 10n);
    expect(await hostile.reentered()).to.equal(false);
    await expect(borrower.claim()).to.be.revertedWithCustomError(lending, "DeskNothingToClaim").withArgs(account);
  });
});

describe("examples/MarketFeed", () => {
  it("takes reports from its reporter only, and no impossible price", async () => {
    const desk = await Desk.start();
    const feed = await desk.deploy<Feed>("MarketFeed", [await desk.signer(0).getAddress()]);
    expect(await feed.isFresh()).to.equal(false);
    await expect(feed.features()).to.be.revertedWithCustomError(feed, "MarketFeedStale");
    await expect(as(feed, desk.signer(4)).report(PRICE, CALM))
      .to.be.revertedWithCustomError(feed, "MarketFeedNotReporter")
      .withArgs(await desk.signer(4).getAddress());
    for (const price of [0n, 10n ** 36n + 1n])
      await expect(feed.report(price, CALM))
        .to.be.revertedWithCustomError(feed, "MarketFeedPriceInvalid")
        .withArgs(price);
    await expect(feed.report(PRICE, CALM)).to.emit(feed, "MarketReported");
    expect(await feed.isFresh()).to.equal(true);
    expect([...(await feed.features())]).to.deep.equal(CALM);
    expect(await feed.toWeiUp(1n)).to.equal(1n);
    expect(await feed.toWeiDown(1n)).to.equal(0n);
    expect(await feed.toUsd(ETHER)).to.equal(PRICE);
  });
});
