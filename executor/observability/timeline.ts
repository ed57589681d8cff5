/** The order in which a request lives; a step that is none of these stands where its time puts it. */
const STEPS: readonly string[] = ["asked", "matched", "computed", "signed", "posted", "landed", "acted"];

export interface TimelineRow {
  readonly step: string;
  /** Milliseconds of one host's clock. */
  readonly hostMs: number;
  readonly detail: Readonly<Record<string, string | number | bigint | boolean>>;
}

/**
 * A table of one request for people: each step, when it was after the first, how long after the one before, its gas, and the rest.
 * Pure. Rows are ordered by time, and by the order of steps where times are equal.
 */
export function formatTimeline(args: { readonly title: string; readonly rows: readonly TimelineRow[] }): string {
  const rank = (step: string): number => {
    const index = STEPS.indexOf(step);
    return index < 0 ? STEPS.length : index;
  };
  const rows = [...args.rows].sort((a, b) => a.hostMs - b.hostMs || rank(a.step) - rank(b.step));
  const first = rows[0];
  if (first === undefined) return `${args.title}\n  nothing happened yet`;
  const cells = rows.map((row, i) => {
    const { gas, ...rest } = row.detail;
    const before = rows[i - 1] ?? first;
    const words = Object.entries(rest).map(([name, value]) => `${name} ${printable(value)}`);
    return [
      row.step,
      milliseconds(row.hostMs - first.hostMs),
      `+${milliseconds(row.hostMs - before.hostMs)}`,
      gas === undefined ? "" : thousands(gas),
      words.join(", "),
    ];
  });
  const head = ["step", "at", "after", "gas", "detail"];
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const line = (parts: readonly string[]): string =>
    `  ${parts.map((part, i) => (i === 0 || i === 4 ? part.padEnd(widths[i] ?? 0) : part.padStart(widths[i] ?? 0))).join("  ")}`.trimEnd();
  return [args.title, line(head), ...cells.map(line)].join("\n");
}

function milliseconds(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function thousands(value: string | number | bigint | boolean): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Hashes are cut in the middle, and control characters replaced: a detail may hold words from the network, and a terminal obeys them. */
function printable(value: string | number | bigint | boolean): string {
  const text = String(value).replace(/[^\x20-\x7e]/g, "?");
  return /^0x[0-9a-f]{40,}$/i.test(text) ? `${text.slice(0, 10)}…${text.slice(-4)}` : text;
}
