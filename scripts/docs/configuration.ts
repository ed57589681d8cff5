import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configDocument } from "../../executor/config/describe";

/** Writes docs/configuration.md from the schema; with `--check` it only says whether the page is up to date. */
function main(args: readonly string[]): number {
  const page = join(__dirname, "..", "..", "docs", "configuration.md");
  const wanted = configDocument();
  if (!args.includes("--check")) {
    writeFileSync(page, wanted);
    return 0;
  }
  const same = readFileSync(page, "utf8") === wanted;
  console.log(
    same
      ? "docs/configuration.md is up to date"
      : "docs/configuration.md is not what the schema says: run scripts/docs/configuration.ts",
  );
  return same ? 0 : 1;
}

if (require.main === module) process.exitCode = main(process.argv.slice(2));
