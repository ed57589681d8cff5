import { loadFixture, takeSnapshot, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { hexToBytes } from "../../../../executor/protocol/bytes";
import { decodeTensorSet } from "../../../../executor/protocol/tensorSet";
import { marketHistory } from "../../../../scripts/models/data/marketFeatures";
import type { PriceBar } from "../../../../scripts/models/data/prices";
import { outputOf, UNIT } from "../../consumers/desk";
import { type Forwarder, forwarderDomain, intentOf, signIntent } from "../../helpers/intents";
import { MODEL } from "../../helpers/job";
import { DEMAND, keyOf } from "../../helpers/portable";
import { deploy, fresh, hubCall, type SyncStage, syncStage } from "../../helpers/sync";
import { as, enclaveKey, mined, now, registrationOf, type With } from "../../helpers/world";

type Token = With<"mint" | "approve" | "balanceOf">;
type Pool = With<
  "add" | "remove" | "swap" | "quote" | "modelInput" | "features" | "advance" | "reserve0" | "reserve1" | "openHour"
>;
interface Scene extends SyncStage {
  readonly pool: Pool;
  readonly forwarder: Forwarder;
  readonly tokens: readonly [Token, Token];
  readonly bars: readonly PriceBar[];
}

const KEY = enclaveKey("a month later");
const MAX_FEE = UNIT / 100n;
const HOUR = 3_600n;
const MUCH = 10n ** 30n;
const GAS = { gasLimit: 8_000_000 };

/** The same numbers in every run (a 32-bit linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function young(): Promise<Scene> {
  const s = await syncStage();
  const forwarder = await deploy<Forwarder>("IntentForwarder", [s.hub.target]);
  const tokens = [await deploy<Token>("MockToken", []), await deploy<Token>("MockToken", [])] as const;
  const addresses = tokens.map(({ target }) => target);
  const pool = await deploy<Pool>("VolatilityFeePool", [s.hub.target, DEMAND, forwarder.target, addresses, MODEL]);
  for (const token of tokens) {
    for (const who of [s.deployer, s.user]) {
      await mined(token.mint(who, MUCH));
      await mined(as(token, who).approve(pool.target, MUCH));
    }
  }
  return { ...s, forwarder, pool, tokens, bars: [] };
}

/** A month of trading, and what it looks like from outside. */
async function grown(): Promise<Scene> {
  const s = await young();
  const random = numbers(5);
  let [reserve0, reserve1] = [1_000n * UNIT, 2_000_000n * UNIT];
  let t = ((await now(s.user)) / HOUR + 1n) * HOUR + 10n;
  await time.setNextBlockTimestamp(t);
  await mined(s.pool.add(reserve0, reserve1));
  const stood: { from: bigint; until: bigint; price: number }[] = [];
  const first = t / HOUR;
  for (let hour = first; hour < first + 721n; hour += 1n) {
    const next = hour * HOUR + 20n + BigInt(Math.floor(random() * 3_500));
    if (next <= t) continue;
    stood.push({ from: t, until: next, price: Number((reserve1 * UNIT) / reserve0) / 1e18 });
    const zeroForOne = random() < 0.5;
    const share = BigInt(Math.floor(random() * 1e6)) * (UNIT / 10n ** 8n);
    const amountIn = ((zeroForOne ? reserve0 : reserve1) * share) / UNIT + 1n;
    await time.setNextBlockTimestamp(next);
    await as(s.pool, s.user).swap(zeroForOne, amountIn, 0n, GAS);
    const net = amountIn - (amountIn * MAX_FEE) / UNIT;
    if (zeroForOne) [reserve0, reserve1] = [reserve0 + amountIn, reserve1 - (net * reserve1) / (reserve0 + net)];
    else [reserve0, reserve1] = [reserve0 - (net * reserve0) / (reserve1 + net), reserve1 + amountIn];
    t = next;
  }
  expect([await s.pool.reserve0(), await s.pool.reserve1()]).to.deep.equal([reserve0, reserve1]);
  const end = (first + 721n) * HOUR;
  stood.push({ from: t, until: end, price: Number((reserve1 * UNIT) / reserve0) / 1e18 });
  await time.setNextBlockTimestamp(end + 5n);
  await mined(s.pool.advance());
  const bars: PriceBar[] = [];
  for (let hour = first; hour < first + 721n; hour += 1n) {
    const [start, stop] = [hour * HOUR, (hour + 1n) * HOUR];
    const parts = stood
      .map((p) => ({ ...p, from: p.from > start ? p.from : start, until: p.until < stop ? p.until : stop }))
      .filter((p) => p.until > p.from);
    const prices = parts.map(({ price }) => price);
    const high = Math.max(...prices);
    const mean = parts.reduce((sum, p) => sum + p.price * Number(p.until - p.from), 0) / 3_600;
    bars.push({
      timeMs: Number(start) * 1_000,
      high,
      low: Math.min(...prices),
      close: hour === first ? high : mean,
    } as PriceBar);
  }
  const { registration } = registrationOf(s, {
    key: KEY,
    operator: await s.alice.getAddress(),
    attestedAt: await now(s.user),
  });
  await mined(as(s.registry, s.alice).register(registration));
  return { ...s, bars };
}

describe("examples/VolatilityFeePool", () => {
  const forecast = async (s: Scene, volatility: number, feeWei = 0n) =>
    fresh(s, { key: KEY, input: await s.pool.modelInput(), output: outputOf("daily_volatility", volatility), feeWei });
  const swapCall = (s: Scene, amountIn = UNIT, zeroForOne = true) => ({
    target: s.pool.target,
    value: 0n,
    data: s.pool.interface.encodeFunctionData("swap", [zeroForOne, amountIn, 0n]),
  });

  it("asks nobody and takes the highest fee while there is no history", async () => {
    const s = await loadFixture(young);
    await mined(s.pool.add(1_000n * UNIT, 2_000_000n * UNIT));
    expect(await s.pool.modelInput()).to.equal("0x");
    const net = UNIT - MAX_FEE;
    const out = (net * 2_000_000n * UNIT) / (1_000n * UNIT + net);
    expect(await s.pool.quote(true, UNIT)).to.deep.equal([out, MAX_FEE]);
    await expect(as(s.pool, s.user).swap(true, UNIT, out + 1n))
      .to.be.revertedWithCustomError(s.pool, "PoolOutputTooLow")
      .withArgs(out, out + 1n);
    await expect(as(s.pool, s.user).swap(true, UNIT, out)).to.changeTokenBalances(s.tokens[1], [s.user], [out]);
    await expect(s.pool.swap(true, 0n, 0n)).to.be.revertedWithCustomError(s.pool, "PoolEmpty");
  });

  it("lets the provider alone add and remove", async () => {
    const s = await loadFixture(young);
    await mined(s.pool.add(10n, 20n));
    for (const method of ["add", "remove"] as const) {
      await expect(as(s.pool, s.user)[method](1n, 1n))
        .to.be.revertedWithCustomError(s.pool, "PoolNotProvider")
        .withArgs(await s.user.getAddress());
    }
    await mined(s.pool.remove(10n, 20n));
    expect(await s.tokens[0].balanceOf(s.deployer)).to.equal(MUCH);
  });

  it("computes the thirteen features of the model from its own series", async function () {
    this.timeout(300_000);
    const s = await loadFixture(grown);
    const expected = marketHistory(s.bars).features(720);
    const actual = (await s.pool.features()).map((v: bigint) => Number(v) / 1e18);
    expect(actual.length).to.equal(13);
    for (const [i, value] of expected.entries()) expect(actual[i], `feature ${i}`).to.be.closeTo(value, 1e-6);
    expect(decodeTensorSet(hexToBytes(await s.pool.modelInput()))[0]?.name).to.equal("features");
  });

  it("swaps and quotes at the fee of the forecast, and not without one", async () => {
    const s = await loadFixture(grown);
    const input = await s.pool.modelInput();
    const args = [keyOf({ input }), MODEL, input, (v: unknown[]) => v[0] === 1n] as const;
    await expect(as(s.pool, s.user).swap.staticCall(true, UNIT, 0n))
      .to.be.revertedWithCustomError(s.hub, "InferenceRequired")
      .withArgs(...args);
    await expect(s.pool.quote(true, UNIT))
      .to.be.revertedWithCustomError(s.hub, "InferenceRequired")
      .withArgs(...args);
    await mined(s.hub.publish([await forecast(s, 0.03)]));
    const [out, fee] = await s.pool.quote(true, UNIT);
    expect(Number(fee) / 1e18).to.be.closeTo(0.002, 1e-9);
    await expect(as(s.pool, s.user).swap(true, UNIT, out)).to.changeTokenBalances(s.tokens[1], [s.user], [out]);
  });

  for (const [volatility, fee] of [
    [0, MAX_FEE],
    [-1, MAX_FEE],
    [3, MAX_FEE],
    [1e-6, UNIT / 2_000n],
  ] as const) {
    it(`bounds the fee of a forecast of ${volatility}`, async () => {
      const s = await loadFixture(grown);
      await mined(s.hub.publish([await forecast(s, volatility)]));
      expect((await s.pool.quote(true, UNIT)).fee).to.equal(fee);
    });
  }

  it("does not swap on a NaN", async () => {
    const s = await loadFixture(grown);
    await mined(s.hub.publish([await forecast(s, Number.NaN)]));
    await expect(as(s.pool, s.user).swap(true, UNIT, 0n)).to.be.reverted;
  });

  it("choosing the input in the same transaction does not help: a big trade before changes nothing that is asked", async () => {
    const s = await loadFixture(grown);
    const input = await s.pool.modelInput();
    for (const token of s.tokens) {
      await mined(token.mint(s.probe.target, MUCH));
      const data = token.interface.encodeFunctionData("approve", [s.pool.target, MUCH]);
      await mined(s.probe.run([{ target: token.target, value: 0n, data }]));
    }
    const result = await forecast(s, 0.03);
    const look = { target: s.pool.target, value: 0n, data: s.pool.interface.encodeFunctionData("modelInput") };
    const calls = [hubCall(s, "provide", [[result]]), swapCall(s, 900n * UNIT), look, swapCall(s)];
    await mined(s.probe.run(calls, { gasLimit: 16_000_000 }));
    for (const i of calls.keys()) expect(await s.probe.succeeded(i), `call ${i}`).to.equal(true);
    expect(s.pool.interface.decodeFunctionResult("modelInput", await s.probe.returned(2))[0]).to.equal(input);
    expect(await s.pool.modelInput(), "nor in the next block").to.equal(input);
  });

  it("a price that is moved and moved back within one transaction leaves no trace in the series", async () => {
    const s = await loadFixture(grown);
    const hour = await s.pool.openHour();
    const closing = (hour + 1n) * HOUR + 7n;
    /** What is asked after the hour, with or without an attempt in it. */
    const featuresAfter = async (attempt: boolean) => {
      const result = await forecast(s, 1e-6);
      const big = 500n * UNIT;
      const calls = [hubCall(s, "provide", [[result]]), swapCall(s, big)];
      if (attempt) {
        for (const token of s.tokens) {
          await mined(token.mint(s.probe.target, MUCH));
          const data = token.interface.encodeFunctionData("approve", [s.pool.target, MUCH]);
          await mined(s.probe.run([{ target: token.target, value: 0n, data }]));
        }
        const back = as(s.pool, s.user).interface.encodeFunctionData("swap", [false, await backFor(s, big), 0n]);
        calls.push({ target: s.pool.target, value: 0n, data: back });
        await mined(s.probe.run(calls, { gasLimit: 16_000_000 }));
      }
      await time.setNextBlockTimestamp(closing);
      await mined(s.pool.advance());
      return (await s.pool.features()).map((v: bigint) => Number(v) / 1e18);
    };
    const snapshot = await takeSnapshot();
    const quiet = await featuresAfter(false);
    await snapshot.restore();
    const moved = await featuresAfter(true);
    for (const [i, value] of quiet.entries()) expect(moved[i], `feature ${i}`).to.be.closeTo(value, 1e-9);
  });

  it("works by intent: the trader is the user behind the forwarder", async () => {
    const s = await loadFixture(grown);
    const { data } = swapCall(s);
    const from = await s.user.getAddress();
    const intent = intentOf({
      from,
      target: String(s.pool.target),
      data,
      deadline: (await now(s.user)) + 60n,
      gas: 600_000n,
    });
    const signature = await signIntent(s.user, forwarderDomain(s, String(s.forwarder.target)), intent);
    const sent = as(s.forwarder, s.stranger).execute(intent, signature, [await forecast(s, 0.03)], GAS);
    await expect(sent).to.changeTokenBalances(s.tokens[0], [s.user, s.pool], [-UNIT, UNIT]);
  });

  it("closes hours that nobody traded in, some at a time, and does not swap before it is up to date", async () => {
    const s = await loadFixture(young);
    await mined(s.pool.add(1_000n * UNIT, 2_000_000n * UNIT));
    const opened = await s.pool.openHour();
    await time.increaseTo((opened + 60n) * HOUR + 1n);
    await expect(as(s.pool, s.user).swap(true, UNIT, 0n, GAS))
      .to.be.revertedWithCustomError(s.pool, "SeriesBehind")
      .withArgs(opened + 48n, opened + 60n);
    await mined(s.pool.advance(GAS));
    await mined(as(s.pool, s.user).swap(true, UNIT, 0n, GAS));
    expect(await s.pool.openHour()).to.equal(opened + 60n);
  });

  /** What brings the price back to within a wei after `big` of the first token came in, both ways at a fee of 0.05 %. */
  async function backFor(s: Scene, big: bigint): Promise<bigint> {
    const [reserve0, reserve1] = [await s.pool.reserve0(), await s.pool.reserve1()];
    const netOf = (amount: bigint) => amount - amount / 2_000n;
    const out = (netOf(big) * reserve1) / (reserve0 + netOf(big));
    const [a, b] = [reserve0 + big, reserve1 - out];
    let [low, high] = [0n, 4n * reserve1];
    while (high - low > 1n) {
      const middle = (low + high) / 2n;
      const left = a - (netOf(middle) * a) / (b + netOf(middle));
      if ((b + middle) * reserve0 < reserve1 * left) low = middle;
      else high = middle;
    }
    return high;
  }
});
