import { parseArgs } from "node:util";
import { SUITE_NAMES, type SuiteName } from "./suites";

export interface TestOptions {
  /** In the order of `SUITE_NAMES`. */
  readonly suites: readonly SuiteName[];
  /** Only tests whose full title matches; thresholds are not judged then. */
  readonly grep: string | undefined;
  /** Print the coverage of each file, not only of those below the goal. */
  readonly coverageTable: boolean;
}

export const USAGE = `usage: npm test [-- --only <suite>[,<suite>]] [-- [--only <suite>] <pattern>]

  --only <suites>   run only these: ${SUITE_NAMES.join(", ")}
  --coverage        print the coverage of every file
  <pattern>         run only tests whose title matches this regular expression`;

export type ParsedOptions =
  | { readonly ok: true; readonly options: TestOptions }
  | { readonly ok: false; readonly message: string; readonly help: boolean };

/** Reads the arguments of `npm test`; an unknown one is refused, because a mistyped `--only` would run nothing and pass. */
export function parseOptions(args: readonly string[]): ParsedOptions {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return { ok: false, help: false, message: error instanceof Error ? error.message : String(error) };
  }
  if (parsed.values.help === true) return { ok: false, help: true, message: USAGE };
  const names = parsed.values.only?.flatMap((value) => value.split(",")) ?? [...SUITE_NAMES];
  const unknown = names.filter((name) => !(SUITE_NAMES as readonly string[]).includes(name));
  if (unknown.length > 0) return { ok: false, help: false, message: `no such suite: ${unknown.join(", ")}` };
  if (parsed.positionals.length > 1) return { ok: false, help: false, message: "one pattern only" };
  return {
    ok: true,
    options: {
      suites: SUITE_NAMES.filter((name) => names.includes(name)),
      grep: parsed.positionals[0],
      coverageTable: parsed.values.coverage === true,
    },
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: "string", multiple: true },
      coverage: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
}
