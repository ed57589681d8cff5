import pino, { type Logger } from "pino";

export type { Logger };

/**
 * One JSON line per event on stderr: a constant message, everything else in fields, `stage` for the part that speaks. Stdout stays free for
 * what a command answers. Keys that could hold a secret are cut out whatever was passed.
 */
export function createLogger(level: string): Logger {
  const options = { level, base: null, redact: { paths: ["password", "privateKey", "*.password", "*.privateKey"], censor: "***" } };
  return pino(options, pino.destination({ dest: 2, sync: true }));
}
