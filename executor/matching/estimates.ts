/** Gains of the smoothed mean and deviation, as in RFC 6298, section 2. */
const ALPHA = 1 / 8;
const BETA = 1 / 4;
/** How far what was seen of a pair moves to what its model takes elsewhere, with each run there: an enclave that was slow once must not be left out for good. */
const DRIFT = 1 / 16;
/** Runs of a pair before its own success rate is believed rather than the enclave's. */
const ENOUGH = 4;
const LEAST_SUCCESS = 0.05;

interface Smoothed {
  mean: number;
  deviation: number;
  runs: number;
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
  /** Where nothing better is known. */
  readonly #guesses = new Map<string, number>();
  /** How much longer than others the enclave takes. */
  readonly #slowness = new Map<string, number>();
  readonly #rates = new Map<string, Rate>();
  readonly #firstGuessMs: number;

  constructor(firstGuessMs = 50) {
    this.#firstGuessMs = firstGuessMs;
  }

  /** A run whose time contains that of loading: no more than a guess at what the model takes, where there is no better one. */
  succeededCold(enclaveId: string, modelHash: string, runMs: number): void {
    this.#rate(enclaveId, modelHash, 1);
    if (!this.#models.has(modelHash)) this.#guesses.set(modelHash, runMs);
  }

  succeeded(enclaveId: string, modelHash: string, runMs: number): void {
    this.#rate(enclaveId, modelHash, 1);
    this.#guesses.delete(modelHash);
    const slowness = this.#slowness.get(enclaveId) ?? 1;
    const usual = this.#models.get(modelHash);
    if (usual !== undefined && usual > 0)
      this.#slowness.set(enclaveId, clamp(slowness + ALPHA * (runMs / usual - slowness)));
    this.#models.set(modelHash, usual === undefined ? runMs : usual + ALPHA * (runMs / slowness - usual));
    const pairs = inner(this.#pairs, enclaveId);
    const pair = pairs.get(modelHash);
    if (pair === undefined) pairs.set(modelHash, { mean: runMs, deviation: runMs / 2, runs: 1 });
    else {
      pair.runs++;
      pair.deviation += BETA * (Math.abs(runMs - pair.mean) - pair.deviation);
      // The plain mean of the first few: none of them counts for more because it came first.
      pair.mean += Math.max(ALPHA, 1 / pair.runs) * (runMs - pair.mean);
    }
    this.#drift(enclaveId, modelHash);
  }

  #drift(enclaveId: string, modelHash: string): void {
    const usual = this.#models.get(modelHash);
    if (usual === undefined) return;
    for (const [other, pairs] of this.#pairs) {
      const pair = other === enclaveId ? undefined : pairs.get(modelHash);
      if (pair !== undefined) pair.mean += DRIFT * (usual * (this.#slowness.get(other) ?? 1) - pair.mean);
    }
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
    const usual = this.#models.get(modelHash) ?? this.#guesses.get(modelHash) ?? this.#firstGuessMs;
    const runMs = usual * (this.#slowness.get(enclaveId) ?? 1);
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
