import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { Wallet } from "ethers";
import hre from "hardhat";
import { at, land, Mode, open, REWARD, Status, setStage } from "../helpers/fixture";
import { as, now } from "../helpers/world";

const OPERATOR_FLAG = 1n << 160n;

describe("InferenceHub money", () => {
  const stage = () => setStage();

  describe("refund", () => {
    it("gives the escrow back after the deadline, by anyone, and not before", async () => {
      const s = await loadFixture(stage);
      const deadline = (await now(s.user)) + 60n;
      const job = await open(s, { deadline });
      await at(deadline);
      await expect(as(s.hub, s.stranger).refund(job.data))
        .to.be.revertedWithCustomError(s.hub, "HubDeadlineNotPassed")
        .withArgs(job.requestId, deadline, deadline);
      await at(deadline + 1n);
      await expect(as(s.hub, s.stranger).refund(job.data))
        .to.emit(s.hub, "Refunded")
        .withArgs(job.requestId, await s.user.getAddress(), REWARD);
      expect(await s.hub.statusOf(job.requestId)).to.deep.equal([Status.Refunded, deadline + 1n, 0n]);
      expect(await s.hub.creditOf(await s.user.getAddress())).to.equal(REWARD);
      await expect(as(s.hub, s.stranger).refund(job.data))
        .to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen")
        .withArgs(job.requestId, Status.Refunded);
    });

    it("goes to refundTo, even where that looks like an operator's id", async () => {
      const s = await loadFixture(stage);
      const deadline = (await now(s.user)) + 60n;
      const refundTo = `0x${"00".repeat(19)}01`;
      const job = await open(s, { deadline, refundTo });
      await at(deadline + 1n);
      await as(s.hub, s.stranger).refund(job.data);
      expect(await s.hub.creditOf(refundTo)).to.equal(REWARD);
      expect(await s.hub.operatorCreditOf(1)).to.equal(0n);
    });

    it("knows no request that was never made, nor one that has landed", async () => {
      const s = await loadFixture(stage);
      const deadline = (await now(s.user)) + 60n;
      const job = await open(s, { deadline });
      await land(s, job);
      await at(deadline + 1n);
      await expect(as(s.hub, s.user).refund(job.data))
        .to.be.revertedWithCustomError(s.hub, "HubRequestNotOpen")
        .withArgs(job.requestId, Status.Fulfilled);
      await expect(as(s.hub, s.user).refund({ ...job.data, rewardWei: 2n ** 90n })).to.be.revertedWithCustomError(
        s.hub,
        "HubRequestNotOpen",
      );
    });
  });

  describe("withdraw", () => {
    it("pays the caller its own credit, once", async () => {
      const s = await loadFixture(stage);
      const user = await s.user.getAddress();
      const job = await open(s);
      await as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, await now(s.user)));
      await expect(as(s.hub, s.stranger).withdraw())
        .to.be.revertedWithCustomError(s.hub, "HubNothingToWithdraw")
        .withArgs(BigInt(await s.stranger.getAddress()));
      await expect(as(s.hub, s.user).withdraw()).to.changeEtherBalances([s.hub, user], [-REWARD, REWARD]);
      await expect(as(s.hub, s.user).withdraw())
        .to.be.revertedWithCustomError(s.hub, "HubNothingToWithdraw")
        .withArgs(BigInt(user));
    });

    it("says who was paid how much", async () => {
      const s = await loadFixture(stage);
      const job = await open(s);
      await as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, await now(s.user)));
      expect(await as(s.hub, s.user).withdraw.staticCall()).to.equal(REWARD);
      await expect(as(s.hub, s.user).withdraw())
        .to.emit(s.hub, "Withdrawn")
        .withArgs(await s.user.getAddress(), 0, REWARD);
    });

    it("pays nothing twice to a receiver that comes back", async () => {
      const s = await loadFixture(stage);
      const refundTo = String(s.requester.target);
      const jobs = [await open(s, { refundTo }), await open(s)];
      for (const job of jobs) await as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, await now(s.user)));
      const data = s.hub.interface.encodeFunctionData("withdraw");
      await s.requester.setProgram([{ target: s.hub.target, data }]);
      await s.requester.act(s.hub.target, data);
      expect(await s.requester.succeeded(0)).to.equal(false);
      expect(await hre.ethers.provider.getBalance(refundTo)).to.equal(REWARD);
      expect(await hre.ethers.provider.getBalance(s.hub.target)).to.equal(REWARD);
    });

    it("keeps the credit of a receiver that takes no money", async () => {
      const s = await loadFixture(stage);
      const refundTo = String(s.requester.target);
      const job = await open(s, { refundTo });
      await as(s.hub, s.alice).refuse(...job.refusal(s.aliceKey, await now(s.user)));
      await s.requester.setMode(Mode.RevertWithError);
      const data = s.hub.interface.encodeFunctionData("withdraw");
      await expect(s.requester.act(s.hub.target, data))
        .to.be.revertedWithCustomError(s.hub, "HubPaymentFailed")
        .withArgs(refundTo, REWARD);
      expect(await s.hub.creditOf(refundTo)).to.equal(REWARD);
    });
  });

  describe("withdrawOperator", () => {
    it("pays the operator's payout of the day, by anyone", async () => {
      const s = await loadFixture(stage);
      await land(s, await open(s));
      const payout = Wallet.createRandom().address;
      await as(s.registry, s.alice).setPayout(1, payout);
      await expect(as(s.hub, s.stranger).withdrawOperator(1))
        .to.emit(s.hub, "Withdrawn")
        .withArgs(payout, 1, REWARD);
      expect(await hre.ethers.provider.getBalance(payout)).to.equal(REWARD);
      await expect(as(s.hub, s.stranger).withdrawOperator(1))
        .to.be.revertedWithCustomError(s.hub, "HubNothingToWithdraw")
        .withArgs(OPERATOR_FLAG | 1n);
    });

    it("pays an unknown operator nothing", async () => {
      const s = await loadFixture(stage);
      await expect(s.hub.withdrawOperator(77))
        .to.be.revertedWithCustomError(s.hub, "HubNothingToWithdraw")
        .withArgs(OPERATOR_FLAG | 77n);
    });

    it("keeps the credit where the payout takes no money", async () => {
      const s = await loadFixture(stage);
      await land(s, await open(s));
      await as(s.registry, s.alice).setPayout(1, s.requester.target);
      await s.requester.setMode(Mode.RevertWithError);
      await expect(s.hub.withdrawOperator(1))
        .to.be.revertedWithCustomError(s.hub, "HubPaymentFailed")
        .withArgs(s.requester.target, REWARD);
      expect(await s.hub.operatorCreditOf(1)).to.equal(REWARD);
    });
  });
});
