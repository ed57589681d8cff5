/** Gains of the smoothed mean and deviation, as in RFC 6298, section 2. */
const ALPHA = 1 / 8;
const BETA = 1 / 4;
/** Runs of a pair before its own success rate is believed rather than the enclave's. */
const ENOUGH = 4;
const LEAST_SUCCESS = 0.05;

interface Smoothed {
  mean: number;
  deviation: number;
}
interface Rate {
  value: number;
  runs: number;
}

export interface RunEstimate {
  readonly runMs: number;
  readonly runDeviationMs: number;
  readonly successRate: number;
}

/**
 * What was seen of run times and failures, and what it lets expect.
 * A pair of enclave and model that never met is estimated from the model elsewhere and from how fast the enclave is with other models.
 */
export class RunEstimates {
  readonly #pairs = new Map<string, Map<string, Smoothed>>();
  readonly #pairRates = new Map<string, Map<string, Rate>>();
  /** Run time of a model on an enclave of speed 1. */
  readonly #models = new Map<string, number>();
  /** How much longer than others the enclave takes. */
  readonly #slowness = new Map<string, number>();
  readonly #rates = new Map<string, Rate>();
  readonly #firstGuessMs: number;

  constructor(firstGuessMs = 50) {
    this.#firstGuessMs = firstGuessMs;
  }

  succeeded(enclaveId: string, modelHash: string, runMs: number): void {
    this.#rate(enclaveId, modelHash, 1);
    const slowness = this.#slowness.get(enclaveId) ?? 1;
    const usual = this.#models.get(modelHash);
    if (usual !== undefined && usual > 0)
      this.#slowness.set(enclaveId, clamp(slowness + ALPHA * (runMs / usual - slowness)));
    this.#models.set(modelHash, usual === undefined ? runMs : usual + ALPHA * (runMs / slowness - usual));
    const pairs = inner(this.#pairs, enclaveId);
    const pair = pairs.get(modelHash);
    if (pair === undefined) {
      pairs.set(modelHash, { mean: runMs, deviation: runMs / 2 });
      return;
    }
    pair.deviation += BETA * (Math.abs(runMs - pair.mean) - pair.deviation);
    pair.mean += ALPHA * (runMs - pair.mean);
  }

  failed(enclaveId: string, modelHash: string): void {
    this.#rate(enclaveId, modelHash, 0);
  }

  /** An enclave that left takes what was learnt of it along: another key may be another machine. */
  forget(enclaveId: string): void {
    for (const map of [this.#pairs, this.#pairRates, this.#slowness, this.#rates]) map.delete(enclaveId);
  }

  of(enclaveId: string, modelHash: string): RunEstimate {
    const own = this.#pairRates.get(enclaveId)?.get(modelHash);
    const rate = own !== undefined && own.runs >= ENOUGH ? own.value : (this.#rates.get(enclaveId)?.value ?? 1);
    const successRate = Math.max(LEAST_SUCCESS, rate);
    const pair = this.#pairs.get(enclaveId)?.get(modelHash);
    if (pair !== undefined) return { runMs: pair.mean, runDeviationMs: pair.deviation, successRate };
    const runMs = (this.#models.get(modelHash) ?? this.#firstGuessMs) * (this.#slowness.get(enclaveId) ?? 1);
    return { runMs, runDeviationMs: runMs / 2, successRate };
  }

  #rate(enclaveId: string, modelHash: string, outcome: 0 | 1): void {
    const rates = inner(this.#pairRates, enclaveId);
    for (const [map, key] of [
      [rates, modelHash],
      [this.#rates, enclaveId],
    ] as const) {
      const rate = map.get(key) ?? { value: 1, runs: 0 };
      map.set(key, { value: rate.value + ALPHA * (outcome - rate.value), runs: rate.runs + 1 });
    }
  }
}

/** One absurd time, such as that of a suspended laptop, must not rule an enclave out for good. */
function clamp(slowness: number): number {
  return Math.min(100, Math.max(0.01, slowness));
}

function inner<V>(outer: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const found = outer.get(key) ?? new Map<string, V>();
  outer.set(key, found);
  return found;
}
