import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** The files that a commit would hold: tracked ones, and new ones that are not ignored. Relative to the clone, `/` as separator. */
export function trackedFiles(root: string): string[] {
  const output = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return output.split("\0").filter((file) => file !== "" && fs.existsSync(path.join(root, file)));
}
