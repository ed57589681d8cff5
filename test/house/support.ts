import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

export const ROOT = path.resolve(__dirname, "..", "..");

/** The set-up is plain JavaScript modules, because it runs before any package is there; this is how a CommonJS test gets at them. */
export async function loadModule<T>(file: string): Promise<T> {
  return (await import(pathToFileURL(path.join(ROOT, file)).href)) as T;
}

/** A folder that is removed when the current test or suite of the caller calls the returned function. */
export function temporaryFolder(): { readonly folder: string; readonly remove: () => void } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "assay-house-"));
  return { folder, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

export function write(folder: string, file: string, text: string): void {
  const full = path.join(folder, file);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, text);
}
