/** Blocks that come at an even pace are foreseen at least this long before; what is sent in that time may be split by them. */
const GUARD_MS = 60;
/** However long a release takes, more of an interval than this is not waited for: something has to be sent. */
const MAX_GUARD_SHARE = 0.4;
/** A pace faster than this leaves no room to wait; a slower one than that is no pace. */
const MIN_INTERVAL_MS = 400;
const MAX_INTERVAL_MS = 30_000;
const KEPT = 4;

/** Foresees the next block where blocks come at an even pace, as they do on development chains and on most others. */
export class Cadence {
  private readonly seen: number[] = [];

  constructor(
    private readonly nowMs: () => number,
    private readonly signal: AbortSignal,
  ) {}

  private readonly waiting = new Set<() => void>();

  /** To be told of each new block. */
  block(): void {
    this.seen.push(this.nowMs());
    if (this.seen.length > KEPT) this.seen.shift();
    for (const wake of [...this.waiting]) wake();
  }

  /** Milliseconds of this host's clock; undefined where blocks come unevenly. */
  private expected(): { readonly atMs: number; readonly intervalMs: number } | undefined {
    const gaps = this.seen.slice(1).map((at, i) => at - (this.seen[i] ?? at));
    const last = this.seen.at(-1);
    if (last === undefined || gaps.length < KEPT - 1) return undefined;
    const [least, greatest] = [Math.min(...gaps), Math.max(...gaps)];
    if (least < MIN_INTERVAL_MS || greatest > MAX_INTERVAL_MS || greatest - least > 0.2 * greatest) return undefined;
    const intervalMs = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    return { atMs: last + intervalMs, intervalMs };
  }

  /**
   * Resolves at once, or when the block that is about to be made is there; at the latest a little after it was expected.
   * @param neededMs how long what follows will take, by what it took before
   */
  async clear(neededMs = 0): Promise<void> {
    const next = this.expected();
    const now = this.nowMs();
    if (this.signal.aborted || next === undefined) return;
    const { atMs: expected, intervalMs } = next;
    const guardMs = Math.min(Math.max(GUARD_MS, neededMs), MAX_GUARD_SHARE * intervalMs);
    if (now < expected - guardMs || now > expected + GUARD_MS) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, expected + GUARD_MS - now);
      this.waiting.add(done);
      this.signal.addEventListener("abort", done, { once: true });
    });
  }
}
