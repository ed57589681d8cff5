import type { SignatureEntry, TensorSignature } from "../tensorSignature";
import { MAX_ELEMENTS, MAX_RANK, isDType } from "../tensorType";
import { productOf } from "./checkTensor";
import type { OnnxDimension, OnnxGraph, OnnxValue } from "./model";
import { type OnnxReason, reason } from "./refusal";

export type SignatureResult = { readonly ok: true; readonly signature: TensorSignature } | { readonly ok: false; readonly reason: OnnxReason };

const MAX_TENSORS = 255;
const MAX_NAME_BYTES = 255;
const FREE_IN_ENCODING = 0xffffffff;

/**
 * What a model takes and gives, in declared order. Initialisers that are listed among the inputs, as IR version 3
 * demanded, have a value already and are not inputs. Refuses what a tensor set of docs/protocol.md can not carry.
 */
export function signatureOf(graph: OnnxGraph): SignatureResult {
  const stored = new Set(graph.initialisers.map(({ name }) => name));
  const required = graph.inputs.filter(({ name }) => !stored.has(name));
  const { outputs } = graph;
  if (outputs.length === 0 || outputs.length > MAX_TENSORS || required.length > MAX_TENSORS) {
    return refuse("ONNX_SIGNATURE_COUNT", `${required.length} inputs, ${outputs.length} outputs`);
  }
  for (const value of [...required, ...outputs]) {
    const found = checkValue(value);
    if (found !== undefined) return { ok: false, reason: found };
  }
  return { ok: true, signature: { inputs: required.map(toEntry), outputs: outputs.map(toEntry) } };
}

function checkValue({ name, kind, dtype, dims }: OnnxValue): OnnxReason | undefined {
  const bytes = Buffer.byteLength(name);
  // onnxruntime-node hands names over as C strings, which end at U+0000.
  if (bytes === 0 || bytes > MAX_NAME_BYTES || name.includes("\0")) return reason("ONNX_SIGNATURE_NAME", `${bytes} bytes: ${name}`);
  if (kind === "sparse") return reason("ONNX_SPARSE_TENSOR", name);
  if (kind !== "tensor") return reason("ONNX_SIGNATURE_KIND", `${name} is ${kind === "none" ? "without a type" : kind}`);
  if (!isDType(dtype)) return reason("ONNX_SIGNATURE_TYPE", `${name} has type ${dtype}`);
  if (dims === undefined) return reason("ONNX_SIGNATURE_RANK_UNKNOWN", name);
  if (dims.length > MAX_RANK) return reason("ONNX_SIGNATURE_RANK", `${name} has rank ${dims.length}`);
  // A zero counts as one, as in the tensor codec, so that it hides no absurd dimension.
  const fixed = dims.map((dim) => toFixed(dim) ?? 1).map((dim) => Math.max(dim, 1));
  if (productOf(fixed) > MAX_ELEMENTS || fixed.some((dim) => dim >= FREE_IN_ENCODING)) {
    return reason("ONNX_SIGNATURE_TOO_LARGE", `${name} has dimensions ${fixed.join("x")}`);
  }
  return undefined;
}

/** Old exporters write -1 for a free dimension, and onnxruntime takes any negative number so. */
function toFixed(dimension: OnnxDimension): number | null {
  return typeof dimension === "number" && dimension >= 0 ? dimension : null;
}

function toEntry({ name, dtype, dims }: OnnxValue): SignatureEntry {
  if (!isDType(dtype) || dims === undefined) throw new TypeError("a value is turned into an entry before it was checked");
  return { name, dtype, dims: dims.map(toFixed) };
}

function refuse(code: "ONNX_SIGNATURE_COUNT", detail: string): SignatureResult {
  return { ok: false, reason: reason(code, detail) };
}
