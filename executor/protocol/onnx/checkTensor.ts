import type { OnnxTensor, TypedField } from "./model";
import { type OnnxReason, reason } from "./refusal";

interface ElementType {
  /** Bits of one element in `raw_data`; elements below eight bits are packed and the last byte is padded. 0 for strings. */
  readonly bits: number;
  /** Where the elements are if not in `raw_data`, and how many list entries one element takes there. */
  readonly field: TypedField;
  readonly entries: number;
}

const type = (bits: number, field: TypedField, entries = 1): ElementType => ({ bits, field, entries });

/**
 * By `TensorProto.DataType`. Inner tensors may have any type that ONNX knows: int4 weights are common and harmless;
 * only the types of inputs and outputs are limited to 1-13.
 */
const ELEMENT_TYPES: readonly (ElementType | undefined)[] = [
  undefined,
  type(32, "float"),
  type(8, "int32"), // uint8
  type(8, "int32"), // int8
  type(16, "int32"), // uint16
  type(16, "int32"), // int16
  type(32, "int32"),
  type(64, "int64"),
  type(0, "string"),
  type(8, "int32"), // bool
  type(16, "int32"), // float16
  type(64, "double"),
  type(32, "uint64"), // uint32
  type(64, "uint64"),
  type(64, "float", 2), // complex64
  type(128, "double", 2), // complex128
  type(16, "int32"), // bfloat16
  type(8, "int32"), // float8e4m3fn
  type(8, "int32"), // float8e4m3fnuz
  type(8, "int32"), // float8e5m2
  type(8, "int32"), // float8e5m2fnuz
  type(4, "int32", 1 / 2), // uint4, two in one entry
  type(4, "int32", 1 / 2), // int4
  type(4, "int32", 1 / 2), // float4e2m1
  type(8, "int32"), // float8e8m0
  type(2, "int32", 1 / 4), // uint2, four in one entry
  type(2, "int32", 1 / 4), // int2
];

/**
 * Checks that a stored tensor lies in the file and has exactly the data that its type and dimensions announce.
 * So nothing is allocated by announcement, and the sum of all tensors is bounded by the size of the file.
 */
export function checkTensor(tensor: OnnxTensor): OnnxReason | undefined {
  const { name, dtype, dims, raw, stored } = tensor;
  if (tensor.isExternal) return reason("ONNX_EXTERNAL_DATA", `tensor ${name}`);
  if (tensor.isSegmented) return reason("ONNX_TENSOR_SEGMENT", `tensor ${name}`);
  const element = ELEMENT_TYPES[dtype];
  if (element === undefined) return reason("ONNX_TENSOR_TYPE", `tensor ${name} has type ${dtype}`);
  const wrong = (why: string): OnnxReason => reason("ONNX_TENSOR_SIZE", `tensor ${name} of type ${dtype} and dimensions ${dims.join("x")}: ${why}`);
  if (dims.some((dim) => dim < 0)) return wrong("a dimension is negative");
  const elements = productOf(dims);
  if (raw !== undefined) {
    if (element.field === "string") return wrong("strings have no raw form");
    if (stored.length > 0) return wrong("it has raw and typed data");
    const bytes = raw.stop - raw.start;
    return bytes === Math.ceil((elements * element.bits) / 8) ? undefined : wrong(`${bytes} bytes of raw data`);
  }
  if (stored.some(({ field }) => field !== element.field)) return wrong("the data is in another type's list");
  const count = stored[0]?.count ?? 0; // Lists of other types are refused above, so there is one at most.
  return count === Math.ceil(elements * element.entries) ? undefined : wrong(`${count} list entries`);
}

/** Exact below 2^53 and never wrapping: more than a file can hold is simply unequal to what it holds. */
export function productOf(dims: readonly number[]): number {
  return dims.includes(0) ? 0 : dims.reduce((product, dim) => product * dim, 1);
}
