import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AssayError } from "../domain/errors";
import { packageRoot } from "./artifacts";

export type NodeKind = "anvil" | "hardhat";

/** How a development node is started, and what it prints once it owns its port. */
export interface NodeProgram {
  readonly kind: NodeKind;
  readonly command: string;
  readonly args: readonly string[];
  readonly listening: RegExp;
}

const READY_WITHIN_MS = 120_000;
const GRACE_MS = 5_000;
const KEPT_OUTPUT_CHARS = 16_384;

/** The path of the anvil binary of npm, or undefined where no package for this platform is installed. */
export function anvilBinary(): string | undefined {
  try {
    return require.resolve(
      `@foundry-rs/anvil-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}/bin/anvil`,
    );
  } catch {
    return undefined;
  }
}

/** The command of a node of this kind; undefined where it is not installed. Port 0 takes a free one. */
export function nodeProgram(kind: NodeKind, port: number): NodeProgram | undefined {
  if (kind === "anvil") {
    const command = anvilBinary();
    // Chain id and accounts are Hardhat's defaults already; the hardfork is named because P256VERIFY came with Osaka.
    const args = ["--host", "127.0.0.1", "--port", String(port), "--hardfork", "osaka"];
    return command === undefined ? undefined : { kind, command, args, listening: /Listening on [\d.]+:(\d+)/ };
  }
  // Not `npx hardhat node`: ending npx leaves the real node on the port.
  const hardhat = join(packageRoot(), "node_modules", "hardhat", "internal", "cli", "bootstrap.js");
  // Hardhat needs its configuration beside it: only a clone has both.
  if (!existsSync(hardhat) || !existsSync(join(packageRoot(), "hardhat.config.ts"))) return undefined;
  const args = [hardhat, "node", "--hostname", "127.0.0.1", "--port", String(port)];
  return { kind, command: process.execPath, args, listening: /Started HTTP.*:(\d+)/ };
}

/** A development chain of this process. */
export interface LocalNode {
  readonly kind: NodeKind;
  readonly url: string;
  readonly wsUrl: string;
  /** Ends the node; calling it again is harmless. */
  stop(): Promise<void>;
}

/**
 * Starts a development node on a free port of this machine: anvil where npm has one, because it is there at once, else Hardhat.
 * It is ended with this process at the latest.
 * @throws AssayError `LOCAL_NODE_MISSING`, `LOCAL_NODE_FAILED`
 */
export async function startLocalNode(
  programs: readonly (NodeProgram | undefined)[] = [nodeProgram("anvil", 0), nodeProgram("hardhat", 0)],
): Promise<LocalNode> {
  const program = programs.find((candidate) => candidate !== undefined);
  if (program === undefined)
    throw new AssayError({
      code: "LOCAL_NODE_MISSING",
      message:
        "no development chain is installed here, neither anvil (an optional package) nor Hardhat (a development package); run npm install without --omit, or name a running chain: --rpc-url",
    });
  const child = spawn(program.command, program.args, { cwd: packageRoot(), stdio: ["ignore", "pipe", "pipe"] });
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  process.once("exit", kill);
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const force = setTimeout(kill, GRACE_MS);
    await exited;
    clearTimeout(force);
    process.off("exit", kill);
  };
  try {
    const port = await listeningPort(child, program, exited);
    return { kind: program.kind, url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The port that the node says it owns: it answers from then on. */
async function listeningPort(child: ChildProcess, program: NodeProgram, exited: Promise<void>): Promise<string> {
  let output = "";
  let timer: NodeJS.Timeout | undefined;
  const listening = new Promise<string | undefined>((resolve) => {
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-KEPT_OUTPUT_CHARS);
      const port = program.listening.exec(output)?.[1];
      if (port !== undefined) resolve(port);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    timer = setTimeout(() => resolve(undefined), READY_WITHIN_MS);
    void exited.then(() => resolve(undefined));
  });
  const port = await listening;
  clearTimeout(timer);
  if (port !== undefined) return port;
  throw new AssayError({
    code: "LOCAL_NODE_FAILED",
    message: `the ${program.kind} node did not come up; it said: ${output.trim().slice(-500) || "nothing"}`,
    context: { kind: program.kind, command: program.command },
  });
}
