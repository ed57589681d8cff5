import { backupStore, pruneStore, restoreStore } from "../app/storeTools";
import { AssayError } from "../domain/errors";
import type { CliCommand } from "./command";
import { say } from "./output";

const STORE = [".assay", "store.sqlite"].join("/");

/** `assay store`: copies and cleaning of the job store, with the daemon stopped. */
export const storeCommand: CliCommand = {
  define: (program) => {
    const store = program
      .command("store")
      .description("back up, restore and prune the job store (stop the executor first)");
    store
      .command("backup")
      .description("write a consistent copy to a new file")
      .argument("<file>")
      .option("--store <file>", "the store", STORE)
      .action(async (file: string, options: { store: string }) => {
        await backupStore(options.store, file);
        say(`${options.store} is copied to ${file}`);
      });
    store
      .command("restore")
      .description("put a copy where no store is")
      .argument("<file>")
      .option("--store <file>", "the store", STORE)
      .action(async (file: string, options: { store: string }) => {
        await restoreStore(file, options.store);
        say(`${file} is restored to ${options.store}`);
      });
    store
      .command("prune")
      .description("delete finished jobs with their inputs and outputs")
      .requiredOption("--older-than-days <days>", "a whole number")
      .option("--store <file>", "the store", STORE)
      .action(async (options: { store: string; olderThanDays: string }) => {
        if (!/^\d{1,5}$/.test(options.olderThanDays))
          throw new AssayError({ code: "CLI_DAYS_INVALID", message: "--older-than-days takes a whole number" });
        say(`${await pruneStore(options.store, Number(options.olderThanDays))} jobs deleted`);
      });
  },
};
