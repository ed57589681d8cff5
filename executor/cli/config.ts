import { existsSync, readFileSync } from "node:fs";
import { loadConfig } from "../config/loadConfig";
import { printConfig } from "../config/redact";
import type { CliCommand } from "./command";
import { sayJson, sayRows } from "./output";

/** `assay config`: what is in force and where it came from. Takes every flag of the daemon; secrets print as `***`. */
export const configCommand: CliCommand = {
  define: (program) => {
    program
      .command("config")
      .description(
        "print the configuration in force and where each value came from (takes the executor's flags, and --json)",
      )
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .passThroughOptions()
      .argument("[flags...]")
      .action((flags: string[]) => {
        const loaded = loadConfig({
          argv: flags.filter((flag) => flag !== "--json"),
          env: process.env,
          readFile: (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined),
        });
        const fields = printConfig(loaded);
        if (flags.includes("--json")) sayJson({ file: loaded.file ?? null, fields });
        else sayRows(fields.map(({ name, value, source }) => [name, value ?? "-", `(${source})`]));
      });
  },
};
