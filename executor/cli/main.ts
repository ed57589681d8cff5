import { Command, CommanderError } from "commander";
import { isAssayError } from "../domain/errors";
import { type CliCommand, EXIT, type ExitCode } from "./command";

/** Each command is loaded only when it is called or when help lists them, so that one command does not pay for the others. */
const COMMANDS: Readonly<Record<string, () => Promise<CliCommand>>> = {
  executor: async () => (await import("./executor.js")).executorCommand,
  status: async () => (await import("./status.js")).statusCommand,
  quote: async () => (await import("./quote.js")).quoteCommand,
  request: async () => (await import("./request.js")).requestCommand,
  verify: async () => (await import("./verify.js")).verifyCommand,
  doctor: async () => (await import("./doctor.js")).doctorCommand,
  enclave: async () => (await import("./enclave.js")).enclaveCommand,
  attestation: async () => (await import("./attestation.js")).attestationCommand,
  model: async () => (await import("./model.js")).modelCommand,
  config: async () => (await import("./config.js")).configCommand,
  store: async () => (await import("./store.js")).storeCommand,
  key: async () => (await import("./key.js")).keyCommand,
};

async function programFor(name: string | undefined, done: (code: ExitCode) => void): Promise<Command> {
  const program = new Command("assay")
    .description("Lets a Solidity contract use an AI model and lets anyone check the answer.")
    .showSuggestionAfterError(true)
    .showHelpAfterError("(assay --help lists the commands)")
    .exitOverride()
    .enablePositionalOptions();
  const load = name === undefined ? undefined : COMMANDS[name];
  // A word that is no command gets the whole list, so that the nearest one can be named.
  for (const loader of load === undefined ? Object.values(COMMANDS) : [load]) (await loader()).define(program, done);
  return program;
}

/**
 * The command line.
 * @param argv what follows `assay`
 * @returns the exit code; errors are printed to stderr as `CODE: sentence`
 */
export async function main(argv: readonly string[]): Promise<number> {
  let code: ExitCode = EXIT.ok;
  const program = await programFor(argv[0], (value) => {
    code = value;
  });
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.usage;
    }
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!isAssayError(error)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    return /^(CONFIG|CLI|ID)_/.test(error.code) ? EXIT.usage : EXIT.environment;
  }
}
