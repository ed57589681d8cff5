import fs from "node:fs";
import path from "node:path";
import { runCommand } from "./command.mjs";
import { isInstalledAsLocked } from "./installed.mjs";

/** What every later step depends on: another compiler or library version may change any output. */
const TOOLS = ["package-lock.json", "hardhat.config.ts", "tsconfig.json", "tsconfig.build.json"];

/**
 * @typedef {object} Step one thing that must be there before Assay can run
 * @property {string} name shown in progress lines
 * @property {string} stamp file that holds the hash of the inputs of the last success, relative to the clone
 * @property {readonly string[]} inputs files and folders; the step is due when one of them changed
 * @property {readonly string[]} outputs must exist, else the step is due whatever its stamp says
 * @property {(root: string) => boolean} [alreadyDone] asked only where no stamp exists
 * @property {(root: string) => Promise<void>} run
 */

/** npm as it was called, so that the same version installs; else the one beside this Node. */
function npmCommand() {
  const script = process.env.npm_execpath;
  return script?.endsWith(".js") === true
    ? { command: process.execPath, before: [script] }
    : { command: "npm", before: [] };
}

/** @type {Step} */
const install = {
  name: "installing packages (npm ci)",
  // Inside node_modules, so that whoever deletes the folder deletes the claim as well.
  stamp: "node_modules/.assay-installed",
  // Not package.json: its dependencies are in the lock file, and a new script needs no new packages.
  inputs: ["package-lock.json", ".npmrc"],
  outputs: ["node_modules/hardhat/package.json", "node_modules/onnxruntime-node/package.json"],
  alreadyDone: isInstalledAsLocked,
  run: async (root) => {
    const { command, before } = npmCommand();
    await runCommand({
      what: install.name,
      command,
      args: [...before, "ci", "--no-audit", "--no-fund"],
      cwd: root,
      // onnxruntime-node fetches CUDA libraries from another host unless told not to; .npmrc says the same to older npm.
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip", npm_config_yes: "true" },
      hint: "check that the npm registry can be reached (npm ping), then run the same command again. Only this step needs a network.",
    });
  },
};

/** @type {Step} */
const contracts = {
  name: "compiling contracts",
  stamp: ".assay/setup/contracts",
  inputs: ["contracts", ...TOOLS],
  outputs: ["artifacts/contracts"],
  run: (root) =>
    runCommand({
      what: contracts.name,
      command: process.execPath,
      // What is compiled through Yul and what is not are two jobs; with fewer than two at a time the slow one waits for the other.
      args: ["node_modules/hardhat/internal/cli/bootstrap.js", "compile", "--concurrency", "2"],
      cwd: root,
      hint: "npx hardhat compile shows the whole error.",
    }),
};

/** @type {Step} */
const build = {
  name: "building the executor",
  stamp: ".assay/setup/executor",
  inputs: ["executor", ...TOOLS],
  outputs: ["dist/executor"],
  run: async (root) => {
    // A file that was renamed or deleted must not live on in the output.
    fs.rmSync(path.join(root, "dist", "executor"), { recursive: true, force: true });
    await runCommand({
      what: build.name,
      command: process.execPath,
      args: ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"],
      cwd: root,
      hint: "npx tsc -p tsconfig.build.json shows the whole error.",
    });
  },
};

/** @type {Step} */
const bundle = {
  name: "bundling the enclave image",
  stamp: ".assay/setup/enclave",
  inputs: ["executor", "scripts/enclave", ...TOOLS],
  outputs: ["dist/enclave"],
  run: (root) =>
    runCommand({
      what: bundle.name,
      command: process.execPath,
      args: ["-r", "ts-node/register", "scripts/enclave/bundle.ts"],
      cwd: root,
      hint: "node -r ts-node/register scripts/enclave/bundle.ts shows the whole error.",
    }),
};

/** In this order: a later step reads what an earlier one wrote. */
export const STEPS = [install, contracts, build, bundle];
