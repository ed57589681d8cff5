import { type Field, bytesField, floatField, integerField, message, packedField, textField } from "./protobuf";

/**
 * Writes ONNX files: the same arguments give the same bytes. Field numbers as in `executor/protocol/onnx/schema.ts`,
 * which reads them back in the tests; the two are written apart, so that an error in one shows.
 */

/** `TensorProto.DataType`, as far as our graphs name them. */
export const ElementType = { float: 1, uint8: 2, int64: 7, bool: 9, int4: 22 } as const;

export interface TensorSpec {
  readonly name?: string;
  readonly dtype: number;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
}

/** A dimension is a number, a symbol, or null for neither; without `dims` the rank is unknown. */
export interface ValueSpec {
  readonly name: string;
  readonly dtype: number;
  readonly dims?: readonly (number | string | null)[];
}

export interface NodeSpec {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: readonly Uint8Array[];
  readonly domain?: string;
}

export interface GraphSpec {
  readonly name: string;
  readonly nodes: readonly NodeSpec[];
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly initialisers?: readonly Uint8Array[];
}

export interface ModelSpec {
  readonly graph: GraphSpec;
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further fields of the model, for what only hostile models have. */
  readonly extra?: readonly Field[];
}

export function model({ graph, opsets, irVersion, metadata = {}, extra = [] }: ModelSpec): Uint8Array {
  return message(
    integerField(1, irVersion),
    textField(2, "assay"),
    bytesField(7, graphMessage(graph)),
    ...Object.entries(opsets).map(([domain, version]) => bytesField(8, opset(domain, version))),
    ...Object.entries(metadata).map(([key, value]) => bytesField(14, message(textField(1, key), textField(2, value)))),
    ...extra,
  );
}

export function opset(domain: string, version: number): Uint8Array {
  return message(...(domain === "" ? [] : [textField(1, domain)]), integerField(2, version));
}

export function graphMessage({ name, nodes, inputs, outputs, initialisers = [] }: GraphSpec): Uint8Array {
  return Buffer.concat([
    ...nodes.map((node) => bytesField(1, nodeMessage(node))),
    textField(2, name),
    ...initialisers.map((tensor) => bytesField(5, tensor)),
    ...inputs.map((value) => bytesField(11, valueMessage(value))),
    ...outputs.map((value) => bytesField(12, valueMessage(value))),
  ]);
}

/** A node is named by its first output. */
export function nodeMessage({ opType, inputs, outputs, attributes = [], domain }: NodeSpec): Uint8Array {
  return message(
    ...inputs.map((name) => textField(1, name)),
    ...outputs.map((name) => textField(2, name)),
    textField(3, outputs[0] ?? ""),
    textField(4, opType),
    ...attributes.map((attribute) => bytesField(5, attribute)),
    ...(domain === undefined ? [] : [textField(7, domain)]),
  );
}

export function valueMessage({ name, dtype, dims }: ValueSpec): Uint8Array {
  const shape = dims?.map((dim) => bytesField(1, dim === null ? message() : typeof dim === "number" ? integerField(1, dim) : textField(2, dim)));
  const tensorType = message(integerField(1, dtype), ...(shape === undefined ? [] : [bytesField(2, message(...shape))]));
  return message(textField(1, name), bytesField(2, message(bytesField(1, tensorType))));
}

export function tensor({ name, dtype, dims, raw }: TensorSpec): Uint8Array {
  return message(
    packedField(1, dims),
    integerField(2, dtype),
    ...(name === undefined ? [] : [textField(8, name)]),
    bytesField(9, raw),
  );
}

/** Doubles are rounded to float32, to nearest. */
export function floatTensor(name: string, dims: readonly number[], values: ArrayLike<number>): Uint8Array {
  return tensor({ name, dtype: ElementType.float, dims, raw: new Uint8Array(Float32Array.from(values).buffer) });
}

export function int64Tensor(name: string, dims: readonly number[], values: readonly bigint[]): Uint8Array {
  return tensor({ name, dtype: ElementType.int64, dims, raw: new Uint8Array(BigInt64Array.from(values).buffer) });
}

/** Attributes, by the type of their value. */
export const attribute = {
  float: (name: string, value: number): Uint8Array => message(textField(1, name), floatField(2, value), integerField(20, 1)),
  integer: (name: string, value: bigint | number): Uint8Array => message(textField(1, name), integerField(3, value), integerField(20, 2)),
  text: (name: string, value: string): Uint8Array => message(textField(1, name), textField(4, value), integerField(20, 3)),
  tensor: (name: string, value: Uint8Array): Uint8Array => message(textField(1, name), bytesField(5, value), integerField(20, 4)),
  graph: (name: string, value: GraphSpec): Uint8Array => message(textField(1, name), bytesField(6, graphMessage(value)), integerField(20, 5)),
  floats: (name: string, values: readonly number[]): Uint8Array =>
    message(textField(1, name), bytesField(7, new Uint8Array(Float32Array.from(values).buffer)), integerField(20, 6)),
  integers: (name: string, values: readonly (bigint | number)[]): Uint8Array =>
    message(textField(1, name), packedField(8, values), integerField(20, 7)),
  texts: (name: string, values: readonly string[]): Uint8Array =>
    // Not spread into arguments: the list of a large tree would overflow the stack.
    Buffer.concat([textField(1, name), ...values.map((value) => textField(9, value)), integerField(20, 8)]),
};
