import { cosOfTurns, log, sinOfTurns } from "../train/math";
import type { PriceBar } from "./prices";

/** A number that a contract has to pass, and what it means. */
export interface FeatureDescription {
  readonly name: string;
  readonly meaning: string;
  readonly unit: string;
}

/** The state of the market at the close of an hour, in the order of the model's input. */
export const MARKET_FEATURES: readonly FeatureDescription[] = [
  { name: "log_vol_6h", meaning: "ln(realised volatility of the last 6 hours + 0.0001)", unit: "ln of daily volatility" },
  { name: "log_vol_24h", meaning: "ln(realised volatility of the last 24 hours + 0.0001)", unit: "ln of daily volatility" },
  { name: "log_vol_168h", meaning: "ln(realised volatility of the last 168 hours + 0.0001)", unit: "ln of daily volatility" },
  { name: "log_vol_720h", meaning: "ln(realised volatility of the last 720 hours + 0.0001)", unit: "ln of daily volatility" },
  { name: "log_range_vol_24h", meaning: "ln(Parkinson's high-low volatility of the last 24 hours + 0.0001)", unit: "ln of daily volatility" },
  { name: "log_range_vol_168h", meaning: "ln(Parkinson's high-low volatility of the last 168 hours + 0.0001)", unit: "ln of daily volatility" },
  { name: "return_24h", meaning: "ln(close / close 24 hours ago)", unit: "ln of a price ratio" },
  { name: "return_168h", meaning: "ln(close / close 168 hours ago)", unit: "ln of a price ratio" },
  { name: "below_high_720h", meaning: "ln(close / highest high of the last 720 hours)", unit: "ln of a price ratio" },
  { name: "above_low_720h", meaning: "ln(close / lowest low of the last 720 hours)", unit: "ln of a price ratio" },
  { name: "hour_sin", meaning: "sine of the UTC hour in which the bar begins, 24 hours being one turn", unit: "1" },
  { name: "hour_cos", meaning: "cosine of the UTC hour in which the bar begins, 24 hours being one turn", unit: "1" },
  { name: "weekend", meaning: "1 on Saturday and Sunday (UTC), else 0", unit: "1" },
];

/** Hours of history that the features look back on; the first bar with features is the one at this index. */
export const HISTORY_HOURS = 720;
/** Keeps the logarithm finite in a market that stands still. */
export const VOLATILITY_FLOOR = 1e-4;

export interface MarketHistory {
  readonly bars: readonly PriceBar[];
  /** Root of the summed squared hourly log returns of the `hours` up to and with bar `at`, scaled to a day. */
  volatility(at: number, hours: number): number;
  /** The 13 features at the close of bar `at`, which must be `HISTORY_HOURS` or more. */
  features(at: number): number[];
}

export function marketHistory(bars: readonly PriceBar[]): MarketHistory {
  const bar = (at: number): PriceBar => {
    const found = bars[at];
    if (found === undefined) throw new RangeError(`no bar ${at}`);
    return found;
  };
  const squaredReturns = cumulative(bars.length, (t) => (t === 0 ? 0 : log(bar(t).close / bar(t - 1).close) ** 2));
  // Parkinson 1980: the squared log range over 4 ln 2 estimates the variance of the hour.
  const squaredRanges = cumulative(bars.length, (t) => log(bar(t).high / bar(t).low) ** 2 / (4 * Math.LN2));
  const daily = (sums: Float64Array, at: number, hours: number): number => {
    if (at + 1 < hours) throw new RangeError(`bar ${at} has no ${hours} hours before it`);
    return Math.sqrt((((sums[at + 1] as number) - (sums[at + 1 - hours] as number)) / hours) * 24);
  };
  const volatility = (at: number, hours: number): number => daily(squaredReturns, at, hours);
  const logVolatility = (sums: Float64Array, at: number, hours: number): number => log(daily(sums, at, hours) + VOLATILITY_FLOOR);
  const features = (at: number): number[] => {
    if (at < HISTORY_HOURS) throw new RangeError(`bar ${at} has less than ${HISTORY_HOURS} hours of history`);
    const { close, timeMs } = bar(at);
    let high = 0;
    let low = Number.POSITIVE_INFINITY;
    for (let t = at - HISTORY_HOURS + 1; t <= at; t += 1) {
      high = Math.max(high, bar(t).high);
      low = Math.min(low, bar(t).low);
    }
    const date = new Date(timeMs);
    const turn = date.getUTCHours() / 24;
    const day = date.getUTCDay();
    return [
      ...[6, 24, 168, 720].map((hours) => logVolatility(squaredReturns, at, hours)),
      ...[24, 168].map((hours) => logVolatility(squaredRanges, at, hours)),
      log(close / bar(at - 24).close),
      log(close / bar(at - 168).close),
      log(close / high),
      log(close / low),
      sinOfTurns(turn),
      cosOfTurns(turn),
      day === 0 || day === 6 ? 1 : 0,
    ];
  };
  return { bars, volatility, features };
}

/** `sums[t]` is the sum of the first t values. */
function cumulative(count: number, at: (index: number) => number): Float64Array {
  const sums = new Float64Array(count + 1);
  for (let t = 0; t < count; t += 1) sums[t + 1] = (sums[t] as number) + at(t); // t + 1 is at most `count`.
  return sums;
}
