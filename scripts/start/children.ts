import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";

const GRACE_MS = 5_000;
const KEPT_OUTPUT_CHARS = 16_384;

export interface ChildSpec {
  /** Shown in messages: "chain", "executor". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with every piece of stdout and stderr; the last 16 KB are kept for `Child.lastWords` anyway. */
  readonly onOutput?: (text: string) => void;
}

export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  /** Resolves when the process has ended, however it ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  lastWords(): string;
  /** SIGTERM, and SIGKILL to what is left after 5 s; resolves when it is gone. Calling it again is harmless. */
  stop(): Promise<void>;
}

/**
 * The processes one script has started, so that it ends exactly these and no others. Each runs in a process group of
 * its own, and the group is ended: a helper that starts helpers leaves none behind.
 */
export class Children {
  readonly #running = new Set<Child>();
  readonly #killAll = (): void => {
    for (const child of this.#running) signalGroup(child.process, "SIGKILL");
  };

  constructor() {
    // The last resort when the script ends without `stopAll`, by a crash for instance; only synchronous work is possible here.
    process.once("exit", this.#killAll);
  }

  /** @throws Error when the program can not be started at all */
  async start(spec: ChildSpec): Promise<Child> {
    const options: SpawnOptions = { detached: true, stdio: ["ignore", "pipe", "pipe"], env: spec.env ?? process.env };
    if (spec.cwd !== undefined) options.cwd = spec.cwd;
    const child = spawn(spec.command, [...spec.args], options);
    let output = "";
    const keep = (chunk: Buffer): void => {
      const text = chunk.toString();
      output = (output + text).slice(-KEPT_OUTPUT_CHARS);
      spec.onOutput?.(text);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    await once(child, "spawn");

    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    const entry: Child = {
      name: spec.name,
      process: child,
      exited,
      lastWords: () => output,
      stop: () => stopGroup(child, exited),
    };
    this.#running.add(entry);
    void exited.then(() => this.#running.delete(entry));
    return entry;
  }

  /** Ends all that still run, the latest first: what was started later depends on what was started before. */
  async stopAll(): Promise<void> {
    for (const child of [...this.#running].reverse()) await child.stop();
    process.off("exit", this.#killAll);
  }
}

async function stopGroup(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    signalGroup(child, "SIGTERM");
    const force = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE_MS);
    await exited;
    clearTimeout(force);
  }
  // The leader is gone; what it left behind in its group goes as well.
  signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
