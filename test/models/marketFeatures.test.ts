import { gzipSync } from "node:zlib";
import { expect } from "chai";
import { parseDigits } from "../../scripts/models/data/digits";
import {
  HISTORY_HOURS,
  MARKET_FEATURES,
  marketHistory,
  VOLATILITY_FLOOR,
} from "../../scripts/models/data/marketFeatures";
import { type PriceBar, parsePrices } from "../../scripts/models/data/prices";
import { liquidationFeatures } from "../../scripts/models/recipes/liquidationRisk";

const RISE = 0.01;
/** A Thursday, 00:00 UTC. */
const START_MS = Date.UTC(2020, 0, 2);
const HOUR_MS = 3_600_000;

/** A price that rises by 1 % (as a log return) each hour, with a range of 2 % around it: every feature has a closed form. */
const steady: PriceBar[] = Array.from({ length: HISTORY_HOURS + 60 }, (_, t) => {
  const close = 100 * Math.exp(RISE * t);
  return { timeMs: START_MS + t * HOUR_MS, close, high: close * Math.exp(RISE), low: close * Math.exp(-RISE) };
});

describe("models: features", () => {
  it("are as many as they are described", () => {
    expect(marketHistory(steady).features(HISTORY_HOURS).length).to.equal(MARKET_FEATURES.length);
  });

  it("have their closed form on a steady market", () => {
    const daily = Math.sqrt(24) * RISE;
    const range = Math.sqrt((24 * (2 * RISE) ** 2) / (4 * Math.LN2));
    const logOf = (volatility: number): number => Math.log(volatility + VOLATILITY_FLOOR);
    const at = HISTORY_HOURS + 54; // 30 days and 54 hours after a Thursday: Monday, 06:00.
    const expected = [
      ...[1, 2, 3, 4].map(() => logOf(daily)),
      ...[1, 2].map(() => logOf(range)),
      24 * RISE,
      168 * RISE,
      -RISE,
      719 * RISE + RISE,
      1,
      0,
      0,
    ];
    for (const [f, value] of marketHistory(steady).features(at).entries()) {
      expect(value, MARKET_FEATURES[f]?.name).to.be.closeTo(expected[f] ?? Number.NaN, 1e-9);
    }
  });

  it("look at nothing that comes later", () => {
    const at = HISTORY_HOURS + 5;
    const crash = steady.map((bar, t) => (t > at ? { ...bar, close: 1, high: 1, low: 1 } : bar));
    expect(marketHistory(crash).features(at)).to.deep.equal(marketHistory(steady).features(at));
  });

  it("refuse a bar with too little history", () => {
    expect(() => marketHistory(steady).features(HISTORY_HOURS - 1)).to.throw(RangeError);
  });

  it("put the buffer before the market", () => {
    const market = MARKET_FEATURES.map((_, f) => f / 10);
    const features = liquidationFeatures(0.2, market);
    const drop = -Math.log(0.8);
    const expected = [drop, Math.log(drop), Math.log(drop) - 0.1, Math.log(drop) - 0.2, ...market];
    for (const [f, value] of expected.entries()) expect(features[f]).to.be.closeTo(value, 1e-14);
    expect(features.length).to.equal(17);
  });
});

describe("models: data", () => {
  it("refuses tables of another form", () => {
    const table = (...lines: string[]): Uint8Array => gzipSync(lines.join("\n"));
    expect(() => parsePrices(table("time,price", "1,2"))).to.throw();
    expect(() => parsePrices(table("timestamp,open,high,low,close,volume", "1,2,3"))).to.throw();
    expect(() => parsePrices(table("timestamp,open,high,low,close,volume", "1,2,3,4,3,1"))).to.throw();
    expect(() => parseDigits(table("1,2,3"))).to.throw();
    expect(() => parseDigits(table([...new Array<number>(64).fill(17), 3].join(",")))).to.throw();
    expect(() => parseDigits(table([...new Array<number>(64).fill(1), 10].join(",")))).to.throw();
  });
});
