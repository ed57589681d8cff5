import { createKeystore } from "../keystore/keystoreFile";
import { passwordFromFile } from "../keystore/password";
import type { CliCommand } from "./command";
import { say } from "./output";

/** `assay key`: encrypted keys for the daemon. A raw key is never taken from the command line, where other users could read it. */
export const keyCommand: CliCommand = {
  define: (program) => {
    program
      .command("key")
      .description("encrypted keys for the executor")
      .command("new")
      .description("make a key and write it as an encrypted file (keystore V3); prints its address")
      .argument("<file>")
      .requiredOption("--password-file <file>", "file that holds the password")
      .action(async (file: string, options: { passwordFile: string }) => {
        const password = await passwordFromFile(options.passwordFile)();
        say(await createKeystore({ path: file, password }));
      });
  },
};
