// node scripts/lint/trimLock.mjs [--check]: takes optional dependencies out of package-lock.json that it has no entry for.
// A registry that does not carry the binaries of every platform leaves such gaps, and `npm ci` refuses a lock with gaps (EUSAGE)
// everywhere, although the missing packages are for other platforms. Run it after `npm install`.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The gaps of a lock file, as `[owner, missing]`.
 * @param {{ packages: Record<string, { optionalDependencies?: Record<string, string> }> }} lock
 * @returns {[string, string][]}
 */
export function gapsOf(lock) {
  const present = new Set(Object.keys(lock.packages).map((key) => key.slice(key.lastIndexOf("node_modules/") + 13)));
  return Object.entries(lock.packages).flatMap(([owner, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter((name) => !present.has(name))
      .map((name) => [owner, name]),
  );
}

/** Removes the gaps from `lock` and returns how many there were. */
export function trim(lock) {
  const gaps = gapsOf(lock);
  for (const [owner, name] of gaps) {
    const entry = lock.packages[owner];
    delete entry.optionalDependencies[name];
    if (Object.keys(entry.optionalDependencies).length === 0) delete entry.optionalDependencies;
  }
  return gaps.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..", "..", "package-lock.json");
  const lock = JSON.parse(fs.readFileSync(file, "utf8"));
  const check = process.argv.includes("--check");
  const gaps = gapsOf(lock);
  for (const [owner, name] of gaps) console.log(`${owner} wants ${name}, which the lock file does not have`);
  if (check) {
    process.exitCode = gaps.length === 0 ? 0 : 1;
  } else if (gaps.length > 0) {
    trim(lock);
    fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  }
}
