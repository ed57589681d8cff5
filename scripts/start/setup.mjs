import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { checkNode } from "./nodeVersion.mjs";
import { withLock } from "./setupLock.mjs";
import { hashInputs, readStamp, writeStamp } from "./stamps.mjs";
import { STEPS } from "./steps.mjs";

/** The clone this file belongs to. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The hash a step's stamp holds after success; the platform is in it, because packages carry native binaries. */
function wantedStamp(root, step) {
  return `${hashInputs(root, step.inputs)} ${process.platform}-${process.arch}`;
}

/**
 * True if the step must run.
 * @param {string} root
 * @param {import("./steps.mjs").Step} step
 */
export function isDue(root, step) {
  if (step.outputs.some((output) => !fs.existsSync(path.join(root, output)))) return true;
  const stamp = readStamp(path.join(root, step.stamp));
  if (stamp === undefined) return step.alreadyDone?.(root) !== true;
  return stamp !== wantedStamp(root, step);
}

/**
 * Makes this clone ready to run: Node is new enough, packages are as locked, contracts, executor and enclave image are
 * built from the sources that are here. A step whose inputs did not change is skipped, so a second call takes a
 * fraction of a second and no network. No package is imported here: on a fresh machine there is none.
 * @param {{ root?: string, steps?: readonly import("./steps.mjs").Step[] }} [options]
 * @returns {Promise<string[]>} the names of the steps that ran
 * @throws {import("./setupError.mjs").SetupError}
 */
export async function prepare({ root = ROOT, steps = STEPS } = {}) {
  checkNode();
  if (steps.every((step) => !isDue(root, step))) return [];
  return withLock(path.join(root, ".assay", "setup.lock"), async () => {
    const ran = [];
    for (const step of steps) {
      // Asked again under the lock: the process we waited for may have done it.
      if (!isDue(root, step)) continue;
      // Taken before the work: a source that changes meanwhile makes the step due again.
      const stamp = wantedStamp(root, step);
      await step.run(root);
      writeStamp(path.join(root, step.stamp), stamp);
      ran.push(step.name);
    }
    return ran;
  });
}
