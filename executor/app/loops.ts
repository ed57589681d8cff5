/**
 * Runs a step again and again until the signal ends: at once when woken, else after a pause. Steps never overlap, and wakes during a step
 * are folded into one more. The promise resolves when the last step is over.
 */
export class Loop {
  private wakeUp: (() => void) | undefined;
  private woken = false;

  constructor(
    private readonly options: {
      readonly step: () => Promise<boolean>;
      readonly pauseMs: number;
      readonly onError: (error: unknown) => number;
    },
  ) {}

  wake(): void {
    this.woken = true;
    this.wakeUp?.();
  }

  /** `step` says whether there is more to do at once; `onError` how long to wait after a failure. */
  async run(signal: AbortSignal): Promise<void> {
    const { step, pauseMs, onError } = this.options;
    while (!signal.aborted) {
      this.woken = false;
      let wait = pauseMs;
      try {
        if (await step()) continue;
      } catch (error) {
        wait = onError(error);
      }
      // An abort during the step was heard by nobody: the pause would sleep through it.
      if (this.woken || signal.aborted) continue;
      await this.pause(wait, signal);
    }
  }

  private pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.wakeUp = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.wakeUp = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
