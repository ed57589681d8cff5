import { parseArgs } from "node:util";
import { POLICIES, type PolicyResult, runPolicy } from "./matchingRun";
import { makeWorld } from "./matchingWorld";

export interface SimulationInput {
  readonly seed?: number;
  readonly enclaves?: number;
  readonly requests?: number;
  /** Mean milliseconds between two requests. */
  readonly everyMs?: number;
}

/**
 * Plays the same requests on the same enclaves, with the same changes and the same luck, under each policy.
 * Each policy may try three enclaves for a request. Only the matching sees facts and learns; the others choose as their names say.
 */
export function simulateMatching(input: SimulationInput = {}): PolicyResult[] {
  const { seed = 1, enclaves = 50, requests = 2_000, everyMs = 60 } = input;
  // The world is made anew for each policy, because changes are written into it.
  return POLICIES.map((policy) => runPolicy(policy, makeWorld({ seed, enclaves, requests, everyMs }), seed));
}

/** The results side by side, one line for each policy. */
export function formatSimulation(results: readonly PolicyResult[]): string {
  const head = [
    "policy",
    "assigned",
    "misassigned",
    "share",
    "failed",
    "served",
    "of serveable",
    "wasted 1st quarter",
    "last quarter",
  ];
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const rows = results.map((r) =>
    [
      r.policy,
      r.assignments,
      r.misassigned,
      percent(r.misassignedShare),
      r.failed,
      r.served,
      percent(r.servedShare),
      percent(r.wastedFirstQuarter),
      percent(r.wastedLastQuarter),
    ].map(String),
  );
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  const why = results.map(
    (r) =>
      `${r.policy}: ${
        Object.entries(r.misassignedBy)
          .sort()
          .map(([reason, n]) => `${reason} ${n}`)
          .join(", ") || "none"
      }`,
  );
  return [line(head), ...rows.map(line), "", "misassigned because of", ...why].join("\n");
}

function main(): void {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      enclaves: { type: "string" },
      requests: { type: "string" },
      every: { type: "string" },
      json: { type: "boolean" },
    },
  });
  const input = Object.fromEntries(
    (
      [
        ["seed", values.seed],
        ["enclaves", values.enclaves],
        ["requests", values.requests],
        ["everyMs", values.every],
      ] as const
    ).flatMap(([key, text]) => (text === undefined ? [] : [[key, Number(text)]])),
  );
  const bad = Object.entries(input).find(([, value]) => !Number.isFinite(value) || value < 1);
  if (bad !== undefined) {
    console.error(`--${bad[0]} must be a number from 1`);
    process.exitCode = 2;
    return;
  }
  const results = simulateMatching(input);
  console.log(formatSimulation(results));
  if (values.json === true) console.log(JSON.stringify({ matching: results }));
}

if (require.main === module) main();
