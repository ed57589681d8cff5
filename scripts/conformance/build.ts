import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { filesOf } from "./caseFiles";
import type { CaseSpec } from "./caseSpec";
import { graphCases } from "./cases/graphs";
import { numberCases } from "./cases/numbers";
import { shapeCases } from "./cases/shapes";
import { textCases } from "./cases/texts";
import { typeCases } from "./cases/types";

/** Where the cases are committed. */
export const CASES_FOLDER = join(__dirname, "..", "..", "test", "vectors", "conformance");

export function allCases(): CaseSpec[] {
  return [...typeCases(), ...numberCases(), ...shapeCases(), ...textCases(), ...graphCases()];
}

/** Every file of every case, by its path below the folder. The same sources give the same bytes. */
export function buildCases(): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const spec of allCases())
    for (const [path, bytes] of filesOf(spec)) {
      const at = `${spec.name}/${path}`;
      if (files.has(at)) throw new Error(`two cases have the name ${spec.name}`);
      files.set(at, bytes);
    }
  return files;
}

if (require.main === module) {
  const files = buildCases();
  rmSync(CASES_FOLDER, { recursive: true, force: true });
  for (const [path, bytes] of files) {
    const at = join(CASES_FOLDER, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, bytes);
  }
  console.log(`${allCases().length} cases, ${[...files.values()].reduce((sum, { length }) => sum + length, 0)} bytes`);
}
