import path from "node:path";
import { CHECKS, type Check, type CheckResult } from "./checks";

const ROOT = path.resolve(__dirname, "..", "..");
const AT_ONCE = 2;

interface Finished extends CheckResult {
  readonly check: Check;
  readonly seconds: number;
}

/** Runs all checks, two at a time, whatever fails: one who mends wants to see everything at once. */
async function runAll(checks: readonly Check[]): Promise<Finished[]> {
  const waiting = [...checks];
  const finished: Finished[] = [];
  const worker = async (): Promise<void> => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const started = Date.now();
      const result = await check.run(ROOT).catch((error: unknown) => ({ ok: false, output: String(error) }));
      const seconds = (Date.now() - started) / 1000;
      finished.push({ ...result, check, seconds });
      console.log(
        `${result.ok ? "ok  " : "FAIL"} ${check.name.padEnd(16)} ${seconds.toFixed(1).padStart(5)} s  ${check.what}`,
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return finished;
}

async function main(): Promise<number> {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) {
    console.error(
      `no such check: ${unknown.join(", ")}\nusage: npm run lint [-- <check> ...]\nchecks: ${CHECKS.map(({ name }) => name).join(", ")}`,
    );
    return 2;
  }
  const finished = await runAll(names.length === 0 ? CHECKS : CHECKS.filter((check) => names.includes(check.name)));
  const failed = finished.filter(({ ok }) => !ok);
  for (const { check, output } of failed) console.log(`\n--- ${check.name} ---\n${output}`);
  console.log(`\n${finished.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
