import { spawn } from "node:child_process";
import { missingPaths } from "./documentPaths";
import { tooLong } from "./fileSize";
import { machinePaths } from "./machinePaths";
import { trackedFiles } from "./trackedFiles";

export interface CheckResult {
  readonly ok: boolean;
  /** Shown only if the check failed. */
  readonly output: string;
}

export interface Check {
  readonly name: string;
  readonly what: string;
  readonly run: (root: string) => Promise<CheckResult>;
}

interface ToolCheck {
  readonly name: string;
  readonly what: string;
  /** Run by Node in the clone's folder. */
  readonly args: readonly string[];
}

const TOOLS: readonly ToolCheck[] = [
  {
    name: "biome",
    what: "lint and format of TypeScript and JavaScript",
    args: ["node_modules/@biomejs/biome/bin/biome", "check", "."],
  },
  {
    name: "types",
    what: "TypeScript, all of it, strict",
    args: ["node_modules/typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json"],
  },
  {
    name: "layers",
    what: "who may import whom (.dependency-cruiser.cjs)",
    args: [
      "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
      "--config",
      ".dependency-cruiser.cjs",
      "executor",
      "scripts",
      "test",
    ],
  },
  {
    name: "dead-code",
    what: "files, exports and packages nobody uses (knip)",
    args: ["node_modules/knip/bin/knip.js", "--no-progress", "--no-config-hints"],
  },
  {
    name: "solhint",
    what: "Solidity",
    args: ["node_modules/solhint/solhint.js", "--max-warnings", "0", "--noPoster", "--disc", "contracts/**/*.sol"],
  },
  {
    name: "solidity-format",
    what: "prettier for Solidity",
    args: ["node_modules/prettier/bin/prettier.cjs", "--check", "contracts/**/*.sol"],
  },
  {
    name: "lock-file",
    what: "npm ci accepts the lock file (mend it by node scripts/lint/trimLock.mjs)",
    args: ["scripts/lint/trimLock.mjs", "--check"],
  },
];

/** Runs a program and keeps its output. */
function runTool(root: string, args: readonly string[]): Promise<CheckResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.once("error", reject);
    child.once("close", (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString("utf8").trim() }));
  });
}

function findings(name: string, what: string, find: (root: string) => readonly string[]): Check {
  return {
    name,
    what,
    run: async (root) => {
      const lines = find(root);
      return { ok: lines.length === 0, output: lines.join("\n") };
    },
  };
}

const fromTool = ({ name, what, args }: ToolCheck): Check => ({ name, what, run: (root) => runTool(root, args) });

/** Everything `npm run lint` checks, the slowest first, since two run at a time. */
export const CHECKS: readonly Check[] = [
  ...TOOLS.map(fromTool),
  findings("file-size", "400 lines of TypeScript, 300 of Solidity", (root) => tooLong(root, trackedFiles(root))),
  findings("machine-paths", "no path of one machine, no registry host", (root) =>
    machinePaths(root, trackedFiles(root)),
  ),
  findings("document-paths", "paths that the documents name exist", (root) => missingPaths(root)),
];
