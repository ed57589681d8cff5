import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { EnclaveLevel } from "../ports";
import { RLIMITS } from "./bootPlan";
import type { EnclaveImage } from "./image";

/** A signer that was started; whether the sandbox holds is for its self-tests to show. */
export interface Launched {
  /** Frames to and from the signer. */
  readonly channel: Socket;
  /** Resolves once with how the process ended. */
  readonly ended: Promise<string>;
  /** The last of what was written to standard error, for people. */
  stderrTail(): string;
  kill(): void;
  readonly pid: number | undefined;
}

/** One way of making a sandbox. `unavailable` says at once, in words, what is plainly missing; the rest shows when it is tried. */
export interface Launcher {
  readonly name: "bubblewrap" | "unshare" | "landlock" | "process";
  readonly level: EnclaveLevel;
  unavailable(): string | undefined;
  launch(image: EnclaveImage): Launched;
  /** What to do so that this launcher works, from what it said on standard error. */
  advice(stderr: string): string;
}

const CHANNEL = 3;
const STDERR_TAIL = 4_096;

/**
 * Starts a command under the measured limits, with fd 3 as the channel and further bytes for it to read from fd 4 on.
 * The shell's `ulimit` sets soft and hard limits and is everywhere; no argument passes through its parser.
 */
export function spawnLimited(
  command: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly feeds?: readonly Uint8Array[] } = {},
): Launched {
  const limits = `ulimit -c ${RLIMITS.core} && ulimit -n ${RLIMITS.nofile} && ulimit -d ${RLIMITS.dataKiB} && ulimit -f ${RLIMITS.fsize} && exec "$@"`;
  const feeds = options.feeds ?? [];
  const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe", ...feeds.map(() => "pipe" as const)];
  // Node hands this one variable on to every child unless it is named; a daemon under coverage would then change what is measured.
  const child = spawn("/bin/sh", ["-c", limits, "sh", ...command], {
    stdio,
    env: { ...options.env, NODE_V8_COVERAGE: undefined },
    cwd: "/",
    // A group of its own: what ends the daemon in order, Ctrl-C in a terminal above all, is sent to its whole group, and an enclave that died of
    // it could finish nothing. It ends with its socket, however the daemon ends.
    detached: true,
  });
  feeds.forEach((bytes, i) => {
    const feed = child.stdio[CHANNEL + 1 + i] as unknown as Socket; // "pipe" makes every one of them a socket.
    feed.on("error", () => undefined); // A launcher that failed early reads nothing; its exit tells.
    feed.end(bytes);
  });
  return watch(child);
}

function watch(child: ChildProcess): Launched {
  let tail = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    // A hostile model may flood it; only the end is kept and nothing waits for it.
    tail = (tail + chunk.toString("latin1")).slice(-STDERR_TAIL);
  });
  const channel = child.stdio[CHANNEL] as unknown as Socket;
  channel.on("error", () => undefined); // It closes right after, and that is acted upon.
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  return { channel, ended, stderrTail: () => tail, kill: () => void child.kill("SIGKILL"), pid: child.pid };
}
