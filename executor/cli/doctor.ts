import { sandboxReports } from "../app/machine";
import type { CliCommand } from "./command";
import { EXIT } from "./command";
import { say, sayJson } from "./output";

/** `assay doctor`: which sandbox this machine allows, why no stronger one, and what would help. */
export const doctorCommand: CliCommand = {
  define: (program, done) => {
    program
      .command("doctor")
      .description("which sandbox level this machine reaches, why, and how to raise it")
      .option("--json", "print one JSON object")
      .action(async (options: { json?: boolean }) => {
        const reports = await sandboxReports();
        const best = Math.max(0, ...reports.filter(({ reached }) => reached).map(({ level }) => level));
        const machine = {
          node: process.version,
          platform: process.platform,
          arch: process.arch,
          user: process.getuid?.(),
        };
        if (options.json === true) sayJson({ ...machine, level: best, reports });
        else {
          say(`node ${machine.node}, ${machine.platform} ${machine.arch}, user ${machine.user ?? "unknown"}`);
          for (const { launcher, level, reached, reason, advice } of reports) {
            say(
              `${reached ? "ok  " : "no  "} level ${level} by ${launcher}${reason === undefined ? "" : `: ${reason}`}`,
            );
            if (advice !== undefined && advice !== reason) say(`      what would help: ${advice}`);
          }
          say(best === 0 ? "no sandbox works here: enclaves can not be started" : `enclaves start at level ${best}`);
        }
        // Level 1 keeps nobody out, so that alone is no pass.
        done(best >= 2 ? EXIT.ok : EXIT.no);
      });
  },
};
