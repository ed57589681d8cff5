import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../executor/deployment/artifacts";
import { hex32 } from "../../executor/domain/ids";
import { verifyNitroDocument } from "../../executor/protocol/nitro/verify";
import { median, timed } from "./statistics";

/** A document and the second at which it is verified. */
export interface AttestCase {
  readonly document: Uint8Array;
  readonly seconds: number;
}

const WARM_UP_ROUNDS = 5;
const ROUNDS = 40;
const POLL_MS = 5;
const MIB = 1_024;

/** Milliseconds of the TypeScript verifier for one document, p50 over all documents in turn. */
export async function twinMs(cases: readonly AttestCase[], rootHash: string): Promise<number> {
  const root = hex32(rootHash);
  const taken: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    for (const { document, seconds } of cases) {
      const ms = await timed(() => {
        if (!verifyNitroDocument({ document, root, at: BigInt(seconds) }).ok) throw new Error("a document was refused");
      });
      if (round >= WARM_UP_ROUNDS) taken.push(ms);
    }
  }
  return median(taken);
}

/**
 * Peak resident memory of `assay attestation check` on documents, MB: of the command and of the node that it starts, added up though their peaks may
 * come at different times. NaN where the system has no /proc.
 * @param root DER of the root certificate; AWS's without it
 */
export async function checkPeakMb(cases: readonly AttestCase[], root?: Uint8Array): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "assay-bench-attest-"));
  try {
    const file = (name: string, bytes: Uint8Array): string => {
      const path = join(folder, name);
      writeFileSync(path, bytes);
      return path;
    };
    const files = cases.map(({ document }, i) => file(`${i}.cose`, document));
    const rootArgs = root === undefined ? [] : ["--root", file("root.der", root)];
    return await peakMb(["attestation", "check", ...files, ...rootArgs, "--json"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the compiled command line in a process of its own and watches the peaks of it and its children (VmHWM, which only rises). */
async function peakMb(args: readonly string[]): Promise<number> {
  const main = join(packageRoot(), "dist", "executor", "cli", "main.js");
  const script = `require(${JSON.stringify(main)}).main(process.argv.slice(1)).then((code) => { process.exitCode = code; })`;
  const child = spawn(process.execPath, ["-e", script, "--", ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const peaks = new Map<number, number>();
  const look = (): void => {
    for (const pid of child.pid === undefined ? [] : [child.pid, ...childrenOf(child.pid)]) {
      const kb = /^VmHWM:\s+(\d+) kB$/m.exec(procFile(pid, "status"))?.[1];
      if (kb !== undefined) peaks.set(pid, Number(kb));
    }
  };
  const timer = setInterval(look, POLL_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  }).finally(() => clearInterval(timer));
  if (code !== 0) throw new Error(`assay attestation check ended with ${code}`);
  if (peaks.size === 0) return Number.NaN;
  return [...peaks.values()].reduce((sum, kb) => sum + kb, 0) / MIB;
}

function childrenOf(pid: number): number[] {
  return procFile(pid, `task/${pid}/children`)
    .split(" ")
    .filter((text) => /^\d+$/.test(text))
    .map(Number);
}

/** Empty where the process has ended or the system has none of it. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}
