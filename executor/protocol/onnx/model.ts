import type { Span } from "./wire";

/** What the reader keeps of a model: everything that admission looks at, none of the weights. */
export interface OnnxModel {
  readonly irVersion: number | undefined;
  readonly opsets: readonly OnnxOpset[];
  readonly graph: OnnxGraph | undefined;
  readonly functionCount: number;
  readonly trainingInfoCount: number;
}

/** The empty domain is ONNX's own; its alias `ai.onnx` is read as the empty one. */
export interface OnnxOpset {
  readonly domain: string;
  readonly version: number;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initialisers: readonly OnnxTensor[];
  readonly sparseInitialiserCount: number;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  /** Not empty only where a model-local function is meant. */
  readonly overload: string;
  /** An empty name stands for an optional value that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

export interface OnnxAttribute {
  readonly name: string;
  /** `AttributeProto.AttributeType`; 0 where it is not given. */
  readonly type: number;
  /** Which of the value fields occur, by field number. */
  readonly valueFields: ReadonlySet<number>;
  readonly integer: number;
  readonly integers: readonly number[];
  readonly strings: readonly Span[];
  readonly tensors: readonly OnnxTensor[];
  readonly graphs: readonly OnnxGraph[];
  readonly isReference: boolean;
}

/** A tensor inside the file. Counts are of stored elements (or bytes for `raw`); `undefined` means the field is absent. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: number;
  readonly dims: readonly number[];
  readonly raw: Span | undefined;
  /** The whole value of a raw scalar of one byte. */
  readonly rawFirstByte: number | undefined;
  readonly stored: { readonly field: TypedField; readonly count: number }[];
  /** The 32-bit list, for the few short tensors whose values admission looks at; empty for longer ones. */
  readonly int32Head: readonly number[];
  readonly isExternal: boolean;
  readonly isSegmented: boolean;
}

export type TypedField = "float" | "int32" | "string" | "int64" | "double" | "uint64";

export type OnnxTypeKind = "tensor" | "sequence" | "map" | "optional" | "sparse" | "opaque" | "none";

/** A named value with its type. `dims` is undefined where the shape, and so the rank, is not given. */
export interface OnnxValue {
  readonly name: string;
  readonly kind: OnnxTypeKind;
  readonly dtype: number;
  readonly dims: readonly OnnxDimension[] | undefined;
}

/** A number, a symbol (`"N"`), or null where neither is given. */
export type OnnxDimension = number | string | null;
