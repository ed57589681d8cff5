import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type NodeKind, type NodeProgram, nodeProgram } from "../../executor/deployment/localNode";
import type { Child, Children } from "./children";
import { freePort } from "./freePort";

const ROOT = path.resolve(__dirname, "..", "..");
const READY_WITHIN_MS = 120_000;
const POLL_MS = 50;
const ATTEMPTS = 3;

export type ChainKind = NodeKind;

export interface Chain {
  readonly kind: ChainKind;
  /** HTTP; the same port speaks WebSocket under `wsUrl`. */
  readonly url: string;
  readonly wsUrl: string;
  readonly port: number;
  readonly child: Child;
  stop(): Promise<void>;
}

export interface ChainOptions {
  readonly kind: ChainKind;
  readonly children: Children;
  /** A fixed port; absent, a free one is found, and another one if somebody was faster. */
  readonly port?: number;
  readonly args?: readonly string[];
  /** What the clock of a Hardhat chain shows at its start; now unless said. */
  readonly startsAt?: Date;
  readonly onOutput?: (text: string) => void;
}

function programOf(kind: ChainKind, port: number): NodeProgram {
  const program = nodeProgram(kind, port);
  if (program === undefined)
    throw new Error(`there is no ${kind} for ${process.platform}-${process.arch} in node_modules`);
  return program;
}

/** One `eth_chainId`; false for "nobody there yet", which is the only failure that is expected while a node starts. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
      signal: AbortSignal.timeout(2_000),
    });
    const body = (await response.json()) as { result?: unknown };
    return typeof body.result === "string";
  } catch {
    return false;
  }
}

/** Polls until the node listens and answers; a node that has ended, or takes two minutes, is an error with its last words. */
async function waitUntilReady(child: Child, { listening: announced }: NodeProgram, url: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  let ended = false;
  let listening = false;
  void child.exited.then(() => {
    ended = true;
  });
  while (!ended && Date.now() < deadline) {
    // Without the node's own word that it owns the port, somebody else's node on it would pass for ours.
    listening ||= announced.test(child.lastWords());
    if (listening && (await answers(url))) return;
    await sleep(POLL_MS);
  }
  throw new Error(`the ${child.name} ${ended ? "ended before it answered" : "did not answer"}:\n${child.lastWords()}`);
}

/**
 * Starts a local development chain with 10,000 ether in each well-known account and resolves when it answers.
 * @throws Error when it does not come up; nothing is left running then
 */
export async function startChain(options: ChainOptions): Promise<Chain> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const program = programOf(options.kind, port);
    const child = await options.children.start({
      name: `${options.kind} node`,
      command: program.command,
      args: [...program.args, ...(options.args ?? [])],
      cwd: ROOT,
      ...(options.startsAt === undefined
        ? {}
        : { env: { ...process.env, ASSAY_CHAIN_STARTS_AT: options.startsAt.toISOString() } }),
      ...(options.onOutput === undefined ? {} : { onOutput: options.onOutput }),
    });
    const url = `http://127.0.0.1:${port}`;
    try {
      await waitUntilReady(child, program, url);
      return { kind: options.kind, url, wsUrl: `ws://127.0.0.1:${port}`, port, child, stop: () => child.stop() };
    } catch (error) {
      await child.stop();
      const taken = options.port === undefined && /EADDRINUSE|address already in use/i.test(child.lastWords());
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}
