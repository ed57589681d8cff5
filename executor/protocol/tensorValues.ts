import { endianness } from "node:os";
import { float16ToNumber, numberToFloat16 } from "./float16";
import { ProtocolError } from "./protocolError";
import { elementCount, type NumericTensor, type StringTensor, type Tensor } from "./tensor";
import { DType, dtypeName, elementBytes, type NumericDType } from "./tensorType";

/** The typed array that holds the elements of each type as onnxruntime-node does: bools as bytes, float16 as bits. */
export interface ElementArrays {
  1: Float32Array;
  2: Uint8Array;
  3: Int8Array;
  4: Uint16Array;
  5: Int16Array;
  6: Int32Array;
  7: BigInt64Array;
  9: Uint8Array;
  10: Uint16Array;
  11: Float64Array;
  12: Uint32Array;
  13: BigUint64Array;
}

const CONSTRUCTORS = {
  1: Float32Array,
  2: Uint8Array,
  3: Int8Array,
  4: Uint16Array,
  5: Int16Array,
  6: Int32Array,
  7: BigInt64Array,
  9: Uint8Array,
  10: Uint16Array,
  11: Float64Array,
  12: Uint32Array,
  13: BigUint64Array,
} as const;

// Typed arrays have the byte order of the host. onnxruntime-node exists for little-endian hosts only, as AT1 is.
if (endianness() !== "LE") throw new Error("assay needs a little-endian host");

/** The same bytes if they start at a multiple of `alignment` in their buffer, else an aligned copy. */
export function alignedBytes(data: Uint8Array, alignment: number): Uint8Array {
  return data.byteOffset % alignment === 0 ? data : new Uint8Array(data);
}

/**
 * The elements as the typed array of the demanded type: a view where the bytes are aligned, else a copy.
 * @throws ProtocolError `TENSOR_TYPE_MISMATCH` if the tensor has another type
 */
export function elementsOf<D extends NumericDType>(dtype: D, tensor: Tensor): ElementArrays[D] {
  if (tensor.dtype !== dtype) throw typeMismatch(dtypeName(dtype), tensor);
  // The equality above makes the tensor numeric; TypeScript does not narrow by a generic.
  const bytes = alignedBytes((tensor as NumericTensor).data, elementBytes(dtype));
  const length = bytes.byteLength / elementBytes(dtype);
  return new CONSTRUCTORS[dtype](bytes.buffer as ArrayBuffer, bytes.byteOffset, length) as ElementArrays[D];
}

/**
 * A tensor over the memory of a typed array, without a copy.
 * @throws ProtocolError `TENSOR_LENGTH_MISMATCH` and the codes of `elementCount`
 */
export function tensorOver<D extends NumericDType>(parts: {
  readonly dtype: D;
  readonly dims: readonly number[];
  readonly elements: ElementArrays[D];
}): NumericTensor {
  const { dtype, dims, elements } = parts;
  demandCount(dims, elements.length);
  return { dtype, dims, data: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength) };
}

/** @throws ProtocolError `TENSOR_LENGTH_MISMATCH` and the codes of `elementCount` */
export function stringTensor(dims: readonly number[], strings: readonly string[]): StringTensor {
  demandCount(dims, strings.length);
  return { dtype: DType.string, dims, strings };
}

/**
 * A tensor of plain values. Floats are rounded to the nearest of their type; integers must fit exactly; a bool is a
 * boolean, 0 or 1.
 * @throws ProtocolError `TENSOR_VALUE_OUT_OF_RANGE`, `TENSOR_LENGTH_MISMATCH` and the codes of `elementCount`
 */
export function tensorFrom(parts: {
  readonly dtype: NumericDType;
  readonly dims: readonly number[];
  readonly values: readonly (number | bigint | boolean)[];
}): NumericTensor {
  const { dtype, dims, values } = parts;
  demandCount(dims, values.length);
  const elements = new CONSTRUCTORS[dtype](values.length);
  values.forEach((value, index) => {
    elements[index] = elementFrom({ dtype, value, index }) as never; // A bigint exactly for 7 and 13.
  });
  return { dtype, dims, data: new Uint8Array(elements.buffer) };
}

/**
 * The elements as numbers, bools as 0 and 1.
 * @throws ProtocolError `TENSOR_VALUE_OUT_OF_RANGE` for a 64-bit integer beyond 2^53, `TENSOR_TYPE_MISMATCH` for strings
 */
export function numbersOf(tensor: Tensor): number[] {
  if (tensor.dtype === DType.string) throw typeMismatch("a numeric type", tensor);
  if (tensor.dtype === DType.float16) return Array.from(elementsOf(DType.float16, tensor), float16ToNumber);
  const { dtype } = tensor;
  return Array.from(elementsOf(dtype, tensor) as ArrayLike<number | bigint>, (value, index) => {
    const number = Number(value);
    if (typeof value === "bigint" && !Number.isSafeInteger(number)) throw outOfRange({ dtype, value, index });
    return number;
  });
}

const INTEGER_BOUNDS: Partial<Record<NumericDType, readonly [bigint, bigint]>> = {
  2: [0n, 0xffn],
  3: [-0x80n, 0x7fn],
  4: [0n, 0xffffn],
  5: [-0x8000n, 0x7fffn],
  6: [-0x80000000n, 0x7fffffffn],
  7: [-(1n << 63n), (1n << 63n) - 1n],
  9: [0n, 1n],
  12: [0n, 0xffffffffn],
  13: [0n, (1n << 64n) - 1n],
};

interface Candidate {
  readonly dtype: NumericDType;
  readonly value: number | bigint | boolean;
  readonly index: number;
}

function elementFrom(candidate: Candidate): number | bigint {
  const { dtype, value } = candidate;
  const bounds = INTEGER_BOUNDS[dtype];
  if (bounds === undefined) return dtype === DType.float16 ? numberToFloat16(Number(value)) : Number(value);
  if (typeof value === "number" && !Number.isInteger(value)) throw outOfRange(candidate);
  const integer = BigInt(value);
  if (integer < bounds[0] || integer > bounds[1]) throw outOfRange(candidate);
  return dtype === DType.int64 || dtype === DType.uint64 ? integer : Number(integer);
}

function demandCount(dims: readonly number[], actual: number): void {
  const expected = elementCount(dims);
  if (expected !== actual) {
    throw new ProtocolError({
      code: "TENSOR_LENGTH_MISMATCH",
      message: "the shape asks for another number of elements",
      context: { dims, expected, actual },
    });
  }
}

function typeMismatch(expected: string, tensor: Tensor): ProtocolError {
  return new ProtocolError({
    code: "TENSOR_TYPE_MISMATCH",
    message: "the tensor has another type",
    context: { expected, actual: dtypeName(tensor.dtype) },
  });
}

function outOfRange({ dtype, value, index }: Candidate): ProtocolError {
  return new ProtocolError({
    code: "TENSOR_VALUE_OUT_OF_RANGE",
    message: "a value does not fit",
    context: { type: dtypeName(dtype), value, index },
  });
}
