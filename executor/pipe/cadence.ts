/** How far a block may be off the pace. */
const GUARD_MS = 60;
/** For so much of an interval a block that is late is taken to come any moment; then the pace is taken to be over. */
const LATE_SHARE = 0.25;
/** Of each interval, at least the rest is left to send something, however long a release takes. */
const MAX_GUARD_SHARE = 0.4;
/** A pace faster than this leaves no room to wait; a slower one than that is no pace. */
const MIN_INTERVAL_MS = 400;
const MAX_INTERVAL_MS = 30_000;
/** Blocks that are remembered, and intervals that make a pace. */
const KEPT = 6;
const LEAST_GAPS = 2;
/** By how much of the shortest interval the longest may exceed it: a node that has much to do makes its blocks late. */
const MAX_SPREAD = 0.5;

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

  /** Between which moments of this host's clock the next block will be made; undefined where blocks come unevenly. */
  private expected(): { readonly fromMs: number; readonly toMs: number; readonly intervalMs: number } | undefined {
    const all = this.seen.slice(1).map((at, i) => at - (this.seen[i] ?? at));
    // What came before the last gap that is no interval, or before a pause, was another pace.
    const gaps = all.slice(all.findLastIndex((gap) => gap < MIN_INTERVAL_MS || gap > MAX_INTERVAL_MS) + 1);
    const last = this.seen.at(-1);
    if (last === undefined || gaps.length < LEAST_GAPS) return undefined;
    const [least, greatest] = [Math.min(...gaps), Math.max(...gaps)];
    if (greatest - least > MAX_SPREAD * least) return undefined;
    // A block is seen a little after it was made, later on some than on others: the earliest that any of them says is the nearest to the truth.
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const seen = this.seen.slice(-gaps.length - 1);
    const made = Math.min(...seen.map((at, i) => at + (gaps.length - i) * mean));
    return { fromMs: Math.min(last + least, made + mean), toMs: last + greatest, intervalMs: least };
  }

  /** Whether `clear` would resolve at once. */
  isClear(neededMs = 0): boolean {
    return this.closedForMs(neededMs) === undefined;
  }

  /** For how long at most, while a block is about to be made. */
  private closedForMs(neededMs: number): number | undefined {
    const next = this.expected();
    if (next === undefined) return undefined;
    const now = this.nowMs();
    const { fromMs, toMs, intervalMs } = next;
    const guardMs = Math.min(GUARD_MS + neededMs, MAX_GUARD_SHARE * intervalMs);
    const leftMs = toMs + Math.max(GUARD_MS, LATE_SHARE * intervalMs) - now;
    return now < fromMs - guardMs || leftMs <= 0 ? undefined : leftMs;
  }

  /**
   * Resolves at once, or when the block that is about to be made is there; at the latest a little after it was expected.
   * @param neededMs how long what follows will take, by what it took before
   * @returns whether it waited
   */
  async clear(neededMs = 0): Promise<boolean> {
    const leftMs = this.closedForMs(neededMs);
    if (leftMs === undefined || this.signal.aborted) return false;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.waiting.delete(done);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, leftMs);
      this.waiting.add(done);
      this.signal.addEventListener("abort", done, { once: true });
    });
    return true;
  }
}
