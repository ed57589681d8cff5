/** How failures are held against a subject. */
export interface StrikePolicy {
  /** Distinct witnesses (inputs, requesters …) it takes before the subject is kept away at all. */
  readonly threshold: number;
  /** First time away; doubled by each further failure. */
  readonly baseMs: number;
  readonly maxMs: number;
}

interface Entry {
  readonly witnesses: Set<string>;
  /** Failures since the threshold was met. */
  strikes: number;
  untilMs: number;
}

/**
 * Counts failures by subject and says until when each is kept away.
 * Bounded: requests choose some of the subjects, so the oldest are forgotten when there are too many.
 */
export class StrikeBook {
  readonly #entries = new Map<string, Entry>();
  readonly #maxEntries: number;

  constructor(maxEntries = 10_000) {
    this.#maxEntries = maxEntries;
  }

  /** A failure; `witness` is who or what saw it, and the same one counts once towards the threshold. */
  strike(args: {
    readonly subject: string;
    readonly witness: string;
    readonly policy: StrikePolicy;
    readonly nowMs: number;
  }): void {
    const { subject, witness, policy, nowMs } = args;
    const entry = this.#entries.get(subject) ?? { witnesses: new Set<string>(), strikes: 0, untilMs: 0 };
    if (entry.witnesses.size < policy.threshold) entry.witnesses.add(witness);
    if (entry.witnesses.size >= policy.threshold) {
      // The exponent is capped because 2^1024 is infinite.
      entry.untilMs = nowMs + Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(entry.strikes, 40));
      entry.strikes += 1;
    }
    // Deleted first, so that the order of the map is that of the last failure.
    this.#entries.delete(subject);
    this.#entries.set(subject, entry);
    if (this.#entries.size > this.#maxEntries) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
  }

  /** Milliseconds of the host's clock until which the subject is kept away; 0 if it is not. */
  untilMs(subject: string): number {
    return this.#entries.get(subject)?.untilMs ?? 0;
  }

  /** A success takes everything back. */
  clear(subject: string): void {
    this.#entries.delete(subject);
  }

  get size(): number {
    return this.#entries.size;
  }
}
