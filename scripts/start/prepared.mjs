// node scripts/start/prepared.mjs [script [arguments]]: sets this clone up if need be, then runs a script in it.
// Everything it says goes to stderr, so that `npm run bench -- --json` keeps its stdout.
import path from "node:path";
import { handOver } from "./command.mjs";
import { prepare, ROOT } from "./setup.mjs";
import { reportSetupError } from "./setupError.mjs";

/**
 * @param {string | undefined} script relative to the clone, TypeScript is run by ts-node, JavaScript as it is; undefined = set-up only
 * @param {readonly string[]} args
 * @returns {Promise<number>} the exit code
 */
export async function runPrepared(script, args) {
  try {
    await prepare();
  } catch (error) {
    return reportSetupError(error);
  }
  if (script === undefined) return 0;
  const loader = script.endsWith(".ts") ? ["-r", path.join(ROOT, "node_modules", "ts-node", "register")] : [];
  return handOver({ command: process.execPath, args: [...loader, path.join(ROOT, script), ...args], cwd: ROOT });
}

if (process.argv[1] === import.meta.filename) {
  const [script, ...args] = process.argv.slice(2);
  process.exitCode = await runPrepared(script, args);
}
