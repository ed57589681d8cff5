import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeArtefact, sha256Hex } from "./artefact";
import { DEFAULT_DATA_FOLDER, damagedFiles, findData, modelFolder, readCard } from "./committed";
import { RECIPES } from "./recipes/all";
import type { Recipe } from "./recipes/recipe";

/**
 * `npm run models -- [--data DIR] [--only NAME] [--write]`
 * Rebuilds each model whose data is at hand and compares it with the committed file, bit for bit; verifies the committed
 * hashes of the others and says where their data can be had. `--write` replaces the committed files instead.
 * Exit code 0 if everything agrees, 1 if anything differs, 2 for wrong arguments.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { data: { type: "string" }, only: { type: "string" }, write: { type: "boolean" } } });
  const chosen = RECIPES.filter(({ name }) => values.only === undefined || name === values.only);
  if (chosen.length === 0) {
    console.error(`No model ${values.only}; there are ${RECIPES.map(({ name }) => name).join(", ")}.`);
    return 2;
  }
  let failures = 0;
  for (const recipe of chosen) {
    const isGood = await handle(recipe, { dataFolder: values.data ?? DEFAULT_DATA_FOLDER, write: values.write ?? false });
    if (!isGood) failures += 1;
  }
  return failures === 0 ? 0 : 1;
}

async function handle(recipe: Recipe, options: { dataFolder: string; write: boolean }): Promise<boolean> {
  const { name } = recipe;
  const data = findData(recipe, options.dataFolder);
  if (!data.ok) {
    const isFound = data.reason === "other-hash";
    console.log(`${name}: ${isFound ? "the data has another sha-256 than the one the model was trained on" : "no data"} at ${data.path}`);
    console.log(`  It can be had from ${recipe.data.source} (sha-256 ${recipe.data.sha256}).`);
    if (options.write) return false;
    return reportDamage(name) && !isFound;
  }
  console.log(`${name}: training …`);
  const built = recipe.build(data.bytes);
  if (options.write) {
    const artefact = await makeArtefact(recipe, built);
    mkdirSync(modelFolder(name), { recursive: true });
    writeFileSync(join(modelFolder(name), `${name}.onnx`), artefact.onnx);
    writeFileSync(join(modelFolder(name), "model.json"), artefact.card);
    writeFileSync(join(modelFolder(name), "io.json"), artefact.io);
    console.log(`${name}: wrote ${artefact.onnx.length} bytes, sha-256 ${sha256Hex(artefact.onnx)}`);
    return true;
  }
  const rebuilt = sha256Hex(built.onnx);
  const committed = readCard(name).sha256;
  const isEqual = rebuilt === committed;
  console.log(`${name}: ${isEqual ? "rebuilt bit for bit" : `DIFFERS, committed is ${committed}`}, sha-256 ${rebuilt}`);
  return reportDamage(name) && isEqual;
}

function reportDamage(name: string): boolean {
  const damaged = damagedFiles(name);
  console.log(damaged.length === 0 ? `${name}: committed files have their hashes` : `${name}: DAMAGED ${damaged.join(", ")}`);
  return damaged.length === 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
