import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(__dirname, "../../test/vectors");

export const isMain = (module: NodeModule): boolean => require.main === module;

export const vectorText = (vectors: unknown): string => `${JSON.stringify(vectors, null, 2)}\n`;

export function writeVectors(name: string, vectors: unknown): void {
  writeFileSync(join(FOLDER, `${name}.json`), vectorText(vectors));
}

/** The committed file as text, so that a test can compare it with what the generator makes now. */
export function readVectors(name: string): string {
  return readFileSync(join(FOLDER, `${name}.json`), "utf8");
}
