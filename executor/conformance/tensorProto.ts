import { TENSOR } from "../protocol/onnx/schema";
import { type FieldValue, Wire } from "../protocol/onnx/wire";
import { elementCount, type Tensor } from "../protocol/tensor";
import type { NamedTensor } from "../protocol/tensorSet";
import { DType, elementBytes, isDType } from "../protocol/tensorType";
import { ConformanceError } from "./error";
import { textOf } from "./text";

/**
 * Reads a `TensorProto` file (`input_0.pb` of ONNX's backend tests) with its data, raw or in the typed lists
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, message TensorProto).
 * @throws ConformanceError `CASE_TENSOR_UNSUPPORTED`, `CASE_TENSOR_MALFORMED`; OnnxRefusal for bytes that are no TensorProto
 */
export function readTensorProto(bytes: Uint8Array): NamedTensor {
  const wire = new Wire(bytes);
  const dims: number[] = [];
  const numbers: bigint[] = [];
  const strings: string[] = [];
  const fixed: Uint8Array[] = [];
  let [name, dtype] = ["", 0];
  let raw: Uint8Array | undefined;
  const slice = ({ span }: FieldValue): Uint8Array => bytes.subarray(span.start, span.stop);
  wire.walk(TENSOR, wire.whole, (value) => {
    switch (value.number) {
      case 1:
        dims.push(...varints(value, slice(value)).map(Number));
        break;
      case 2:
        dtype = value.integer;
        break;
      case 4:
      case 10:
        fixed.push(slice(value));
        break;
      case 5:
      case 7:
      case 11:
        for (const number of varints(value, slice(value))) numbers.push(number);
        break;
      case 6:
        strings.push(textOf(slice(value)));
        break;
      case 8:
        name = wire.text(value.span);
        break;
      case 9:
        raw = slice(value);
        break;
      case 3:
      case 13:
        throw new ConformanceError("CASE_TENSOR_UNSUPPORTED", "a tensor in segments or outside of its file");
    }
  });
  if (!isDType(dtype))
    throw new ConformanceError("CASE_TENSOR_UNSUPPORTED", `data type ${dtype} is not one of 1 to 13`);
  const count = elementCount(dims);
  if (dtype === DType.string) {
    demandCount(strings.length, count);
    return { name, tensor: { dtype, dims, strings } };
  }
  const width = elementBytes(dtype);
  const data = raw ?? (fixed.length > 0 ? Buffer.concat(fixed) : littleEndian(numbers, width));
  demandCount(data.length, count * width);
  return { name, tensor: { dtype, dims, data: new Uint8Array(data) } as Tensor };
}

function demandCount(actual: number, expected: number): void {
  if (actual !== expected)
    throw new ConformanceError(
      "CASE_TENSOR_MALFORMED",
      `the data has length ${actual}, its dimensions say ${expected}`,
    );
}

/** Numbers of any width below 64 bits are stored as varints of their value; only the low bytes are theirs. */
function littleEndian(numbers: readonly bigint[], width: number): Uint8Array {
  const out = new Uint8Array(numbers.length * width);
  numbers.forEach((number, index) => {
    for (let i = 0; i < width; i += 1) out[index * width + i] = Number((number >> BigInt(8 * i)) & 0xffn);
  });
  return out;
}

/** The varints of a field, exact to 64 bits, whether packed or one at a time; the wire reader has checked that they end. */
function varints(value: FieldValue, bytes: Uint8Array): bigint[] {
  const numbers: bigint[] = [];
  let [number, shift] = [0n, 0n];
  for (const byte of bytes) {
    number |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    numbers.push(BigInt.asUintN(64, number));
    [number, shift] = [0n, 0n];
  }
  if (!value.packed && numbers.length !== 1)
    throw new ConformanceError("CASE_TENSOR_MALFORMED", "a varint is cut short");
  return numbers;
}
