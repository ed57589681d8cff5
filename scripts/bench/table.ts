import { type BenchGroup, type BenchRow, meets } from "./group";

export interface Measured {
  readonly row: BenchRow;
  /** undefined = the group did not give this value, or failed. */
  readonly value: number | undefined;
}

/** Pairs the rows of a group with what was measured; a value that is missing or not a finite number counts as not measured. */
export function pair(group: BenchGroup, values: Readonly<Record<string, number>>): Measured[] {
  return group.rows.map((row) => {
    const value = values[row.key];
    return { row, value: value !== undefined && Number.isFinite(value) ? value : undefined };
  });
}

/** Keys of a group's answer that no row names: a typing mistake that would otherwise lose a number silently. */
export function unknownKeys(group: BenchGroup, values: Readonly<Record<string, number>>): string[] {
  return Object.keys(values).filter((key) => !group.rows.some((row) => row.key === key));
}

function goalText(row: BenchRow): string {
  if (row.goal === undefined) return "report";
  return "atMost" in row.goal ? `<= ${format(row.goal.atMost)}` : `>= ${format(row.goal.atLeast)}`;
}

function format(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

function verdict({ row, value }: Measured): string {
  if (value === undefined) return "not measured";
  if (row.goal === undefined) return "";
  return meets(row.goal, value) ? "yes" : "NO";
}

/** The table as Markdown, so that it can be copied into the README as it is. */
export function markdownTable(measured: readonly Measured[]): string {
  const header = ["key", "what", "goal", "measured", "met"];
  const rows = measured.map((item) => [
    `\`${item.row.key}\``,
    `${item.row.what} (${item.row.unit})`,
    goalText(item.row),
    item.value === undefined ? "-" : format(item.value),
    verdict(item),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column]).length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(header), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

/** The object of `--json`: one number for each key that was measured. */
export function jsonLine(measured: readonly Measured[]): string {
  return JSON.stringify(
    Object.fromEntries(measured.flatMap(({ row, value }) => (value === undefined ? [] : [[row.key, value]]))),
  );
}
