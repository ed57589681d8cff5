import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { concat, id, keccak256, TypedDataEncoder, toBeHex, ZeroHash } from "ethers";
import hre from "hardhat";
import { Code } from "../helpers/fixture";
import { keyOf } from "../helpers/portable";
import { RESULT } from "../helpers/statements";
import { fresh, inputOf, pulse, type SyncStage, signerOf, syncStage } from "../helpers/sync";
import { as, mined, now } from "../helpers/world";

const stage = () => syncStage();
const DAY = 86_400n;
const MAX = (1n << 72n) - 1n;
const FEE = 100n;

describe("PIPE: who pays", () => {
  const someFee = (s: SyncStage, name: string, feeWei = FEE) => fresh(s, { input: inputOf(name), feeWei });
  /** The start of a day on which nothing has happened; Alice's enclave lives. */
  const newDay = async (s: SyncStage) => {
    const day = (await now(s.user)) / DAY + 1n;
    await time.increaseTo(day * DAY);
    const { lifeOf } = s.registry;
    if (BigInt((await lifeOf(signerOf(s.aliceKey))).epochEnd) > (await now(s.user))) {
      await pulse(s, s.aliceKey);
      await pulse(s, s.bobKey);
    }
    return day;
  };
  const publishFor = (s: SyncStage, results: readonly unknown[], sponsors: readonly unknown[], from = s.alice) =>
    as(s.hub, from).publishFor(results, sponsors);

  it("the value pays, and what is left of it becomes the sender's credit", async () => {
    const s = await loadFixture(stage);
    const user = as(s.hub, s.user);
    await mined(user.provide([await someFee(s, "a"), await someFee(s, "b")], { value: 250n }));
    expect(await s.hub.creditOf(s.user)).to.equal(50n);
    expect(await s.hub.operatorCreditOf(1)).to.equal(200n);
    expect(await hre.ethers.provider.getBalance(s.hub.target)).to.equal(250n);
  });

  it("then the credit pays, and without enough of both nothing happens", async () => {
    const s = await loadFixture(stage);
    const user = as(s.hub, s.user);
    await mined(user.deposit({ value: 130n }));
    await mined(user.publish([await someFee(s, "a")], { value: 30n }));
    expect(await s.hub.creditOf(s.user)).to.equal(60n);
    await expect(user.publish([await someFee(s, "b")], { value: 39n }))
      .to.be.revertedWithCustomError(s.hub, "HubCreditTooLow")
      .withArgs(await s.user.getAddress(), 60n, 61n);
    await mined(user.publish([await someFee(s, "b")], { value: 40n }));
    expect(await s.hub.creditOf(s.user)).to.equal(0n);
    await expect(user.withdraw()).to.be.revertedWithCustomError(s.hub, "HubNothingToWithdraw");
  });

  it("a deposit can be withdrawn", async () => {
    const s = await loadFixture(stage);
    await mined(as(s.hub, s.user).deposit({ value: 5n }));
    await expect(as(s.hub, s.user).withdraw()).to.changeEtherBalances([s.hub, s.user], [-5n, 5n]);
  });

  it("credits each operator its own fees, in whatever order they come", async () => {
    const s = await loadFixture(stage);
    const of = (name: string, key: SyncStage["aliceKey"], feeWei: bigint) =>
      fresh(s, { input: inputOf(name), key, feeWei });
    const results = [
      await of("1", s.aliceKey, 1n),
      await of("2", s.bobKey, 10n),
      await of("3", s.bobKey, 0n),
      await of("4", s.aliceKey, 100n),
      await of("5", s.bobKey, 1_000n),
    ];
    for (const method of ["provide", "publish"] as const)
      await mined(as(s.hub, s.user)[method](results, { value: 1_111n }));
    expect([await s.hub.operatorCreditOf(1), await s.hub.operatorCreditOf(2)]).to.deep.equal([202n, 2_020n]);
  });

  it("a fee wider than its type is not believed, whoever signed it", async () => {
    const s = await loadFixture(stage);
    const r = await fresh(s);
    const wide = toBeHex(1n << 96n, 32);
    const words = [TypedDataEncoder.from(RESULT).encodeType("ResultStatement")].map((type) => id(type));
    words.push(ZeroHash, r.inference.modelHash, r.inference.inputHash, keccak256(r.output), ZeroHash, r.runtimeProfile);
    words.push(ZeroHash, wide, toBeHex(r.issuedAt, 32), toBeHex(r.expiresAt, 32));
    const digest = keccak256(concat(["0x1901", TypedDataEncoder.hashDomain(s.domain), keccak256(concat(words))]));
    const proof = s.aliceKey.sign(digest).compactSerialized;
    const data = s.hub.interface.encodeFunctionData("provide", [[{ ...r, proof }]]);
    // Selector, offset, length, offset of the result; the fee is its seventh word.
    const at = 2 + 8 + 64 * (3 + 6);
    const dirty = `${data.slice(0, at)}${wide.slice(2)}${data.slice(at + 64)}`;
    await expect(as(s.hub, s.user).provide.staticCall([r])).not.to.be.reverted;
    await expect(s.user.sendTransaction({ to: s.hub.target, data: dirty, value: 1n << 60n, gasLimit: 1_000_000 }))
      .to.be.revertedWithCustomError(s.hub, "HubResultRejected")
      .withArgs(0n, keyOf(), Code.BAD_PROOF);
  });

  describe("grants", () => {
    const granted = async () => {
      const s = await syncStage();
      await newDay(s);
      await mined(as(s.hub, s.user).grant(1, 250n, { value: 1_000n }));
      return s;
    };
    const sponsors = async (s: SyncStage) => [await s.user.getAddress()];

    it("pay for results of their operator, up to the allowance of the day, and again the next day", async () => {
      const s = await loadFixture(granted);
      const user = await s.user.getAddress();
      expect(await s.hub.grantOf(user, 1)).to.deep.equal([1_000n, 250n, 250n, 0n]);
      await expect(publishFor(s, [await someFee(s, "a")], [user]))
        .to.emit(s.hub, "Published")
        .withArgs(
          (v: string) => v.length === 66,
          signerOf(s.aliceKey),
          user,
          (v: bigint) => v > 0n,
          FEE,
        );
      await mined(publishFor(s, [await someFee(s, "b")], [user]));
      expect(await s.hub.grantOf(user, 1)).to.deep.equal([800n, 250n, 50n, 0n]);
      await expect(publishFor(s, [await someFee(s, "c")], [user]))
        .to.be.revertedWithCustomError(s.hub, "HubGrantTooLow")
        .withArgs(user, 1n, 50n, FEE);
      expect(await s.hub.operatorCreditOf(1)).to.equal(200n);
      const day = (await now(s.user)) / DAY;
      await time.increaseTo((day + 1n) * DAY);
      expect((await s.hub.grantOf(user, 1)).availableWei).to.equal(250n);
      expect(await s.hub.creditOf(user), "nothing but the grant").to.equal(0n);
    });

    it("give no more than they hold", async () => {
      const s = await loadFixture(granted);
      await mined(as(s.hub, s.stranger).grant(1, 500n, { value: 99n }));
      const stranger = await s.stranger.getAddress();
      await expect(publishFor(s, [await someFee(s, "a")], [stranger]))
        .to.be.revertedWithCustomError(s.hub, "HubGrantTooLow")
        .withArgs(stranger, 1n, 99n, FEE);
    });

    it("are drawn on by the operator and its posters only, and for that operator's results only", async () => {
      const s = await loadFixture(granted);
      const result = await someFee(s, "a");
      for (const from of [s.bob, s.stranger, s.user]) {
        await expect(publishFor(s, [result], await sponsors(s), from as typeof s.alice))
          .to.be.revertedWithCustomError(s.hub, "HubNotOperator")
          .withArgs(1n, await from.getAddress());
      }
      await mined(as(s.registry, s.alice).setPoster(1, s.bob, true));
      await mined(publishFor(s, [result], await sponsors(s), s.bob));
      // Bob's own results are another operator's, to which nothing was granted.
      const bobs = await fresh(s, { key: s.bobKey, feeWei: FEE });
      await expect(publishFor(s, [bobs], await sponsors(s), s.bob))
        .to.be.revertedWithCustomError(s.hub, "HubGrantTooLow")
        .withArgs(await s.user.getAddress(), 2n, 0n, FEE);
    });

    it("leave to the sender what names no sponsor, and nothing of what costs nothing", async () => {
      const s = await loadFixture(granted);
      const user = await s.user.getAddress();
      const zero = "0x0000000000000000000000000000000000000000";
      const results = [await someFee(s, "a"), await someFee(s, "b"), await someFee(s, "c", 0n)];
      await mined(as(s.hub, s.alice).publishFor(results, [user, zero, user], { value: FEE }));
      expect((await s.hub.grantOf(user, 1)).balanceWei).to.equal(900n);
      // A free result is anybody's to publish, whoever is named.
      await mined(publishFor(s, [await someFee(s, "d", 0n)], [user], s.stranger));
      await expect(publishFor(s, results, [user]))
        .to.be.revertedWithCustomError(s.hub, "HubSponsorsMismatch")
        .withArgs(3n, 1n);
    });

    it("are not charged for a duplicate", async () => {
      const s = await loadFixture(granted);
      await mined(publishFor(s, [await someFee(s, "a")], await sponsors(s)));
      await mined(
        publishFor(
          s,
          [await someFee(s, "a"), await someFee(s, "a", 7n)],
          [...(await sponsors(s)), ...(await sponsors(s))],
        ),
      );
      expect((await s.hub.grantOf(s.user, 1)).balanceWei).to.equal(900n);
    });

    it("grow, and are not lowered under the operator", async () => {
      const s = await loadFixture(granted);
      const user = as(s.hub, s.user);
      await expect(user.grant(1, 249n)).to.be.revertedWithCustomError(s.hub, "HubGrantLowered").withArgs(250n, 249n);
      await mined(publishFor(s, [await someFee(s, "a")], await sponsors(s)));
      await expect(user.grant(1, 300n, { value: 1n }))
        .to.emit(s.hub, "GrantChanged")
        .withArgs(await s.user.getAddress(), 1n, 901n, 300n);
      expect(await s.hub.grantOf(s.user, 1), "what was spent today counts").to.deep.equal([901n, 300n, 200n, 0n]);
    });

    it("hold at most 2^72 - 1 wei, and as much a day", async () => {
      const s = await loadFixture(granted);
      const user = as(s.hub, s.user);
      await hre.network.provider.send("hardhat_setBalance", [await s.user.getAddress(), "0x3635c9adc5dea000000000"]);
      await expect(user.grant(1, MAX + 1n))
        .to.be.revertedWithCustomError(s.hub, "HubGrantTooLarge")
        .withArgs(MAX + 1n);
      await expect(user.grant(1, 250n, { value: MAX - 999n }))
        .to.be.revertedWithCustomError(s.hub, "HubGrantTooLarge")
        .withArgs(MAX + 1n);
      await mined(user.grant(1, MAX, { value: MAX - 1_000n }));
      expect(await s.hub.grantOf(s.user, 1)).to.deep.equal([MAX, MAX, MAX, 0n]);
      await mined(publishFor(s, [await someFee(s, "a")], await sponsors(s)));
      expect(await s.hub.grantOf(s.user, 1)).to.deep.equal([MAX - FEE, MAX, MAX - FEE, 0n]);
    });

    it("are reclaimed after a notice of at least a day, within which the operator may still draw", async () => {
      const s = await loadFixture(granted);
      const user = as(s.hub, s.user);
      const me = await s.user.getAddress();
      await expect(user.giveNotice(2)).to.be.revertedWithCustomError(s.hub, "HubGrantUnknown").withArgs(me, 2n);
      await expect(user.reclaim(1)).to.be.revertedWithCustomError(s.hub, "HubNoticeNotOver");
      await mined(user.giveNotice(1));
      const given = await now(s.user);
      const { noticeEndsAt } = await s.hub.grantOf(me, 1);
      expect(noticeEndsAt).to.be.within(given + DAY, given + DAY + 3_600n);
      await time.increase(3_600);
      await pulse(s, s.aliceKey);
      await expect(user.giveNotice(1)).to.emit(s.hub, "GrantNotice").withArgs(me, 1n, noticeEndsAt);
      await mined(publishFor(s, [await someFee(s, "a")], [me]));
      await time.setNextBlockTimestamp(noticeEndsAt - 1n);
      await expect(user.reclaim(1))
        .to.be.revertedWithCustomError(s.hub, "HubNoticeNotOver")
        .withArgs(noticeEndsAt, noticeEndsAt - 1n);
      await time.increaseTo(noticeEndsAt);
      expect((await s.hub.grantOf(me, 1)).availableWei, "the operator is too late").to.equal(0n);
      expect(await user.reclaim.staticCall(1)).to.equal(900n);
      await mined(user.reclaim(1));
      expect(await s.hub.creditOf(me)).to.equal(900n);
      expect(await s.hub.grantOf(me, 1)).to.deep.equal([0n, 0n, 0n, 0n]);
      await expect(user.reclaim(1))
        .to.be.revertedWithCustomError(s.hub, "HubNoticeNotOver")
        .withArgs(0n, (v: bigint) => v > 0n);
    });

    it("a new grant takes a notice back", async () => {
      const s = await loadFixture(granted);
      await mined(as(s.hub, s.user).giveNotice(1));
      await mined(as(s.hub, s.user).grant(1, 250n));
      expect(await s.hub.grantOf(s.user, 1)).to.deep.equal([1_000n, 250n, 250n, 0n]);
    });
  });
});
