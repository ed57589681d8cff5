import { parseArgs } from "node:util";
import { tasks } from "./requests";
import { type ChaosReport, chaos } from "./run";

const USAGE = `usage: npm run chaos -- --seed N --seconds S [--requests R] [--chain hardhat|anvil]

Kills, cuts, reorganises and robs a running executor while requests come in, half of the time on Hardhat and half on anvil, then lets it come to
rest and asks the chain what became of each request. The exit code is 1 unless lost, double and wrong are 0.
  --seed      what happens follows from it; two runs of one seed do the same things at other moments
  --seconds   how long it lasts, both chains together; coming to rest takes longer
  --requests  how many, both chains together; two a second unless given
  --chain     on this one alone`;

function whole(text: string | undefined, name: string, fallback?: number): number {
  if (text === undefined && fallback !== undefined) return fallback;
  if (text === undefined || !/^\d{1,9}$/.test(text)) throw new Error(`--${name} takes a whole number`);
  return Number(text);
}

async function main(): Promise<number> {
  const say = (line: string): void => console.log(line);
  const text = { type: "string" } as const;
  let plan: { seed: number; seconds: number; requests: number; chains: ("hardhat" | "anvil")[] };
  try {
    const options = { seed: text, seconds: text, requests: text, chain: text, help: { type: "boolean" } } as const;
    const { values } = parseArgs({ args: process.argv.slice(2), options });
    if (values.help === true) {
      say(USAGE);
      return 0;
    }
    const seconds = whole(values.seconds, "seconds");
    const { chain } = values;
    if (chain !== undefined && chain !== "hardhat" && chain !== "anvil") throw new Error("--chain is hardhat or anvil");
    plan = {
      seed: whole(values.seed, "seed"),
      seconds,
      requests: whole(values.requests, "requests", 2 * seconds),
      chains: chain === undefined ? ["hardhat", "anvil"] : [chain],
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return 2;
  }
  const { seed, chains } = plan;
  const share = (total: number, i: number): number =>
    Math.floor((total * (i + 1)) / chains.length) - Math.floor((total * i) / chains.length);
  const reports: ChaosReport[] = [];
  const asked = tasks();
  for (const [i, kind] of chains.entries()) {
    say(`seed ${seed} on ${kind}`);
    const [seconds, requests] = [share(plan.seconds, i), share(plan.requests, i)];
    const report = await chaos({ kind, seed, seconds, requests, tasks: asked, say: (line) => say(`  ${line}`) });
    for (const finding of report.findings) say(`  ${finding}`);
    reports.push(report);
  }
  const sum = (key: "lost" | "double" | "wrong" | "requests" | "kills" | "reorgs" | "cuts"): number =>
    reports.reduce((total, report) => total + report[key], 0);
  const keys = ["lost", "double", "wrong", "requests", "kills", "reorgs", "cuts"] as const;
  say(keys.map((key) => `${key}=${sum(key)}`).join(" "));
  return sum("lost") + sum("double") + sum("wrong") === 0 ? 0 : 1;
}

// The nodes and daemons of a run end with it, whoever ends it: on an exit they are killed, on a signal there would be none.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.once(signal, () => process.exit(code));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
