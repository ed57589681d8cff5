import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type GoldenProfile, sha256Hex } from "./artefact";
import type { CompactSet } from "./golden";
import type { Recipe, Scores } from "./recipes/recipe";

/** What of `model.json` is read back. */
export interface ModelCard {
  readonly name: string;
  readonly sha256: string;
  readonly cid: string;
  readonly bytes: number;
  readonly opset: number;
  readonly signature: unknown;
  readonly dataSha256: string;
  readonly metrics: { readonly testCases: number; readonly model: Scores; readonly baselines: Readonly<Record<string, Scores>> };
  readonly golden: { readonly sha256: string; readonly profile: GoldenProfile };
}

export const MODELS_FOLDER = resolve(__dirname, "../../models");
export const DEFAULT_DATA_FOLDER = resolve(__dirname, "../../../shared/data");

export function modelFolder(name: string): string {
  return join(MODELS_FOLDER, name);
}

export function readCard(name: string): ModelCard {
  return JSON.parse(readFileSync(join(modelFolder(name), "model.json"), "utf8")) as ModelCard;
}

export function readOnnx(name: string): Uint8Array {
  return readFileSync(join(modelFolder(name), `${name}.onnx`));
}

export function readGolden(name: string): { readonly sets: readonly CompactSet[] } {
  return JSON.parse(readFileSync(join(modelFolder(name), "io.json"), "utf8")) as { sets: CompactSet[] };
}

/** Names of the models that are committed, by their folders. */
export function committedModels(): string[] {
  return readdirSync(MODELS_FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Every committed file whose hash is not the one that `model.json` gives; empty if all is well. */
export function damagedFiles(name: string): string[] {
  const card = readCard(name);
  const damaged: string[] = [];
  if (sha256Hex(readOnnx(name)) !== card.sha256) damaged.push(`${name}.onnx`);
  if (sha256Hex(readFileSync(join(modelFolder(name), "io.json"))) !== card.golden.sha256) damaged.push("io.json");
  return damaged;
}

export type DataLookup = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly reason: "missing" | "other-hash"; readonly path: string };

/** The recipe's data, from the data folder or from what is shipped with the model. Data of another hash is not used. */
export function findData({ name, data }: Recipe, dataFolder: string): DataLookup {
  const paths = [join(dataFolder, data.file), ...(data.shipped === undefined ? [] : [join(modelFolder(name), data.shipped)])];
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) return { ok: false, reason: "missing", path: paths[0] ?? data.file };
  const bytes = readFileSync(path);
  return sha256Hex(bytes) === data.sha256 ? { ok: true, bytes } : { ok: false, reason: "other-hash", path };
}
