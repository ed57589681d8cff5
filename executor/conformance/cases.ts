import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { elementCount, type Tensor } from "../protocol/tensor";
import type { NamedTensor } from "../protocol/tensorSet";
import { DType, type DTypeName, elementBytes } from "../protocol/tensorType";
import { ConformanceError } from "./error";
import { readTensorProto } from "./tensorProto";
import { textOf } from "./text";

/** Inputs and the outputs that are expected of them. Names may be empty: then the order is the model's. */
export interface ConformanceSet {
  readonly inputs: readonly NamedTensor[];
  readonly outputs: readonly NamedTensor[];
}

/** A model with its sets. Sets are read only when the case runs: one bad file must not hide the other cases. */
export interface ConformanceCase {
  readonly name: string;
  readonly model: () => Uint8Array;
  readonly sets: () => readonly ConformanceSet[];
}

/**
 * The cases of a folder: the folder itself if it holds `model.onnx`, else each folder below it that does.
 * Two layouts: ONNX's backend tests (`test_data_set_N/input_i.pb`, `output_i.pb`) and the compact `io.json`.
 * @throws ConformanceError `CASE_NOT_FOUND`
 */
export function findCases(folder: string): ConformanceCase[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new ConformanceError("CASE_NOT_FOUND", `${folder} is no folder`);
  const folders = modelFolders(folder);
  if (folders.length === 0)
    throw new ConformanceError("CASE_NOT_FOUND", `${folder} holds no model.onnx, nor does any folder below it`);
  return folders.map((path) => ({
    name:
      path === folder
        ? (folder.replace(/\/+$/, "").split("/").at(-1) ?? folder)
        : path.slice(folder.length).replace(/^\/+/, ""),
    model: () => readFileSync(join(path, "model.onnx")),
    sets: () => readSets(path),
  }));
}

function modelFolders(folder: string): string[] {
  if (existsSync(join(folder, "model.onnx"))) return [folder];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name))
    .sort()
    .flatMap(modelFolders);
}

function readSets(folder: string): ConformanceSet[] {
  const compact = join(folder, "io.json");
  if (existsSync(compact)) return readCompact(readFileSync(compact, "utf8"));
  const sets = readdirSync(folder)
    .filter((name) => /^test_data_set_\d+$/.test(name))
    .sort((a, b) => numberIn(a) - numberIn(b));
  if (sets.length === 0)
    throw new ConformanceError("CASE_MALFORMED", "beside model.onnx there is neither io.json nor test_data_set_0");
  return sets.map((name) => ({
    inputs: readProtos(join(folder, name), "input"),
    outputs: readProtos(join(folder, name), "output"),
  }));
}

function readProtos(folder: string, kind: "input" | "output"): NamedTensor[] {
  return readdirSync(folder)
    .filter((name) => new RegExp(`^${kind}_\\d+\\.pb$`).test(name))
    .sort((a, b) => numberIn(a) - numberIn(b))
    .map((name) => readTensorProto(readFileSync(join(folder, name))));
}

const numberIn = (name: string): number => Number(/(\d+)/.exec(name)?.[1]);

const tensorSchema = z.object({
  name: z.string(),
  dtype: z.string(),
  dims: z.array(z.number().int().nonnegative()),
  b64: z.string().optional(),
  strings: z.array(z.string()).optional(),
});
const compactSchema = z.object({
  sets: z.array(z.object({ inputs: z.array(tensorSchema), outputs: z.array(tensorSchema) })).min(1),
});

/** numpy's names beside ONNX's own. */
const ALIASES: Readonly<Record<string, DTypeName>> = {
  float32: "float",
  float64: "double",
  boolean: "bool",
  str: "string",
};

/** @throws ConformanceError `CASE_MALFORMED`, `CASE_TENSOR_UNSUPPORTED`, `CASE_TENSOR_MALFORMED` */
export function readCompact(text: string): ConformanceSet[] {
  let parsed: z.output<typeof compactSchema>;
  try {
    parsed = compactSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new ConformanceError(
      "CASE_MALFORMED",
      "io.json is not {sets: [{inputs, outputs}]} of {name, dtype, dims, b64}",
      cause,
    );
  }
  return parsed.sets.map(({ inputs, outputs }) => ({ inputs: inputs.map(tensorOf), outputs: outputs.map(tensorOf) }));
}

/** A tensor in the compact form. @throws ConformanceError */
function tensorOf(entry: z.output<typeof tensorSchema>): NamedTensor {
  const { name, dims } = entry;
  const dtype = DType[(ALIASES[entry.dtype] ?? entry.dtype) as DTypeName];
  if (dtype === undefined)
    throw new ConformanceError(
      "CASE_TENSOR_UNSUPPORTED",
      `"${entry.dtype}" is no element type that onnxruntime-node carries`,
    );
  const count = elementCount(dims);
  if (dtype === DType.string) {
    const strings = (entry.strings ?? []).map((part) => textOf(Buffer.from(part, "base64")));
    demand(strings.length, count, name);
    return { name, tensor: { dtype, dims, strings } };
  }
  const data = new Uint8Array(Buffer.from(entry.b64 ?? "", "base64"));
  demand(data.length, count * elementBytes(dtype), name);
  return { name, tensor: { dtype, dims, data } as Tensor };
}

function demand(actual: number, expected: number, name: string): void {
  if (actual !== expected)
    throw new ConformanceError(
      "CASE_TENSOR_MALFORMED",
      `tensor "${name}" has length ${actual}, its dimensions say ${expected}`,
    );
}
