import { pipeError } from "./errors";

export interface AccountLimits {
  /** Refilled evenly over a minute. */
  readonly simulationsPerMinute: number;
  /** Refilled evenly over an hour. */
  readonly inferencesPerHour: number;
}

/**
 * What is charged. `speculation`: a run that only a guess calls for. It is nobody's to pay for, but has a bucket of the size of the inferences: a
 * contract that asks much of placeholders, and nothing of real answers, would have everything run for nothing.
 */
export type Work = "simulation" | "inference" | "speculation";
type Bucket = Record<Work, number> & {
  atMs: number;
};

/** Accounts remembered; one that was idle long enough to be full again need not be. */
const MAX_ACCOUNTS = 10_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * What each asker may make the engine do: a token bucket for simulations and one for inferences. An account is an API key or an address that signed
 * something, never a contract that is called: nobody can use up another's limits. Spent work stays spent, whether its results were used or not.
 */
export class Accounts {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly limits: AccountLimits,
    private readonly nowMs: () => number,
  ) {}

  /** @throws AssayError `PIPE_ACCOUNT_LIMIT` with the milliseconds until there is one more */
  charge(account: string, what: Work): void {
    const bucket = this.refilled(account);
    if (bucket[what] < 1) {
      const perMs =
        what === "simulation" ? this.limits.simulationsPerMinute / MINUTE_MS : this.limits.inferencesPerHour / HOUR_MS;
      const waitMs = Math.ceil((1 - bucket[what]) / perMs);
      throw pipeError("PIPE_ACCOUNT_LIMIT", { account: nameOf(account), what, waitMs }, { retry: "later" });
    }
    bucket[what] -= 1;
  }

  private refilled(account: string): Bucket {
    const { simulationsPerMinute, inferencesPerHour } = this.limits;
    const now = this.nowMs();
    const known = this.buckets.get(account);
    const full = {
      simulation: simulationsPerMinute,
      inference: inferencesPerHour,
      speculation: inferencesPerHour,
      atMs: now,
    };
    const bucket = known ?? full;
    const passed = Math.max(0, now - bucket.atMs);
    const refill = (have: number, size: number, perMs: number): number => Math.min(size, have + passed * perMs);
    bucket.simulation = refill(bucket.simulation, simulationsPerMinute, simulationsPerMinute / MINUTE_MS);
    bucket.inference = refill(bucket.inference, inferencesPerHour, inferencesPerHour / HOUR_MS);
    bucket.speculation = refill(bucket.speculation, inferencesPerHour, inferencesPerHour / HOUR_MS);
    bucket.atMs = now;
    // Last used, last dropped: an attacker with many addresses pushes out the idle ones, which are full anyway.
    this.buckets.delete(account);
    this.buckets.set(account, bucket);
    const oldest = this.buckets.keys().next();
    if (this.buckets.size > MAX_ACCOUNTS && oldest.done === false) this.buckets.delete(oldest.value);
    return bucket;
  }
}

/** An API key is a secret: in errors and logs it is named by its kind alone. */
const nameOf = (account: string): string => (account.startsWith("0x") ? account : "your API key");
