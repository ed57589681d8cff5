import { isAssayError } from "../domain/errors";
import type { Follower, StepResult } from "../intake/follower";
import type { ChainHeader } from "../intake/ports";
import { Loop } from "./loops";

export interface IntakeLoopOptions {
  readonly follower: Follower;
  readonly pollIntervalMs: number;
  /** A block that was not seen before, or new requests and endings in it. */
  readonly onProgress: (head: ChainHeader, result: StepResult) => void;
  readonly onReorg: (result: Extract<StepResult, { kind: "reorg" }>) => void;
  readonly onError: (error: unknown) => void;
}

/** Wait after a read that failed: short at first, since most outages are; never longer than this. */
const ERROR_WAIT_MS = 250;
const ERROR_WAIT_MOST_MS = 5_000;

/** Drives the follower: as fast as it finds blocks, else at the poll interval or when woken. */
export function intakeLoop(options: IntakeLoopOptions): Loop {
  let failures = 0;
  return new Loop({
    pauseMs: options.pollIntervalMs,
    step: async () => {
      const result = await options.follower.step();
      failures = 0;
      if (result.kind === "reorg") {
        options.onReorg(result);
        return true;
      }
      options.onProgress(result.head, result);
      return result.kind === "advanced";
    },
    onError: (error) => {
      options.onError(error);
      // A view that changed while it was read is read again at once; an outage is given time.
      if (isAssayError(error, "INTAKE_VIEW_CHANGED") && failures === 0) {
        failures++;
        return 0;
      }
      return Math.min(ERROR_WAIT_MS * 2 ** failures++, ERROR_WAIT_MOST_MS);
    },
  });
}
