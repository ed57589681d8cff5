import type { Frame } from "../../../protocol/frames";

/** Why a runner gave no answer. Each of them ends the runner. */
export interface RunnerFault {
  readonly code: "RUNNER_DIED" | "RUN_TIMEOUT";
  readonly detail: string;
}

export type Exchanged =
  | { readonly ok: true; readonly frame: Frame }
  | {
      readonly ok: false;
      readonly fault: RunnerFault;
      /** False if the runner ended before it came to this frame, which then has no part in its end. */
      readonly reached: boolean;
    };

/** One runner, as the signer needs it: a process in a sandbox, or this process at level 0. */
export interface RunnerPort {
  /** What the runner's own tests found when it had locked itself down. Resolves with a fault if it never got there. */
  ready(timeoutMs: number): Promise<Exchanged>;
  /** Sends one frame and waits for the one answer; `timeoutMs` counts from when the runner is free for it. Replies carry no ids: they come in the order of the frames. */
  exchange(frame: Frame, timeoutMs: number): Promise<Exchanged>;
  /** Ends it at once; safe to call again. */
  kill(reason: string): void;
  readonly alive: boolean;
}

/** Starts a runner with a memory limit and a bound for the frames it may send. */
export type RunnerFactory = (limits: { readonly memoryBytes: number; readonly maxReplyBytes: number }) => RunnerPort;
