import fs from "node:fs";
import path from "node:path";

interface Pattern {
  readonly what: string;
  readonly expression: RegExp;
}

const BEFORE = "(?<![\\w.$}/-])";
const PATTERNS: readonly Pattern[] = [
  // Spelled in pieces, so that this file does not find itself.
  {
    what: "a path of one machine",
    expression: new RegExp(`${BEFORE}/(?:${["work", "farm", "home", "Users", "root"].join("|")})/\\w`),
  },
  {
    what: "a registry host",
    expression: /https?:\/\/[\w.-]*(?:registry|npmjs|artifactory|nexus|verdaccio)[\w.-]*[/:]/i,
  },
];

/** Text that is too big to be written by hand is data; a model or a vector has no paths worth a look. */
const LARGEST_BYTES = 2 * 1024 * 1024;

/** One line for each place where a file names a folder of one machine or a package host: both work for one person only. */
export function machinePaths(root: string, files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const content = fs.readFileSync(path.join(root, file));
    if (content.length > LARGEST_BYTES || content.includes(0)) return [];
    return content
      .toString("utf8")
      .split("\n")
      .flatMap((line, index) =>
        PATTERNS.filter(({ expression }) => expression.test(line)).map(
          ({ what }) => `${file}:${index + 1}: ${what}: ${line.trim().slice(0, 120)}`,
        ),
      );
  });
}
