import { parseArgs } from "node:util";
import type { BenchGroup } from "./group";
import { GROUPS } from "./groups";
import { jsonLine, type Measured, markdownTable, pair, unknownKeys } from "./table";

const USAGE = `usage: npm run bench [-- --json] [--only <group>[,<group>]]

  --json   the last line of stdout is one JSON object, key -> number; all else goes to stderr
  --only   measure only these groups: ${GROUPS.map(({ name }) => name).join(", ")}
The exit code is 1 if something could not be measured. A missed goal is shown, and is no error.`;

async function measure(group: BenchGroup): Promise<{ measured: Measured[]; ok: boolean }> {
  const started = Date.now();
  console.error(`measuring ${group.name} ...`);
  try {
    const values = await group.measure();
    const unknown = unknownKeys(group, values);
    if (unknown.length > 0) console.error(`${group.name}: no row for ${unknown.join(", ")}`);
    const measured = pair(group, values);
    console.error(`measured ${group.name} in ${Math.round((Date.now() - started) / 1000)} s`);
    return { measured, ok: unknown.length === 0 && measured.every(({ value }) => value !== undefined) };
  } catch (error) {
    console.error(`${group.name} could not be measured:`, error);
    return { measured: pair(group, {}), ok: false };
  }
}

/** Sends all that anybody prints to stderr while `work` runs; compilers and nodes print to stdout as they like. */
async function withCleanStdout<T>(work: () => Promise<T>): Promise<T> {
  const write = process.stdout.write;
  process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    return await work();
  } finally {
    process.stdout.write = write;
  }
}

async function main(): Promise<number> {
  let values: { json?: boolean; only?: string[]; help?: boolean };
  try {
    const options = {
      json: { type: "boolean" },
      only: { type: "string", multiple: true },
      help: { type: "boolean" },
    } as const;
    values = parseArgs({ args: process.argv.slice(2), options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const names = values.only?.flatMap((value) => value.split(",")) ?? GROUPS.map(({ name }) => name);
  const unknown = names.filter((name) => !GROUPS.some((group) => group.name === name));
  if (unknown.length > 0) {
    console.error(`no such group: ${unknown.join(", ")}\n\n${USAGE}`);
    return 2;
  }

  const results = await withCleanStdout(async () => {
    const all: Awaited<ReturnType<typeof measure>>[] = [];
    // One after another: two measurements at once would measure one another.
    for (const group of GROUPS.filter(({ name }) => names.includes(name))) all.push(await measure(group));
    return all;
  });
  const measured = results.flatMap((result) => result.measured);
  if (values.json === true) {
    console.error(markdownTable(measured));
    console.log(jsonLine(measured));
  } else {
    console.log(markdownTable(measured));
  }
  return results.every(({ ok }) => ok) ? 0 : 1;
}

main().then(
  // Hardhat keeps its in-process chain open; everything is measured and printed by now.
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
