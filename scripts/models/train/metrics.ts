import { exp, log } from "./math";

/** Predictions and what came true, in one order. */
export interface Scored {
  readonly predictions: ArrayLike<number>;
  readonly truths: ArrayLike<number>;
}

function mean(count: number, at: (index: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += at(i);
  return sum / count;
}

/** Area under the ROC curve: how often a case that came true is ranked above one that did not, ties counting half. */
export function areaUnderCurve({ predictions, truths }: Scored): number {
  const order = Array.from(predictions, (_, i) => i).sort((a, b) => (predictions[a] as number) - (predictions[b] as number));
  let rankSum = 0;
  let positives = 0;
  for (let start = 0; start < order.length; ) {
    let stop = start;
    while (stop < order.length && predictions[order[stop] as number] === predictions[order[start] as number]) stop += 1;
    const rank = (start + 1 + stop) / 2;
    for (let i = start; i < stop; i += 1) {
      if (truths[order[i] as number] === 1) {
        rankSum += rank;
        positives += 1;
      }
    }
    start = stop;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

/** Mean negative log-likelihood of yes-or-no outcomes. A prediction of exactly 0 or 1 is taken as 1e-6 off. */
export function logLoss({ predictions, truths }: Scored): number {
  return mean(predictions.length, (i) => {
    const p = Math.min(1 - 1e-6, Math.max(1e-6, predictions[i] as number));
    return -log(truths[i] === 1 ? p : 1 - p);
  });
}

export function brier({ predictions, truths }: Scored): number {
  return mean(predictions.length, (i) => ((predictions[i] as number) - (truths[i] as number)) ** 2);
}

/** 1 minus the squared error over that of the truths' own mean. */
export function rSquared({ predictions, truths }: Scored): number {
  const centre = mean(truths.length, (i) => truths[i] as number);
  const error = mean(truths.length, (i) => ((predictions[i] as number) - (truths[i] as number)) ** 2);
  return 1 - error / mean(truths.length, (i) => ((truths[i] as number) - centre) ** 2);
}

/** QLIKE loss of a variance forecast (Patton 2011), from logarithms of volatility; 0 is perfect. */
export function qlike({ predictions, truths }: Scored): number {
  return mean(truths.length, (i) => {
    const logRatio = 2 * ((truths[i] as number) - (predictions[i] as number));
    return exp(logRatio) - logRatio - 1;
  });
}

export function accuracy({ predictions, truths }: Scored): number {
  return mean(truths.length, (i) => (predictions[i] === truths[i] ? 1 : 0));
}
