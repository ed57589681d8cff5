import { Semaphore } from "async-mutex";

/** Most nodes run one call after the other: more at once only make what comes behind them wait. */
const SIMULATIONS_AT_ONCE = 4;
/** The higher goes first. */
const PRIORITY = { plan: 0, check: 1, release: 2 } as const;

/**
 * Whose turn it is at the node. A publication and what it is for go in two exchanges; behind a queue of simulations a block comes between the two, and
 * they are mined apart.
 */
export class Turns {
  private readonly places = new Semaphore(SIMULATIONS_AT_ONCE);

  /**
   * With a few others; not while a release is on its way to the node.
   * @param what to `check` what is about to leave goes before the plans of those that have just come
   */
  simulate<T>(work: () => Promise<T>, what: "plan" | "check" = "plan"): Promise<T> {
    return this.places.runExclusive(work, 1, PRIORITY[what]);
  }

  /** Resolves when no simulation is in work; none begins until the function that it gives is called. Goes before those that wait. */
  async alone(): Promise<() => void> {
    const [, leave] = await this.places.acquire(SIMULATIONS_AT_ONCE, PRIORITY.release);
    return leave;
  }
}
