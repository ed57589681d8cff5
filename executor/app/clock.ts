import type { ChainHeader } from "../intake/ports";
import type { ChainNow } from "./fleetPorts";

/** The newest block as the follower saw it. Everything that acts on time reads it here: the clock of this host decides nothing. */
export class ChainClock {
  private head: ChainHeader | undefined;
  private waiters: (() => void)[] = [];

  /** @returns whether this is news */
  set(head: ChainHeader): boolean {
    const news = this.head?.hash !== head.hash;
    this.head = head;
    if (news) {
      const waiters = this.waiters;
      this.waiters = [];
      for (const wake of waiters) wake();
    }
    return news;
  }

  get known(): ChainHeader | undefined {
    return this.head;
  }

  /** Resolves at the next block. */
  next(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  async now(): Promise<ChainNow> {
    while (this.head === undefined) await this.next();
    return this.head;
  }

  /** Asks again at every block, and now and then without one, until it is so. @throws whatever `done` throws */
  async until(done: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await done())) {
      await Promise.race([this.next(), new Promise((resolve) => setTimeout(resolve, 250).unref())]);
    }
  }
}
