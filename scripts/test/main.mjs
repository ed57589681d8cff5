// npm test [-- --only <suite>] [-- <grep>]: sets this clone up, then runs every test.
import { runPrepared } from "../start/prepared.mjs";

process.exitCode = await runPrepared("scripts/test/run.ts", process.argv.slice(2));
