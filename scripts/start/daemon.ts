import path from "node:path";
import type { Child, Children } from "./children";
import { freePort } from "./freePort";
import { ROOT_KEY_ENV } from "./localKeys";

const ROOT = path.resolve(__dirname, "..", "..");
const READY_WITHIN_MS = 60_000;
const POLL_MS = 25;

export interface DaemonProcess {
  readonly child: Child;
  /** Address of /status and its kin. */
  readonly httpUrl: string;
  /** Where wallets connect, if PIPE runs. */
  readonly pipeUrl: string;
  /** What it wrote, newest last; for people, when something failed. */
  readonly tail: () => string;
}

export interface DaemonOptions {
  readonly children: Children;
  readonly rpcUrl: string;
  readonly wsUrl?: string;
  readonly deploymentFile: string;
  readonly dataDir: string;
  /** Raw key of the operator; development chains only. */
  readonly operatorKey: string;
  readonly args?: readonly string[];
  /** Blocks on top of an ending before it is final; 0 unless said. */
  readonly confirmations?: number;
  /** Runs PIPE, with these arguments besides. */
  readonly pipe?: readonly string[];
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onOutput?: (text: string) => void;
}

/** Starts the real daemon, compiled JavaScript in a process of its own, and waits until it serves. */
export async function startDaemon(options: DaemonOptions): Promise<DaemonProcess> {
  const port = await freePort();
  const httpUrl = `http://127.0.0.1:${port}`;
  let output = "";
  const args = [
    path.join(ROOT, "dist", "executor", "main.js"),
    ...["--rpc-urls", options.rpcUrl, "--deployment-file", options.deploymentFile, "--data-dir", options.dataDir],
    ...(options.wsUrl === undefined ? [] : ["--ws-url", options.wsUrl]),
    ...[
      "--models-dir",
      path.join(ROOT, "models"),
      "--http-port",
      String(port),
      "--allow-raw-key",
      "--confirmations",
      String(options.confirmations ?? 0),
      "--poll-interval-ms",
      "50",
    ],
    ...(options.args ?? []),
  ];
  const pipePort = options.pipe === undefined ? undefined : await freePort();
  if (pipePort !== undefined) args.push("--pipe", "--pipe-port", String(pipePort), ...(options.pipe ?? []));
  const child = await options.children.start({
    name: "executor",
    command: process.execPath,
    args,
    env: { ...process.env, ...options.env, [ROOT_KEY_ENV]: options.operatorKey },
    onOutput: (text) => {
      output = (output + text).slice(-8_000);
      options.onOutput?.(text);
    },
  });
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isReady(httpUrl))) {
    if (ended) throw new Error(`the executor ended before it was ready:\n${output}`);
    if (Date.now() > deadline)
      throw new Error(`the executor was not ready within ${READY_WITHIN_MS / 1_000} s:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return { child, httpUrl, pipeUrl: `http://127.0.0.1:${pipePort ?? 0}`, tail: () => output };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
