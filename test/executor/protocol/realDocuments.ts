import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where data that is not in the repository lies. */
const DATA = process.env.ASSAY_DATA ?? join(__dirname, "../../../../shared/data");

export interface RealDocument {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Documents that real AWS enclaves gave; the running test is skipped where they are not at hand. */
export function realDocuments(test: Mocha.Context): RealDocument[] {
  const folder = join(DATA, "nitro");
  if (!existsSync(folder)) {
    // The runner prints titles only, so that the reason has to be in one.
    const running = test.test;
    if (running !== undefined) running.title += " (skipped: no data/nitro; ASSAY_DATA says where it is)";
    test.skip();
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith(".cose"))
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}
