// npm start [-- --once]: sets this clone up, then shows the whole main job on a local chain.
import { runPrepared } from "./prepared.mjs";

const USAGE = `usage: npm start [-- --once]

Installs and compiles what is missing, starts a local chain, two enclaves and the executor, and runs the examples.
  --once   end after the examples; the exit code says whether all of them passed
  --help   this text
Without --once everything stays up until Ctrl-C.`;

const args = process.argv.slice(2);
const unknown = args.filter((arg) => arg !== "--once" && arg !== "--help");
if (unknown.length > 0) {
  console.error(`unknown argument: ${unknown.join(" ")}\n\n${USAGE}`);
  process.exitCode = 2;
} else if (args.includes("--help")) {
  console.log(USAGE);
} else {
  process.exitCode = await runPrepared("scripts/start/demo.ts", args);
}
