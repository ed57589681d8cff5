import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import type { Signer } from "ethers";
import fc from "fast-check";
import hre from "hardhat";
import { open } from "../helpers/fixture";
import { type Forwarder, forwarderDomain, intentOf, signIntent } from "../helpers/intents";
import { args, MODEL } from "../helpers/job";
import { DEMAND, portable } from "../helpers/portable";
import { deploy, inputOf, pulse, type SyncStage, syncStage } from "../helpers/sync";
import { as, mined, now, type With } from "../helpers/world";
import { UNDER_COVERAGE } from "../tensor/outcome";

interface Scene extends SyncStage {
  readonly forwarder: Forwarder;
  readonly target: With<"infer">;
}

const GAS = { gasLimit: 4_000_000 };

async function scene(): Promise<Scene> {
  const s = await syncStage({ heartbeatSeconds: 86_400 });
  const forwarder = await deploy<Forwarder>("IntentForwarder", [s.hub.target]);
  const target = await deploy<With<"infer">>("MockIntentTarget", [forwarder.target]);
  return { ...s, forwarder, target };
}

/** Runs steps against real contracts; a step that the contracts refuse is as good a step as any. */
class Walk {
  readonly done: Record<string, number> = {};
  private openWei = 0n;
  private nonces = 0n;

  constructor(private readonly s: Scene) {}

  private who(n: number): Signer {
    return [this.s.user, this.s.stranger, this.s.alice, this.s.bob][n % 4] as Signer;
  }

  private async attempt(what: string, sent: Promise<{ wait(): Promise<unknown> }>): Promise<boolean> {
    const ok = await sent
      .then((tx) => tx.wait())
      .then(
        () => true,
        () => false,
      );
    const key = ok ? what : `${what}Refused`;
    this.done[key] = (this.done[key] ?? 0) + 1;
    return ok;
  }

  private async results(n: number, m: number) {
    const issuedAt = await now(this.s.user);
    return Array.from({ length: 1 + (n % 3) }, (_, i) =>
      portable(this.s, {
        key: (n + i) % 2 === 0 ? this.s.aliceKey : this.s.bobKey,
        issuedAt,
        expiresAt: issuedAt + 40n + BigInt(m % 400),
        feeWei: (n + i) % 5 === 0 ? 0n : BigInt((n * 7 + i) % 90),
        input: inputOf(`walk ${(m + i) % 6}`),
      }),
    );
  }

  deposit = (n: number, m: number) =>
    this.attempt("deposit", as(this.s.hub, this.who(n)).deposit({ value: m, ...GAS }));
  withdraw = (n: number) => this.attempt("withdraw", as(this.s.hub, this.who(n)).withdraw(GAS));
  withdrawOperator = (n: number) => this.attempt("withdrawOperator", this.s.hub.withdrawOperator(1 + (n % 2), GAS));
  grant = (n: number, m: number) =>
    this.attempt("grant", as(this.s.hub, this.who(n)).grant(1 + (m % 2), m % 150, { value: n % 300, ...GAS }));
  notice = (n: number, m: number) => this.attempt("notice", as(this.s.hub, this.who(n)).giveNotice(1 + (m % 2), GAS));
  reclaim = (n: number, m: number) => this.attempt("reclaim", as(this.s.hub, this.who(n)).reclaim(1 + (m % 2), GAS));

  async bring(n: number, m: number) {
    const value = m % 3 === 0 ? 0n : BigInt(m % 200);
    const method = n % 2 === 0 ? "provide" : "publish";
    await this.attempt(method, as(this.s.hub, this.who(n))[method](await this.results(n, m), { value, ...GAS }));
  }

  async sponsored(n: number, m: number) {
    const results = await this.results(n, m);
    const sponsors = await Promise.all(results.map((_, i) => this.who(m + i).getAddress()));
    await this.attempt(
      "sponsored",
      as(this.s.hub, n % 2 === 0 ? this.s.alice : this.s.bob).publishFor(results, sponsors, GAS),
    );
  }

  async fill(n: number, m: number) {
    await this.attempt("fill", as(this.s.forwarder, this.who(n)).depositFor(this.who(m), { value: m, ...GAS }));
  }

  empty = (n: number, m: number) => this.attempt("empty", as(this.s.forwarder, this.who(n)).withdraw(m % 200, GAS));

  async intent(n: number, m: number) {
    this.nonces += 1n;
    const { s } = this;
    const results = await this.results(n, m);
    const from = this.who(n);
    const data = s.target.interface.encodeFunctionData("infer", [
      s.hub.target,
      MODEL,
      inputOf(`walk ${m % 6}`),
      DEMAND,
    ]);
    const intent = intentOf({
      from: await from.getAddress(),
      target: String(s.target.target),
      data,
      nonce: this.nonces * BigInt(1 + (n % 60)),
      deadline: (await now(s.user)) + 600n,
      // A value makes the call fail, for the target takes none there.
      value: n % 4 === 0 ? BigInt(m % 20) : 0n,
      maxResultFeeWei: 300n,
      relayFeeWei: BigInt(n % 40),
      maxFailureFeeWei: BigInt(m % 40),
      gas: 400_000n,
    });
    const signature = await signIntent(from, forwarderDomain(s, String(s.forwarder.target)), intent);
    await this.attempt("intent", as(s.forwarder, this.who(m)).execute(intent, signature, results, GAS));
  }

