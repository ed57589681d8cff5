import { join } from "node:path";
import { type ConfigProblem, throwProblems } from "./errors";
import { fixedPoint } from "./kinds";
import { DEFAULT_FILE } from "./names";
import { type ConfigFields, configSchema, FIELD_NAMES, type FieldName, type Source } from "./schema";
import { type RawSource, type RawValue, readFileText, readFlags, readVariables, spellingOf } from "./sources";

/** The configuration with what follows from other fields filled in. Frozen. */
export interface Config extends Readonly<ConfigFields> {
  readonly deploymentFile: string;
  readonly storePath: string;
  /** `maxGasPriceGwei` in wei. */
  readonly maxGasPriceWei: bigint;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Where each value came from. */
  readonly sources: Readonly<Record<FieldName, Source>>;
  /** The configuration file that was read, if any. */
  readonly file: string | undefined;
}

export interface ConfigInput {
  /** What follows the command: `process.argv.slice(3)` of `assay executor --enclaves 3`. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file, or undefined if there is none. Any other failure may throw. */
  readonly readFile: (path: string) => string | undefined;
}

/**
 * One configuration out of flags, variables, the file and defaults, in this order of strength. Relative paths mean the working directory.
 * Pure but for `readFile`.
 * @throws ConfigError with every problem that was found
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  const flags = readFlags(input.argv);
  const variables = readVariables(input.env);
  const { source: file, path } = readNamedFile(input, flags.file ?? variables.file);
  throwProblems([...flags.problems, ...variables.problems, ...file.problems]);

  const chosen = new Map<FieldName, RawValue>();
  const sources = {} as Record<FieldName, Source>;
  for (const name of FIELD_NAMES) {
    const layers = [
      ["flag", flags],
      ["environment", variables],
      ["file", file],
    ] as const;
    const layer = layers.find(([, source]) => source.values.has(name));
    const raw = layer?.[1].values.get(name);
    if (raw !== undefined) chosen.set(name, raw);
    sources[name] = layer?.[0] ?? "default";
  }
  const parsed = configSchema.safeParse(Object.fromEntries([...chosen].map(([name, raw]) => [name, raw.value])));
  if (!parsed.success) {
    // The cause is left out on purpose: zod's issues may carry the input, and the input may be a secret.
    // One complaint for each field is enough: a number out of several bounds is one mistake.
    const issues = parsed.error.issues.filter(
      (issue, i, all) => all.findIndex((other) => other.path[0] === issue.path[0]) === i,
    );
    throwProblems(issues.map((issue) => problemOf(issue, chosen)));
    throw new Error("zod failed without an issue");
  }
  return Object.freeze({ config: derive(parsed.data), sources: Object.freeze(sources), file: path });
}

function readNamedFile(input: ConfigInput, named: string | undefined): { source: RawSource; path: string | undefined } {
  const path = named ?? DEFAULT_FILE;
  const text = input.readFile(path);
  if (text !== undefined) return { source: readFileText(text, path), path };
  // Only a file that somebody asked for can be missing.
  const problems: ConfigProblem[] =
    named === undefined ? [] : [{ code: "CONFIG_FILE_MISSING", name: path, detail: "is not there" }];
  return { source: { values: new Map(), problems }, path: undefined };
}

function problemOf(
  issue: { readonly path: readonly PropertyKey[]; readonly message: string },
  chosen: ReadonlyMap<FieldName, RawValue>,
): ConfigProblem {
  const name = FIELD_NAMES.find((field) => field === issue.path[0]);
  const params: unknown = "params" in issue ? issue.params : undefined;
  const conflict = typeof params === "object" && params !== null && "conflict" in params;
  const spelling = name === undefined ? "configuration" : (chosen.get(name)?.spelling ?? spellingOf(name));
  return { code: conflict ? "CONFIG_CONFLICT" : "CONFIG_INVALID_VALUE", name: spelling, detail: issue.message };
}

/** A key given for the operator posts as well, unless posting has one of its own. */
function derive(fields: ConfigFields): Config {
  const ownPoster = fields.posterKeystore !== undefined || fields.posterPrivateKey !== undefined;
  const inherited = ownPoster
    ? {}
    : {
        ...(fields.operatorKeystore === undefined ? {} : { posterKeystore: fields.operatorKeystore }),
        ...(fields.operatorPasswordFile === undefined ? {} : { posterPasswordFile: fields.operatorPasswordFile }),
        ...(fields.operatorPrivateKey === undefined ? {} : { posterPrivateKey: fields.operatorPrivateKey }),
      };
  const maxGasPriceWei = fixedPoint(fields.maxGasPriceGwei, 9);
  if (maxGasPriceWei === undefined) throw new Error("the schema let a gas price through that is not one");
  return Object.freeze({
    ...fields,
    ...inherited,
    deploymentFile: fields.deploymentFile ?? join("deployments", `${fields.network}.json`),
    storePath: fields.storePath ?? join(fields.dataDir, "store.sqlite"),
    maxGasPriceWei,
  });
}
