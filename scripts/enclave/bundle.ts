import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";

/** The files of `dist/enclave/`: what runs inside, and the launcher that closes the sandbox where bubblewrap is missing. */
const ENTRIES = {
  signer: "executor/enclave/image/signer/main.ts",
  runner: "executor/enclave/image/runner/main.ts",
  stage0: "executor/enclave/sandbox/stage0/main.ts",
} as const;

/**
 * Bundles the enclave's code. The same sources must give the same bytes in every folder, because PCR2 is their hash: paths are relative
 * to the root, names are kept out of the output, and no map or banner names a file.
 * @returns sha-256 by file name
 */
export async function bundleEnclave(
  root: string,
  outDir: string = join(root, "dist", "enclave"),
): Promise<Record<string, string>> {
  mkdirSync(outDir, { recursive: true });
  const hashes: Record<string, string> = {};
  for (const [name, entry] of Object.entries(ENTRIES)) {
    const result = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      bundle: true,
      write: false,
      outfile: `${name}.js`,
      platform: "node",
      format: "cjs",
      target: "node20",
      // Comments that esbuild puts above each module carry its path; minified output has none.
      minifyWhitespace: true,
      minifySyntax: true,
      // So does the wrapper of a module that is imported when it is needed, unless its names are short.
      minifyIdentifiers: true,
      legalComments: "none",
      charset: "utf8",
      sourcemap: false,
      treeShaking: true,
      conditions: ["import"],
      mainFields: ["module", "main"],
      tsconfigRaw: { compilerOptions: { target: "es2022" } },
      logLevel: "error",
    });
    const bytes = result.outputFiles[0]?.contents;
    if (bytes === undefined) throw new Error(`no output for ${entry}`);
    writeFileSync(join(outDir, `${name}.js`), bytes);
    hashes[`${name}.js`] = createHash("sha256").update(bytes).digest("hex");
  }
  return hashes;
}

if (require.main === module) {
  bundleEnclave(resolve(__dirname, "..", "..")).then(
    (hashes) => console.log(JSON.stringify(hashes, null, 2)),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
