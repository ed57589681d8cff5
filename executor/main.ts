import { readFileSync } from "node:fs";
import { stderr, stdin } from "node:process";
import { createInterface } from "node:readline/promises";
import { runExecutor } from "./app/daemon";
import { loadConfig } from "./config/loadConfig";
import { AssayError } from "./domain/errors";

/** Exit codes of the daemon: 0 stopped as asked, 2 the configuration is wrong, 3 the world around it is. */
const EXIT = { stopped: 0, usage: 2, environment: 3 } as const;

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function ask(prompt: string): Promise<string> {
  if (!stdin.isTTY) {
    throw new AssayError({
      code: "KEYS_NOBODY_TO_ASK",
      message: "no terminal to ask for the password on; give --operator-password-file",
    });
  }
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return await terminal.question(prompt);
  } finally {
    terminal.close();
  }
}

/**
 * The daemon as a process: configuration from flags, environment and file; the first SIGINT or SIGTERM stops it in order, a second one at once.
 * @param argv what follows the command's name
 */
export async function main(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    const { config } = loadConfig({ argv, env: process.env, readFile: readOptional });
    await runExecutor(config, stop.signal, { ask });
    return EXIT.stopped;
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    return error.code.startsWith("CONFIG") ? EXIT.usage : EXIT.environment;
  }
}

if (require.main === module) {
  void main(process.argv.slice(2)).then((code) => process.exit(code));
}
