import type { ConformanceSet } from "../../executor/conformance/cases";
import type { Tensor } from "../../executor/protocol/tensor";
import type { NamedTensor } from "../../executor/protocol/tensorSet";
import type { DType } from "../../executor/protocol/tensorType";
import { type GraphSpec, model, type ValueSpec } from "../models/onnx/writer";

/** How the tensors of a case are stored: in `io.json`, or in ONNX's own files with raw data, packed lists, or one tag for each element. */
export type Layout = "compact" | "raw" | "typed" | "unpacked";

/** A case to be written. Every expected output follows from the definition of its operator; none is copied from a run. */
export interface CaseSpec {
  /** Its folder. */
  readonly name: string;
  readonly model: Uint8Array;
  readonly sets: readonly ConformanceSet[];
  readonly layout: Layout;
  /** The files leave the tensors' names out, as ONNX's format permits; the order says which is which. */
  readonly nameless?: true;
}

const OPSET = 21;
const IR_VERSION = 10;

/** A model of one graph of today's operators. */
export function graphModel(graph: Omit<GraphSpec, "name">): Uint8Array {
  return model({ graph: { name: "conformance", ...graph }, opsets: { "": OPSET }, irVersion: IR_VERSION });
}

export const value = (name: string, dtype: DType, dims: ValueSpec["dims"] = []): ValueSpec => ({ name, dtype, dims });

export const named = (name: string, tensor: Tensor): NamedTensor => ({ name, tensor });

/** Tensors under their names, in the order of the record. */
export const tensors = (parts: Readonly<Record<string, Tensor>>): NamedTensor[] =>
  Object.entries(parts).map(([name, tensor]) => ({ name, tensor }));

export const set = (
  inputs: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, Tensor>>,
): ConformanceSet => ({ inputs: tensors(inputs), outputs: tensors(outputs) });

export const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Uint8Array[] = [],
): GraphSpec["nodes"][number] => ({ opType, inputs, outputs, attributes });
