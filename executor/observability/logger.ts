import pino from "pino";
import { safeFields } from "./fields";

/** The words of the stages: the same in folder, logger, metric and error code. */
export const COMPONENTS = [
  "app",
  "intake",
  "matching",
  "jobs",
  "enclave",
  "posting",
  "availability",
  "observability",
  "keystore",
  "pipe",
] as const;
export type Component = (typeof COMPONENTS)[number];
export type LogLevel = "silent" | "fatal" | "error" | "warn" | "info" | "debug" | "trace";

/**
 * One line each: what happened as a constant text, so that lines can be counted, and what it happened to as fields.
 * error: an operator must act. warn: an operator should look. info: what the daemon did. debug and trace: for its authors.
 */
export interface Logger {
  fatal(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  debug(message: string, fields?: object): void;
  trace(message: string, fields?: object): void;
}

/** Makes the logger of a stage; all write to one place. */
export type LoggerFactory = (component: Component) => Logger;

export interface LogDestination {
  write(line: string): void;
}

/**
 * Loggers that write JSON lines: `level` as a word, `time` in ISO 8601, `component`, `msg` and the fields under their own names.
 * A field can not overwrite these four. Secrets are hidden and long values cut at every level.
 */
export function createLoggerFactory(args: {
  readonly level: LogLevel;
  readonly destination?: LogDestination;
}): LoggerFactory {
  const options: pino.LoggerOptions = {
    level: args.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  // Synchronous, so that the line before a crash is there after it.
  const root = pino(options, args.destination ?? pino.destination({ dest: 1, sync: true }));
  return (component) => {
    const child = root.child({ component });
    const write =
      (level: Exclude<LogLevel, "silent">) =>
      (message: string, fields?: object): void => {
        if (!child.isLevelEnabled(level)) return;
        if (fields === undefined) child[level](message);
        else child[level](renamed(safeFields(fields)), message);
      };
    return {
      fatal: write("fatal"),
      error: write("error"),
      warn: write("warn"),
      info: write("info"),
      debug: write("debug"),
      trace: write("trace"),
    };
  };
}

const TAKEN = new Set(["level", "time", "component", "msg"]);

/** JSON readers take the last of two equal keys: a field named `level` from the network could hide an error. */
function renamed(fields: unknown): object {
  if (typeof fields !== "object" || fields === null) return { value: fields };
  if (Array.isArray(fields)) return { items: fields };
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [TAKEN.has(key) ? `${key}_` : key, value]));
}
