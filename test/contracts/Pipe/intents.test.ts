import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, type Signer, toBeHex, ZeroHash } from "ethers";
import hre from "hardhat";
import { BALANCE, type Scene, scene, type Target } from "../helpers/intentScene";
import { type Forwarder, forwarderDomain, INTENT, type Intent, intentOf, signIntent } from "../helpers/intents";
import { OUTPUT } from "../helpers/job";
import { DEMAND, keyOf } from "../helpers/portable";
import { deploy, fresh, hubCall, inputOf, QUESTION } from "../helpers/sync";
import { as, mined, now, type With } from "../helpers/world";

const GAS = { gasLimit: 2_000_000 };
const FEE = 100n;
const RELAY = 30n;

describe("PIPE: IntentForwarder", () => {
  const data = (s: Scene, method: string, args: readonly unknown[] = []) =>
    s.target.interface.encodeFunctionData(method, args);
  const intent = async (s: Scene, o: Partial<Intent> = {}) =>
    intentOf({
      from: s.from,
      target: String(s.target.target),
      data: data(s, "record"),
      deadline: (await now(s.user)) + 3_600n,
      maxResultFeeWei: 1_000n,
      relayFeeWei: RELAY,
      maxFailureFeeWei: 10n,
      ...o,
    });
  const sign = (s: Scene, i: Intent, by: Signer = s.user) =>
    signIntent(by, forwarderDomain(s, String(s.forwarder.target)), i);
  const send = async (s: Scene, i: Intent, results: readonly unknown[] = [], signature?: string) =>
    as(s.forwarder, s.stranger).execute(i, signature ?? (await sign(s, i)), results, GAS);
  const balances = async (s: Scene) =>
    [await s.forwarder.balanceOf(s.from), await s.forwarder.balanceOf(s.stranger)] as const;
  const asks = (s: Scene, question: readonly unknown[] = QUESTION) => data(s, "infer", [s.hub.target, ...question]);

  it("signs what ethers signs", async () => {
    const s = await loadFixture(scene);
    const i = await intent(s, { nonce: 7n, value: 5n, data: "0x010203" });
    const { TypedDataEncoder } = hre.ethers;
    const domain = forwarderDomain(s, String(s.forwarder.target));
    expect(await s.forwarder.digestOf(i)).to.equal(TypedDataEncoder.hash(domain, INTENT, i));
  });

  it("brings the results and calls the target, which sees the user; all balances are exact", async () => {
    const s = await loadFixture(scene);
    const i = await intent(s, { data: asks(s), value: 0n });
    await expect(send(s, i, [await fresh(s, { feeWei: FEE })]))
      .to.emit(s.forwarder, "IntentExecuted")
      .withArgs(s.from, 0n, await s.stranger.getAddress(), true, "0x00000000", FEE, RELAY);
    expect(await s.target.sender()).to.equal(s.from);
    expect(await s.target.output()).to.equal(OUTPUT);
    expect(await balances(s)).to.deep.equal([BALANCE - FEE - RELAY, RELAY]);
    expect(await s.hub.operatorCreditOf(1)).to.equal(FEE);
    expect(await s.hub.creditOf(s.forwarder.target)).to.equal(0n);
    expect(await hre.ethers.provider.getBalance(s.forwarder.target)).to.equal(BALANCE - FEE);
    await expect(as(s.forwarder, s.stranger).withdraw(RELAY)).to.changeEtherBalance(s.stranger, RELAY);
    await expect(as(s.forwarder, s.user).withdraw(BALANCE)).to.be.revertedWithCustomError(
      s.forwarder,
      "IntentBalanceTooLow",
    );
  });

  it("sends the value out of the user's balance, and gives it back if the call fails", async () => {
    const s = await loadFixture(scene);
    await mined(send(s, await intent(s, { value: 77n })));
    expect(await s.target.value()).to.equal(77n);
    const before = await s.forwarder.balanceOf(s.from);
    const i = await intent(s, { value: 77n, nonce: 1n, data: data(s, "fail", ["0x"]) });
    await expect(send(s, i))
      .to.emit(s.forwarder, "IntentExecuted")
      .withArgs(s.from, 1n, await s.stranger.getAddress(), false, "0x00000000", 0n, 10n);
    expect(before - (await s.forwarder.balanceOf(s.from)), "the failure fee only").to.equal(10n);
    expect(await s.forwarder.isNonceUsed(s.from, 1n)).to.equal(true);
  });

  it("pays no more for a failure than for success", async () => {
    const s = await loadFixture(scene);
    const failure = `${id("TargetFailed(uint256)").slice(0, 10)}${"00".repeat(32)}`;
    const i = await intent(s, { maxFailureFeeWei: 5_000n, data: data(s, "fail", [failure]) });
    await expect(send(s, i))
      .to.emit(s.forwarder, "IntentExecuted")
      .withArgs(s.from, 0n, await s.stranger.getAddress(), false, failure.slice(0, 10), 0n, RELAY);
    expect(await balances(s)).to.deep.equal([BALANCE - RELAY, RELAY]);
  });

  it("executes an intent once, in whatever order nonces come", async () => {
    const s = await loadFixture(scene);
    const nonces = [
      0n,
      127n,
      1n,
      128n,
      5_000n,
      2n,
      129n,
      5_001n,
      1n << 39n,
      (1n << 256n) - 1n,
      (1n << 39n) - 1n,
      3n,
      255n,
    ];
    for (const nonce of nonces) {
      expect(await s.forwarder.isNonceUsed(s.from, nonce)).to.equal(false);
      await mined(send(s, await intent(s, { nonce })));
    }
    for (const nonce of nonces) {
      expect(await s.forwarder.isNonceUsed(s.from, nonce)).to.equal(true);
      await expect(send(s, await intent(s, { nonce })))
        .to.be.revertedWithCustomError(s.forwarder, "IntentNonceUsed")
        .withArgs(s.from, nonce);
    }
    for (const nonce of [4n, 126n, 130n, 256n, 5_002n, (1n << 39n) + 1n]) {
      expect(await s.forwarder.isNonceUsed(s.from, nonce)).to.equal(false);
    }
    expect(await s.forwarder.balanceOf(s.from)).to.equal(BALANCE - RELAY * BigInt(nonces.length));
  });

  it("refuses a nonce that the user cancelled, and a second cancelling", async () => {
    const s = await loadFixture(scene);
    await expect(as(s.forwarder, s.user).cancel(9n)).to.emit(s.forwarder, "IntentCancelled").withArgs(s.from, 9n);
    await expect(send(s, await intent(s, { nonce: 9n }))).to.be.revertedWithCustomError(s.forwarder, "IntentNonceUsed");
    await expect(as(s.forwarder, s.user).cancel(9n)).to.be.revertedWithCustomError(s.forwarder, "IntentNonceUsed");
    await mined(as(s.forwarder, s.stranger).cancel(8n));
    await mined(send(s, await intent(s, { nonce: 8n })));
  });

  it("executes up to the deadline and not after it", async () => {
    const s = await loadFixture(scene);
    const i = await intent(s);
    await time.setNextBlockTimestamp(i.deadline + 1n);
    await expect(send(s, i))
      .to.be.revertedWithCustomError(s.forwarder, "IntentExpired")
      .withArgs(i.deadline, i.deadline + 1n);
    const last = await intent(s);
    await time.setNextBlockTimestamp(last.deadline);
    await mined(send(s, last));
  });

  it("is executed by the named relayer only", async () => {
    const s = await loadFixture(scene);
    const relayer = await s.bob.getAddress();
    const i = await intent(s, { relayer });
    await expect(send(s, i))
      .to.be.revertedWithCustomError(s.forwarder, "IntentWrongRelayer")
      .withArgs(relayer, await s.stranger.getAddress());
    await mined(as(s.forwarder, s.bob).execute(i, await sign(s, i), [], GAS));
  });

  it("refuses the hub, the registry and itself as targets", async () => {
    const s = await loadFixture(scene);
    for (const target of [s.hub.target, s.registry.target, s.forwarder.target]) {
      await expect(send(s, await intent(s, { target: String(target) })))
        .to.be.revertedWithCustomError(s.forwarder, "IntentTargetForbidden")
        .withArgs(target);
    }
  });

  it("refuses a target that does not trust it, or is nobody", async () => {
    const s = await loadFixture(scene);
    const another = await deploy<Target>("MockIntentTarget", [s.hub.target]);
    const nobodies = [another.target, s.requester.target, s.from, toBeHex(4, 20), toBeHex(2, 20)];
    for (const target of nobodies) {
      await expect(send(s, await intent(s, { target: String(target) })), String(target)).to.be.revertedWithCustomError(
        s.forwarder,
        "IntentTargetDoesNotTrust",
      );
    }
  });

  it("takes the user's signature over exactly this intent, chain and forwarder", async () => {
    const s = await loadFixture(scene);
    const i = await intent(s);
    const good = await sign(s, i);
    const twin = await deploy<Forwarder>("IntentForwarder", [s.hub.target]);
    const forged = [
      await sign(s, i, s.stranger),
      await sign(s, { ...i, value: 1n }),
      await signIntent(s.user, forwarderDomain(s, String(twin.target)), i),
      await signIntent(s.user, forwarderDomain({ chainId: 1n }, String(s.forwarder.target)), i),
      good.slice(0, -2),
      `${good}00`,
      "0x",
      `0x${"00".repeat(65)}`,
      hre.ethers.Signature.from(good).compactSerialized,
    ];
    const { r, s: low, v } = hre.ethers.Signature.from(good);
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    forged.push(hre.ethers.concat([r, toBeHex(order - BigInt(low), 32), toBeHex(55 - v, 1)]));
    for (const signature of forged) {
      await expect(send(s, i, [], signature), signature)
        .to.be.revertedWithCustomError(s.forwarder, "IntentSignatureInvalid")
        .withArgs(s.from);
    }
    await expect(send(s, { ...i, from: hre.ethers.ZeroAddress }, [], `0x${"00".repeat(65)}`))
      .to.be.revertedWithCustomError(s.forwarder, "IntentSignatureInvalid")
      .withArgs(hre.ethers.ZeroAddress);
    for (const change of [
      { target: String(twin.target) },
      { data: "0x01" },
      { gas: 1n },
      { relayFeeWei: 31n },
      { nonce: 5n },
    ]) {
      await expect(send(s, { ...i, ...change }, [], good)).to.be.reverted;
    }
    await mined(send(s, i, [], good));
  });

  it("asks a contract wallet (ERC-1271), with a gas cap", async () => {
    const s = await loadFixture(scene);
    const wallet = await deploy<With<"isValidSignature">>("MockWallet", [s.from]);
    await mined(s.forwarder.depositFor(wallet.target, { value: 100n }));
    const i = await intent(s, { from: String(wallet.target) });
    await mined(send(s, i));
    expect(await s.target.sender()).to.equal(wallet.target);
    const other = await intent(s, { from: String(wallet.target), nonce: 1n });
    await expect(send(s, other, [], await sign(s, other, s.stranger))).to.be.revertedWithCustomError(
      s.forwarder,
      "IntentSignatureInvalid",
    );
    for (const [gas, ok] of [
      [150_000n, true],
      [250_000n, false],
    ] as const) {
      const lax = await deploy<With<"isValidSignature">>("MockLaxWallet", [gas]);
      const free = await intent(s, { from: String(lax.target), relayFeeWei: 0n });
      const sent = send(s, free, [], "0x");
      if (ok) await mined(sent);
      else await expect(sent).to.be.revertedWithCustomError(s.forwarder, "IntentSignatureInvalid");
    }
  });

  it("takes no more for results than the user allowed, nor more than the balance", async () => {
    const s = await loadFixture(scene);
    const results = [await fresh(s, { feeWei: 600n }), await fresh(s, { feeWei: 401n, input: inputOf("b") })];
    await expect(send(s, await intent(s), results))
      .to.be.revertedWithCustomError(s.forwarder, "IntentResultFeeTooHigh")
      .withArgs(1_001n, 1_000n);
    await expect(send(s, await intent(s, { value: BALANCE - 1_029n, maxResultFeeWei: 1_001n }), results))
      .to.be.revertedWithCustomError(s.forwarder, "IntentBalanceTooLow")
      .withArgs(s.from, BALANCE, BALANCE + 2n);
    await mined(send(s, await intent(s, { value: BALANCE - 1_031n, maxResultFeeWei: 1_001n }), results));
    expect(await s.forwarder.balanceOf(s.from)).to.equal(0n);
  });

  it("gives back what results would have cost that were there already", async () => {
    const s = await loadFixture(scene);
    const result = await fresh(s, { feeWei: FEE });
    const other = await fresh(s, { feeWei: 7n, input: inputOf("other") });
    const i = await intent(s, { data: asks(s) });
    const calls = await Promise.all(
      [i, { ...i, nonce: 1n }].map(async (each) => ({
        target: s.forwarder.target,
        value: 0n,
        data: s.forwarder.interface.encodeFunctionData("execute", [each, await sign(s, each), [result, other, result]]),
      })),
    );
    await mined(s.probe.run(calls, GAS));
    expect([await s.probe.succeeded(0), await s.probe.succeeded(1)]).to.deep.equal([true, true]);
    const resultFees = FEE + 7n;
    expect(await s.forwarder.balanceOf(s.from)).to.equal(BALANCE - 2n * RELAY - resultFees);
    expect(await s.hub.operatorCreditOf(1)).to.equal(resultFees);
    expect(await s.hub.creditOf(s.forwarder.target)).to.equal(0n);
    expect(await hre.ethers.provider.getBalance(s.forwarder.target)).to.equal(BALANCE - resultFees);
  });

  it("reverts whole, and unpaid, with the hub's word on a result that can not stand", async () => {
    const s = await loadFixture(scene);
    const bad = await fresh(s, { signed: { feeWei: 1n } });
    await expect(send(s, await intent(s), [bad])).to.be.revertedWithCustomError(s.hub, "HubResultRejected");
    expect(await s.forwarder.isNonceUsed(s.from, 0n)).to.equal(false);
    expect(await balances(s)).to.deep.equal([BALANCE, 0n]);
  });

  it("counts the fees of the results that the hub will see, however they are encoded", async () => {
    const s = await loadFixture(scene);
    const i = await intent(s);
    const call = s.forwarder.interface.encodeFunctionData("execute", [
      i,
      await sign(s, i),
      [await fresh(s, { feeWei: FEE })],
    ]);
    // The array is last: its first offset word is followed by 16 words of the result.
    const words = (call.length - 10) / 64;
    const at = 10 + 64 * (words - 17);
    expect(BigInt(`0x${call.slice(at, at + 64)}`)).to.equal(32n);
    const wraps = toBeHex((1n << 256n) - 64n, 32).slice(2);
    const forged = `${call.slice(0, at)}${wraps}${call.slice(at + 64)}`;
    await expect(s.stranger.sendTransaction({ to: s.forwarder.target, data: forged, ...GAS }))
      .to.be.revertedWithCustomError(s.forwarder, "IntentResultsMalformed")
      .withArgs(0n);
  });

  it("gives the call exactly the promised gas, at any gas limit, or reverts whole", async () => {
    const s = await loadFixture(scene);
    const counts = { landed: 0, refused: 0 };
    for (let limit = 330_000; limit < 480_000; limit += 5_000) {
      const i = await intent(s, { nonce: BigInt(limit), gas: 250_000n, relayFeeWei: 1n });
      const sent = as(s.forwarder, s.stranger).execute(i, await sign(s, i), [], { gasLimit: limit });
      if (
        await sent
          .then((tx: { wait(): Promise<unknown> }) => tx.wait())
          .then(
            () => true,
            () => false,
          )
      ) {
        counts.landed += 1;
        expect(await s.target.gasSeen()).to.be.within(249_000n, 250_000n);
      } else {
        counts.refused += 1;
        expect(await s.forwarder.isNonceUsed(s.from, i.nonce)).to.equal(false);
      }
    }
    expect(counts.landed).to.be.above(3);
    expect(counts.refused).to.be.above(3);
    const i = await intent(s, { gas: 1_990_000n });
    await expect(send(s, i)).to.be.revertedWithCustomError(s.forwarder, "IntentGasTooLow").withArgs(1_990_000n);
  });

  it("pays for a call that burns all of its gas as for any failure", async () => {
    const s = await loadFixture(scene);
    await mined(send(s, await intent(s, { data: data(s, "burn"), gas: 300_000n })));
    expect(await balances(s)).to.deep.equal([BALANCE - 10n, 10n]);
  });

  it("reverts whole, and unpaid, if the call needs an inference that is absent", async () => {
    const s = await loadFixture(scene);
    const i = await intent(s, { data: asks(s), gas: 500_000n });
    for (const results of [[], [await fresh(s, { input: inputOf("another"), feeWei: FEE })]]) {
      await expect(send(s, i, results))
        .to.be.revertedWithCustomError(s.forwarder, "IntentInferenceMissing")
        .withArgs(keyOf());
    }
    expect(await s.forwarder.isNonceUsed(s.from, 0n)).to.equal(false);
    expect(await balances(s)).to.deep.equal([BALANCE, 0n]);
    await mined(send(s, i, [await fresh(s, { feeWei: FEE })]));
  });

  it("takes a made-up error of a present key for a failure, and of an absent key for what it says", async () => {
    const s = await loadFixture(scene);
    const pretend = data(s, "pretend", [keyOf(), DEMAND]);
    await expect(send(s, await intent(s, { data: pretend })))
      .to.be.revertedWithCustomError(s.forwarder, "IntentInferenceMissing")
      .withArgs(keyOf());
    const selector = id("InferenceRequired(bytes32,bytes32,bytes,(uint8,bytes32,bytes32))").slice(0, 10);
    await expect(send(s, await intent(s, { data: pretend }), [await fresh(s, { feeWei: FEE })]))
      .to.emit(s.forwarder, "IntentExecuted")
      .withArgs(s.from, 0n, await s.stranger.getAddress(), false, selector, FEE, 10n);
    // Too short for the error, or with a level that does not exist: a failure, and an absent key.
    const short = data(s, "fail", [selector]);
    await mined(send(s, await intent(s, { nonce: 1n, data: short })));
    const dirty = `${selector}${keyOf().slice(2)}${ZeroHash.slice(2).repeat(2)}${"ff".repeat(32)}${"00".repeat(64)}`;
    await expect(send(s, await intent(s, { nonce: 2n, data: data(s, "fail", [dirty]) })))
      .to.be.revertedWithCustomError(s.forwarder, "IntentInferenceMissing")
      .withArgs(keyOf());
  });

  it("is not entered again", async () => {
    const s = await loadFixture(scene);
    const inner = await intent(s, { nonce: 1n });
    const face = s.forwarder.interface;
    const calls = [
      face.encodeFunctionData("execute", [inner, await sign(s, inner), []]),
      face.encodeFunctionData("withdraw", [1n]),
      face.encodeFunctionData("cancel", [3n]),
      face.encodeFunctionData("depositFor", [s.from]),
    ];
    for (const [n, call] of calls.entries()) {
      const i = await intent(s, {
        nonce: BigInt(10 + n),
        data: data(s, "reenter", [s.forwarder.target, call]),
        gas: 400_000n,
      });
      await mined(send(s, i));
      expect(await s.target.gasSeen()).to.equal(2n);
      expect((await s.target.answer()).slice(0, 10)).to.equal(id("ReentrancyGuardReentrantCall()").slice(0, 10));
    }
  });

  it("refuses plain ether", async () => {
    const s = await loadFixture(scene);
    await expect(s.user.sendTransaction({ to: s.forwarder.target, value: 1n }))
      .to.be.revertedWithCustomError(s.forwarder, "IntentUnexpectedEther")
      .withArgs(s.from);
  });

  it("acts as nobody at the hub: what a target does there it does as itself", async () => {
    const s = await loadFixture(scene);
    const call = hubCall(s, "withdraw", []);
    const i = await intent(s, { data: data(s, "reenter", [s.hub.target, call.data]), gas: 400_000n });
    await mined(send(s, i, [await fresh(s, { feeWei: FEE })]));
    expect(await s.target.gasSeen(), "nothing to withdraw").to.equal(2n);
  });
});
