import { readFileSync } from "node:fs";
import { AssayError } from "../domain/errors";

/** One line to stdout. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One JSON value on one line; wei and other big numbers as text. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner)));
}

/** Columns as wide as their widest cell. */
export function sayRows(rows: readonly (readonly string[])[]): void {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of rows)
    say(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

/** A file that the user named. @throws AssayError `CLI_FILE_UNREADABLE` */
export function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AssayError({
      code: "CLI_FILE_UNREADABLE",
      message: `${path} can not be read`,
      context: { path },
      cause,
    });
  }
}
