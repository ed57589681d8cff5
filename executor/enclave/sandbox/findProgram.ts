import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** The first executable of this name on PATH. */
export function findProgram(name: string, path: string | undefined = process.env.PATH): string | undefined {
  for (const dir of (path ?? "").split(":")) {
    if (!dir.startsWith("/")) continue; // A relative entry would let the working directory choose the launcher.
    try {
      accessSync(join(dir, name), constants.X_OK);
      return join(dir, name);
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}
