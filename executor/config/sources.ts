import type { ConfigProblem } from "./errors";
import {
  DEFAULT_FILE,
  FIELD_BY_FLAG,
  FIELD_BY_VARIABLE,
  FILE_FLAG,
  FILE_VARIABLE,
  flagOf,
  isBoolean,
  isList,
  TEST_PREFIX,
  VARIABLE_PREFIX,
  variableOf,
} from "./names";
import { nearestName } from "./nearest";
import { FIELD_NAMES, type FieldName, metaOf } from "./schema";

/** What one source said, before any of it is believed. `spelling` is how the user wrote the name, for messages. */
export interface RawValue {
  readonly value: unknown;
  readonly spelling: string;
}
export interface RawSource {
  readonly values: ReadonlyMap<FieldName, RawValue>;
  readonly problems: readonly ConfigProblem[];
  /** The configuration file this source names, if it does. */
  readonly file?: string;
}

function unknownName(code: ConfigProblem["code"], name: string, known: readonly string[]): ConfigProblem {
  const nearest = nearestName(name, known);
  return { code, name, detail: "is not known", ...(nearest === undefined ? {} : { nearest }) };
}

function flagAndValue(word: string): { flag: string; inline: string | undefined } {
  const equals = word.indexOf("=");
  return equals < 0
    ? { flag: word, inline: undefined }
    : { flag: word.slice(0, equals), inline: word.slice(equals + 1) };
}

/**
 * Reads `--flag value`, `--flag=value`, `--switch` and `--no-switch`. A negative number is not mistaken for a flag.
 * A list's flag may be repeated.
 */
export function readFlags(argv: readonly string[]): RawSource {
  const values = new Map<FieldName, RawValue>();
  const problems: ConfigProblem[] = [];
  let file: string | undefined;
  const known = [...FIELD_BY_FLAG.keys(), FILE_FLAG];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? "";
    if (!word.startsWith("-")) {
      // The word itself is not repeated: it may be a secret that lost its flag.
      problems.push({ code: "CONFIG_UNEXPECTED_ARGUMENT", name: `argument ${i + 1}`, detail: "belongs to no flag" });
      continue;
    }
    const { flag, inline } = flagAndValue(word);
    const negated = FIELD_BY_FLAG.get(flag.replace(/^--no-/, "--"));
    const off = flag.startsWith("--no-") && negated !== undefined && isBoolean(negated);
    const name = off ? negated : FIELD_BY_FLAG.get(flag);
    if (name === undefined && flag !== FILE_FLAG) {
      problems.push(unknownName("CONFIG_UNKNOWN_FLAG", flag, known));
      // A value behind an unknown flag is most likely its value, not a second mistake.
      if (inline === undefined && argv[i + 1]?.startsWith("-") === false) i += 1;
      continue;
    }
    let value: string | boolean | undefined = inline;
    if (name !== undefined && isBoolean(name)) {
      if (off && inline !== undefined)
        problems.push({ code: "CONFIG_INVALID_VALUE", name: flag, detail: "takes no value" });
      value = off ? false : (inline ?? true);
    } else if (value === undefined) {
      const next = argv[i + 1];
      if (next === undefined || (next.startsWith("-") && !/^-\d/.test(next))) {
        problems.push({ code: "CONFIG_FLAG_WITHOUT_VALUE", name: flag, detail: "needs a value" });
        continue;
      }
      value = next;
      i += 1;
    }
    const before = name === undefined ? file : values.get(name)?.value;
    if (before !== undefined && (name === undefined || !isList(name))) {
      problems.push({ code: "CONFIG_FLAG_REPEATED", name: flag, detail: "was given twice" });
    } else if (name === undefined) {
      file = String(value);
    } else {
      values.set(name, {
        value: isList(name) ? [...((before as string[] | undefined) ?? []), value] : value,
        spelling: flag,
      });
    }
  }
  return { values, problems: [...problems, ...misplaced(values, "flag")], ...(file === undefined ? {} : { file }) };
}

/** Reads the `ASSAY_` variables. One that is set to nothing counts as not set, as compose files and shells leave them behind. */
export function readVariables(env: Readonly<Record<string, string | undefined>>): RawSource {
  const values = new Map<FieldName, RawValue>();
  const problems: ConfigProblem[] = [];
  for (const variable of Object.keys(env).sort()) {
    const value = env[variable];
    if (!variable.startsWith(VARIABLE_PREFIX) || variable.startsWith(TEST_PREFIX) || variable === FILE_VARIABLE)
      continue;
    const name = FIELD_BY_VARIABLE.get(variable);
    if (name === undefined)
      problems.push(unknownName("CONFIG_UNKNOWN_VARIABLE", variable, [...FIELD_BY_VARIABLE.keys(), FILE_VARIABLE]));
    else if (value !== undefined && value !== "") values.set(name, { value, spelling: variable });
  }
  const file = env[FILE_VARIABLE];
  return { values, problems, ...(file === undefined || file === "" ? {} : { file }) };
}

/** Reads the file's text. Its keys are the names of the fields. */
export function readFileText(text: string, path: string = DEFAULT_FILE): RawSource {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's message quotes the text around the fault, which may be a secret.
    return { values: new Map(), problems: [{ code: "CONFIG_FILE_MALFORMED", name: path, detail: "is not JSON" }] };
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return {
      values: new Map(),
      problems: [{ code: "CONFIG_FILE_MALFORMED", name: path, detail: "is not a JSON object" }],
    };
  }
  const values = new Map<FieldName, RawValue>();
  const problems: ConfigProblem[] = [];
  for (const [key, value] of Object.entries(json)) {
    const name = FIELD_NAMES.find((field) => field === key);
    if (name === undefined) problems.push(unknownName("CONFIG_UNKNOWN_KEY", key, FIELD_NAMES));
    else values.set(name, { value, spelling: `${key} in ${path}` });
  }
  return { values, problems: [...problems, ...misplaced(values, "file")] };
}

function misplaced(values: ReadonlyMap<FieldName, RawValue>, source: "flag" | "file"): ConfigProblem[] {
  return [...values].flatMap(([name, { spelling }]) =>
    metaOf(name).only === undefined
      ? []
      : [
          {
            code: "CONFIG_SOURCE_REFUSED" as const,
            name: spelling,
            detail: `others can read a ${source}; only ${variableOf(name)} may hold it`,
            nearest: variableOf(name),
          },
        ],
  );
}

/** How the user would spell the field where nothing was given: as its flag, or its variable if it has no flag. */
export function spellingOf(name: FieldName): string {
  return metaOf(name).only === undefined ? flagOf(name) : variableOf(name);
}
