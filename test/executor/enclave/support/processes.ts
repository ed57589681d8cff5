import { readdirSync, readFileSync } from "node:fs";

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** In clock ticks since boot: together with the pid it names one process for ever. */
  readonly started: string;
  readonly command: readonly string[];
}

/** Every process of this machine, zombies left out. */
export function processes(): ProcessInfo[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z" || fields[0] === "X") return [];
      const command = readFileSync(`/proc/${entry}/cmdline`, "latin1").split("\0");
      return [{ pid: Number(entry), parent: Number(fields[1]), started: fields[19] as string, command }];
    } catch {
      return []; // It ended while it was looked at.
    }
  });
}

/** The children of a process, their children, and so on. */
export function descendants(pid: number): ProcessInfo[] {
  const all = processes();
  const found: ProcessInfo[] = [];
  const queue = [pid];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const child of all.filter(({ parent }) => parent === next)) {
      found.push(child);
      queue.push(child.pid);
    }
  }
  return found;
}

export function isAlive(process: ProcessInfo): boolean {
  return processes().some(({ pid, started }) => pid === process.pid && started === process.started);
}

/** Looks again and again until the condition holds; the test's own time limit ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Runners below this process. */
export function runnerPids(): number[] {
  return descendants(process.pid)
    .filter(
      ({ command }) =>
        command.some((arg) => arg.endsWith("/runner.js")) && !command.some((arg) => arg.endsWith("/signer.js")),
    )
    .map(({ pid }) => pid);
}
