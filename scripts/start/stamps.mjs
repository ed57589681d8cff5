import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

/** Every file below `entry` (a file or a folder), in a fixed order; nothing where it does not exist. */
function filesBelow(root, entry) {
  const full = path.join(root, entry);
  const stat = fs.statSync(full, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (stat.isFile()) return [entry];
  return fs
    .readdirSync(full)
    .sort()
    .flatMap((name) => filesBelow(root, path.join(entry, name)));
}

/**
 * One hash over names and contents of the given files and folders. Contents, not times: a fresh clone, a checkout of
 * another branch and back, or a copied folder give the same answer.
 * @param {string} root
 * @param {readonly string[]} entries relative to `root`
 * @returns {string} sha-256, hex
 */
export function hashInputs(root, entries) {
  const hash = createHash("sha256");
  for (const file of entries.flatMap((entry) => filesBelow(root, entry))) {
    const content = fs.readFileSync(path.join(root, file));
    hash.update(`${file.length}:${file}:${content.length}:`).update(content);
  }
  return hash.digest("hex");
}

/**
 * The stamp that a step left when it last succeeded, or undefined.
 * @param {string} file
 */
export function readStamp(file) {
  try {
    return fs.readFileSync(file, "utf8").trim();
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Written whole or not at all, so that a crash in between never leaves a stamp for work that was not done. */
export function writeStamp(file, value) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  fs.writeFileSync(temporary, `${value}\n`);
  fs.renameSync(temporary, file);
}
