import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, type Signer, Wallet } from "ethers";
import fc from "fast-check";
import hre from "hardhat";
import { Mode, type Stage, Status, setStage } from "../helpers/fixture";
import { args, INPUT, Job, MODEL } from "../helpers/job";
import { encodeTerms } from "../helpers/terms";
import { as, mined, now } from "../helpers/world";

/** What the model remembers of a request. */
interface Open {
  readonly job: Job;
  readonly deadline: bigint;
  readonly feeWei: bigint;
  readonly refundTo: string;
  readonly callsBack: boolean;
  status: bigint;
}

const GAS = { gasLimit: 16_000_000 };

/** The hub's books kept by hand: whatever the hub does must end with the same numbers. */
class Model {
  readonly requests: Open[] = [];
  readonly operators = new Map<number, bigint>();
  readonly accounts = new Map<string, bigint>();
  readonly done: Record<string, number> = {};

  constructor(
    private readonly s: Stage,
    private readonly seed: number,
  ) {}

  private count(what: string) {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  private earn(operator: number, wei: bigint) {
    this.operators.set(operator, (this.operators.get(operator) ?? 0n) + wei);
  }

  private give(account: string, wei: bigint) {
    this.accounts.set(account, (this.accounts.get(account) ?? 0n) + wei);
  }

  private pick(n: number): Open | undefined {
    return this.requests.length === 0 ? undefined : this.requests[n % this.requests.length];
  }

  private key(n: number) {
    return n % 2 === 0 ? this.s.aliceKey : this.s.bobKey;
  }

  private sender(n: number): Signer {
    return n % 2 === 0 ? this.s.alice : this.s.bob;
  }

  async request(n: number) {
    const { s } = this;
    const callsBack = n % 3 === 0;
    const deadline = (await now(s.user)) + BigInt(20 + (n % 400));
    const rewardWei = n % 7 === 0 ? 0n : BigInt(1000 + n);
    const feeWei = rewardWei === 0n ? 0n : BigInt(n % 500);
    const user = await s.user.getAddress();
    const other = await s.stranger.getAddress();
    const requester = callsBack ? String(s.requester.target) : user;
    const refundTo = n % 2 === 0 ? other : requester;
    const terms = encodeTerms({
      deadline,
      refusalFeeWei: feeWei,
      ...(callsBack ? { callbackGas: 400_000 } : {}),
      ...(n % 2 === 0 ? { refundTo: other } : {}),
    });
    const salt = id(`${this.seed}/${this.requests.length}`);
    const job = new Job(s.domain, { requester, terms, salt, rewardWei });
    const ask = callsBack ? s.requester.ask : as(s.hub, s.user).request;
    await mined(ask(MODEL, INPUT, terms, salt, { value: rewardWei }));
    this.requests.push({ job, deadline, feeWei, refundTo, callsBack, status: Status.Open });
    this.count("request");
  }

  /** What a result for a request must do now, and the books after it; false if it must not land. */
  private async landing(r: Open, n: number, time: bigint, sender: number): Promise<boolean> {
    if (r.status !== Status.Open || time > r.deadline || (r.callsBack && sender % 2 !== n % 2)) return false;
    this.earn((n % 2) + 1, r.job.data.rewardWei);
    const failing = r.callsBack && Number(await this.s.requester.mode()) !== Mode.Record;
    r.status = failing ? Status.CallbackFailed : Status.Fulfilled;
    this.count(failing ? "callbackFailed" : "fulfilled");
    return true;
  }

  private async next(): Promise<bigint> {
    const t = (await now(this.s.user)) + 2n;
    await time.setNextBlockTimestamp(t);
    return t;
  }

  async fulfil(n: number, m: number) {
    const r = this.pick(n);
    if (r === undefined) return;
    const t = await this.next();
    const sent = as(this.s.hub, this.sender(m)).fulfill(...args(r.job.result(this.key(m), t)), GAS);
    if (await this.landing(r, m, t, m)) await mined(sent);
    else await expect(sent).to.be.reverted;
  }

  async batch(picks: readonly number[], m: number) {
    const chosen = picks.map((n) => this.pick(n)).filter((r): r is Open => r !== undefined);
    const t = await this.next();
    const items = chosen.map((r, i) => {
      const { hash: _, ...item } = r.job.result(this.key(picks[i] ?? 0), t);
      return item;
    });
    await mined(as(this.s.hub, this.sender(m)).fulfillBatch(items, GAS));
    for (const [i, r] of chosen.entries()) if (await this.landing(r, picks[i] ?? 0, t, m)) this.count("batched");
  }

  async refuse(n: number, m: number) {
    const r = this.pick(n);
    if (r === undefined) return;
    const t = await this.next();
    const sent = as(this.s.hub, this.s.user).refuse(...r.job.refusal(this.key(m), t), GAS);
    if (r.status !== Status.Open || t > r.deadline) return expect(sent).to.be.reverted;
    await mined(sent);
    this.earn((m % 2) + 1, r.feeWei);
    this.give(r.refundTo, r.job.data.rewardWei - r.feeWei);
    r.status = Status.Refused;
    this.count("refused");
  }

  async refund(n: number) {
    const r = this.pick(n);
    if (r === undefined) return;
    const t = await this.next();
    const sent = as(this.s.hub, this.s.user).refund(r.job.data, GAS);
    if (r.status !== Status.Open || t <= r.deadline) return expect(sent).to.be.reverted;
    await mined(sent);
    this.give(r.refundTo, r.job.data.rewardWei);
    r.status = Status.Refunded;
    this.count("refunded");
  }

  async withdraw(n: number) {
    const [account, sender] =
      n % 2 === 0
        ? [await this.s.user.getAddress(), this.s.user]
        : [await this.s.stranger.getAddress(), this.s.stranger];
    const owed = this.accounts.get(account) ?? 0n;
    const sent = as(this.s.hub, sender).withdraw(GAS);
    if (owed === 0n) return expect(sent).to.be.reverted;
    await mined(sent);
    this.accounts.set(account, 0n);
    this.count("withdrawn");
  }

  async withdrawOperator(n: number) {
    const operator = (n % 2) + 1;
    const owed = this.operators.get(operator) ?? 0n;
    const sent = as(this.s.hub, this.s.stranger).withdrawOperator(operator, GAS);
    if (owed === 0n) return expect(sent).to.be.reverted;
    await mined(sent);
    this.operators.set(operator, 0n);
    this.count("operatorPaid");
  }

  /** Callbacks fail from now on, or work again. */
  async mood(n: number) {
    await this.s.requester.setMode(n % 2 === 0 ? Mode.Record : Mode.RevertWithError);
  }

  async wait(n: number) {
    await time.increase(20 + (n % 200));
  }

  /** Credits and states equal the model's, and with the open escrow they are exactly what the hub holds. */
  async check() {
    const { hub } = this.s;
    let total = 0n;
    for (const operator of [1, 2]) {
      const credit = await hub.operatorCreditOf(operator);
      expect(credit).to.equal(this.operators.get(operator) ?? 0n);
      total += credit;
    }
    for (const who of [
      await this.s.user.getAddress(),
      await this.s.stranger.getAddress(),
      String(this.s.requester.target),
    ]) {
      const credit = await hub.creditOf(who);
      expect(credit).to.equal(this.accounts.get(who) ?? 0n);
      total += credit;
    }
    for (const r of this.requests) {
      expect((await hub.statusOf(r.job.requestId)).status).to.equal(r.status);
      if (r.status === Status.Open) total += r.job.data.rewardWei;
    }
    expect(await hre.ethers.provider.getBalance(hub.target)).to.equal(total);
  }
}

type Step = (model: Model) => Promise<unknown>;

const nat = fc.nat({ max: 999 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: nat.map(
      (n): Step =>
        (m) =>
          m.request(n),
    ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(nat, nat).map(
      ([n, k]): Step =>
        (m) =>
          m.fulfil(n, k),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.array(nat, { minLength: 1, maxLength: 6 }), nat).map(
      ([p, k]): Step =>
        (m) =>
          m.batch(p, k),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(nat, nat).map(
      ([n, k]): Step =>
        (m) =>
          m.refuse(n, k),
    ),
  },
  {
    weight: 4,
    arbitrary: nat.map(
      (n): Step =>
        (m) =>
          m.refund(n),
    ),
  },
  {
    weight: 2,
    arbitrary: nat.map(
      (n): Step =>
        (m) =>
          m.withdraw(n),
    ),
  },
  {
    weight: 2,
    arbitrary: nat.map(
      (n): Step =>
        (m) =>
          m.withdrawOperator(n),
    ),
  },
  {
    weight: 1,
    arbitrary: nat.map(
      (n): Step =>
        (m) =>
          m.mood(n),
    ),
  },
  {
    weight: 1,
    arbitrary: nat.map(
      (n): Step =>
        (m) =>
          m.wait(n),
    ),
  },
);

describe("invariant: the hub's money", () => {
  const stage = () =>
    // Payouts that nobody else uses, so that balances outside the hub play no part.
    setStage().then(async (s) => {
      await as(s.registry, s.alice).setPayout(1, new Wallet(id("payout/1")).address);
      await as(s.registry, s.bob).setPayout(2, new Wallet(id("payout/2")).address);
      return s;
    });

  it("open escrow and all credits are always the hub's balance, and as the model says", async function () {
    this.timeout(600_000);
    const done: Record<string, number> = {};
    let seed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 90, size: "max" }), async (steps) => {
        seed += 1;
        const model = new Model(await loadFixture(stage), seed);
        for (const run of steps) await run(model);
        await model.check();
        for (const [what, n] of Object.entries(model.done)) done[what] = (done[what] ?? 0) + n;
      }),
      { numRuns: 6, seed: 20_261_124, endOnFailure: true },
    );
    for (const what of [
      "request",
      "fulfilled",
      "batched",
      "callbackFailed",
      "refused",
      "refunded",
      "withdrawn",
      "operatorPaid",
    ]) {
      expect(done[what] ?? 0, what).to.be.above(0);
    }
  });
});
