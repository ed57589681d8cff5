import type { Hex32 } from "../domain/ids";

/** Weight of the newest observation: the last dozen or so count, so that a change of the machine shows within them. */
const ALPHA = 0.2;
/** What is assumed of a model that never ran here. */
const FIRST_RUN_MS = 50;
const STRIKE_FIRST_MS = 1_000;
const STRIKE_MOST_MS = 60_000;

/** What was seen of one enclave's work, so that decisions get better with every request. Holds facts of this process only. */
export class Experience {
  private readonly runMs = new Map<string, number>();
  private readonly strikes = new Map<string, { count: number; untilMs: number }>();

  /** A run that ended with an answer. */
  served(args: { id: string; model: Hex32; runMs: number }): void {
    const key = `${args.id}:${args.model}`;
    const before = this.runMs.get(key);
    this.runMs.set(key, before === undefined ? args.runMs : before + ALPHA * (args.runMs - before));
    this.strikes.delete(args.id);
  }

  /** A failure of the enclave itself: it is left alone, longer after each in a row. */
  failed(id: string, nowMs: number): void {
    const count = (this.strikes.get(id)?.count ?? 0) + 1;
    const wait = Math.min(STRIKE_FIRST_MS * 2 ** (count - 1), STRIKE_MOST_MS);
    this.strikes.set(id, { count, untilMs: nowMs + wait });
  }

  expectedRunMs(id: string, model: Hex32): number {
    return this.runMs.get(`${id}:${model}`) ?? FIRST_RUN_MS;
  }

  struckUntilMs(id: string): number {
    return this.strikes.get(id)?.untilMs ?? 0;
  }

  /** Forgets an enclave that is gone; its key never comes back. */
  forget(id: string): void {
    this.strikes.delete(id);
    for (const key of this.runMs.keys()) if (key.startsWith(`${id}:`)) this.runMs.delete(key);
  }
}
