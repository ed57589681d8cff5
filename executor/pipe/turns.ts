import { Semaphore } from "async-mutex";

/** Most nodes run one call after the other: more at once only make what comes behind them wait. */
const SIMULATIONS_AT_ONCE = 4;
/** The higher goes first. */
const PRIORITY = { look: 0, plan: 1, check: 2, release: 3 } as const;
/** What a simulation is for: a call that nobody has signed, a transaction that has come, one that is about to leave. */
export type Purpose = "look" | "plan" | "check";

/**
 * Whose turn it is at the node. A publication and what it is for go in two exchanges; behind a queue of simulations a block comes between the two, and
 * they are mined apart.
 */
export class Turns {
  private readonly places = new Semaphore(SIMULATIONS_AT_ONCE);

  /** With a few others; not while a release is on its way to the node. What is about to leave goes before what has just come. */
  simulate<T>(work: () => Promise<T>, purpose: Purpose = "plan"): Promise<T> {
    return this.places.runExclusive(work, 1, PRIORITY[purpose]);
  }

  /** Resolves when no simulation is in work; none begins until the function that it gives is called. Goes before those that wait. */
  async alone(): Promise<() => void> {
    const [, leave] = await this.places.acquire(SIMULATIONS_AT_ONCE, PRIORITY.release);
    return leave;
  }
}
