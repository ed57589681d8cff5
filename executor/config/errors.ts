import { AssayError } from "../domain/errors";

/** Every way a configuration can be wrong, with what it means to the person who wrote it. */
export const CONFIG_ERRORS = {
  CONFIG_UNKNOWN_FLAG: "a flag on the command line that no field has",
  CONFIG_UNKNOWN_VARIABLE: "an ASSAY_ variable that no field has",
  CONFIG_UNKNOWN_KEY: "a key in the configuration file that no field has",
  CONFIG_UNEXPECTED_ARGUMENT: "a word on the command line that belongs to no flag",
  CONFIG_FLAG_WITHOUT_VALUE: "a flag that needs a value ends the line or is followed by another flag",
  CONFIG_FLAG_REPEATED: "a flag that takes one value was given twice",
  CONFIG_SOURCE_REFUSED: "a value came from a place where it must not stand, such as a key on the command line",
  CONFIG_INVALID_VALUE: "a value that its field does not accept",
  CONFIG_CONFLICT: "two values that are each fine and can not stand together",
  CONFIG_FILE_MISSING: "a configuration file was named and is not there",
  CONFIG_FILE_MALFORMED: "the configuration file is not one JSON object",
} as const;
export type ConfigErrorCode = keyof typeof CONFIG_ERRORS;

/** One thing that is wrong. `name` is the spelling the user used: a flag, a variable or a key of the file. */
export interface ConfigProblem {
  readonly code: ConfigErrorCode;
  readonly name: string;
  readonly detail: string;
  /** The known name that was probably meant. */
  readonly nearest?: string;
}

/** All problems at once, so that nobody fixes them one start at a time. `code` is that of the first. */
export class ConfigError extends AssayError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly [ConfigProblem, ...ConfigProblem[]], cause?: unknown) {
    const lines = problems.map(
      (p) => `${p.name}: ${p.detail}${p.nearest === undefined ? "" : ` (did you mean ${p.nearest}?)`}`,
    );
    super({
      code: problems[0].code,
      message: lines.join("\n"),
      context: { problems },
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** @throws ConfigError if there is any problem */
export function throwProblems(problems: readonly ConfigProblem[], cause?: unknown): void {
  const [first, ...rest] = problems;
  if (first !== undefined) throw new ConfigError([first, ...rest], cause);
}
