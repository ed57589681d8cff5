import fs from "node:fs";
import path from "node:path";

function packagesOf(file) {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")).packages ?? {};
  } catch (error) {
    if (error.code === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * True if what npm noted inside `node_modules` is what the lock file asks for, so that somebody who ran `npm ci` by
 * hand does not wait for a second one. Packages marked optional may be missing: they are for other platforms.
 * @param {string} root the clone
 */
export function isInstalledAsLocked(root) {
  const wanted = packagesOf(path.join(root, "package-lock.json"));
  const present = packagesOf(path.join(root, "node_modules", ".package-lock.json"));
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === "") return true;
    const found = present[name];
    if (found === undefined) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && fs.existsSync(path.join(root, name, "package.json"));
  });
}
