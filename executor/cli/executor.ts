import { configHelp } from "../config/describe";
import { main } from "../main";
import type { CliCommand, ExitCode } from "./command";
import { say } from "./output";

/** `assay executor`: the daemon. Its flags are those of the one schema, so commander hands them on unread. */
export const executorCommand: CliCommand = {
  define: (program, done) => {
    program
      .command("executor")
      .description("serve requests: follow the chain, run enclaves, post answers (flags: assay executor --help)")
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .passThroughOptions()
      .argument("[flags...]")
      .action(async (flags: string[]) => {
        if (flags.includes("--help") || flags.includes("-h")) {
          say(`assay executor [flags]\n\n${configHelp()}`);
          return;
        }
        done((await main(flags)) as ExitCode);
      });
  },
};