  /** The callback way beside it: escrow is the third place where the hub's ether is. */
  async request(n: number) {
    const job = await open(this.s, {}, { rewardWei: BigInt(100 + n) });
    this.openWei += job.data.rewardWei;
    if (n % 2 === 0) return;
    await mined(as(this.s.hub, this.s.alice).fulfill(...args(job.result(this.s.aliceKey, await now(this.s.user)))));
    this.openWei -= job.data.rewardWei;
    this.done.fulfilled = (this.done.fulfilled ?? 0) + 1;
  }

  wait = async (n: number) => {
    await time.increase(n % 7 === 0 ? 30_000 : 20 + (n % 300));
    for (const key of [this.s.aliceKey, this.s.bobKey]) await pulse(this.s, key).catch((): void => undefined);
  };

  /** Everybody takes out what is theirs: then only open rewards are left. */
  async leave() {
    const everybody = [0, 1, 2, 3];
    for (const n of everybody) for (const operator of [0, 1]) await this.notice(n, operator);
    await time.increase(90_000);
    for (const n of everybody) {
      for (const operator of [0, 1]) await this.reclaim(n, operator);
      await this.withdraw(n);
      const { forwarder } = this.s;
      await mined(as(forwarder, this.who(n)).withdraw(await forwarder.balanceOf(this.who(n))));
    }
    for (const operator of [0, 1]) await this.withdrawOperator(operator);
    expect(await hre.ethers.provider.getBalance(this.s.hub.target)).to.equal(this.openWei);
    expect(await hre.ethers.provider.getBalance(this.s.forwarder.target)).to.equal(0n);
  }

  /** Nothing is lost and nothing is made: all that the books say is in the two contracts' balances. */
  async check() {
    const { hub, forwarder, probe, requester, target } = this.s;
    const people = [this.s.deployer, this.s.user, this.s.stranger, this.s.alice, this.s.bob];
    const accounts = [
      ...(await Promise.all(people.map((p) => p.getAddress()))),
      ...[forwarder, probe, requester, target].map((contract) => String(contract.target)),
    ];
    let owed = this.openWei;
    let kept = 0n;
    for (const account of accounts) {
      owed += await hub.creditOf(account);
      kept += await forwarder.balanceOf(account);
      for (const operator of [1, 2]) owed += (await hub.grantOf(account, operator)).balanceWei;
    }
    for (const operator of [1, 2]) owed += await hub.operatorCreditOf(operator);
    expect(await hre.ethers.provider.getBalance(hub.target), "credits, grants and open rewards").to.equal(owed);
    expect(await hre.ethers.provider.getBalance(forwarder.target), "balances of the forwarder").to.equal(kept);
    expect(await hub.creditOf(forwarder.target), "nothing of a user's stays at the hub").to.equal(0n);
  }
}

const STEPS = [
  "deposit",
  "withdraw",
  "withdrawOperator",
  "grant",
  "notice",
  "reclaim",
  "bring",
  "bring",
  "sponsored",
  "sponsored",
  "fill",
  "fill",
  "empty",
  "intent",
  "intent",
  "intent",
  "request",
  "wait",
] as const;

describe("invariant: the money of the synchronous way", () => {
  it("credits, grants and open rewards are the hub's ether; the forwarder's balances are its own", async function () {
    this.timeout(600_000);
    const done: Record<string, number> = {};
    const step = fc.record({ what: fc.constantFrom(...STEPS), n: fc.nat({ max: 999 }), m: fc.nat({ max: 999 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 90, maxLength: 130, size: "max" }), async (steps) => {
        const walk = new Walk(await loadFixture(scene));
        for (const [i, { what, n, m }] of steps.entries()) {
          await walk[what](n, m);
          if (i % 15 === 0) await walk.check();
        }
        await walk.check();
        await walk.leave();
        for (const [what, n] of Object.entries(walk.done)) done[what] = (done[what] ?? 0) + n;
      }),
      { numRuns: UNDER_COVERAGE ? 3 : 6, seed: 20_261_128, endOnFailure: true },
    );
    const expected = ["deposit", "withdraw", "withdrawOperator", "grant", "notice", "reclaim", "provide", "publish"];
    expected.push("sponsored", "sponsoredRefused", "fill", "empty", "intent", "intentRefused", "fulfilled");
    for (const what of expected) expect(done[what] ?? 0, what).to.be.above(0);
  });
});
