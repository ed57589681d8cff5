import type { Command } from "commander";

/** 0 done and as hoped; 1 done, and the answer is no (a check failed); 2 the call is wrong; 3 the world around it is. */
export const EXIT = { ok: 0, no: 1, usage: 2, environment: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What a command's file exports: it describes itself and says how it ended. */
export interface CliCommand {
  /** Adds arguments and options; the action hands its code to `done`. */
  define(program: Command, done: (code: ExitCode) => void): void;
}
