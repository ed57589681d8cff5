import type { NumericTensor, Tensor } from "../../executor/protocol/tensor";
import type { NamedTensor } from "../../executor/protocol/tensorSet";
import { DType } from "../../executor/protocol/tensorType";
import { elementsOf } from "../../executor/protocol/tensorValues";
import { bytesField, type Field, integerField, message, packedField, textField, varint } from "../models/onnx/protobuf";

/** How a `TensorProto` holds its numbers. Strings are always a list. */
export type Encoding = "raw" | "typed" | "unpacked";

const FIXED32 = 5;
const FIXED64 = 1;

/**
 * A `TensorProto` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). `typed` lists are packed, as protobuf 3 writes them; `unpacked`
 * ones have a tag for each element, as protobuf 2 did.
 */
export function tensorFile({ name, tensor }: NamedTensor, encoding: Encoding): Uint8Array {
  return message(
    ...(encoding === "unpacked" ? tensor.dims.map((dim) => integerField(1, dim)) : [packedField(1, tensor.dims)]),
    integerField(2, tensor.dtype),
    ...(name === "" ? [] : [textField(8, name)]),
    ...dataFields(tensor, encoding),
  );
}

function dataFields(tensor: Tensor, encoding: Encoding): Field[] {
  if (tensor.dtype === DType.string) return tensor.strings.map((text) => textField(6, text));
  if (encoding === "raw") return [bytesField(9, tensor.data)];
  switch (tensor.dtype) {
    case DType.float:
      return fixedFields(4, FIXED32, tensor, encoding);
    case DType.double:
      return fixedFields(10, FIXED64, tensor, encoding);
    case DType.int64:
      return integerFields(7, tensor, encoding);
    case DType.uint32:
    case DType.uint64:
      return integerFields(11, tensor, encoding);
    default:
      // Everything else is in int32_data, float16 as the number that its bits are.
      return integerFields(5, tensor, encoding);
  }
}

function integerFields(number: number, tensor: NumericTensor, encoding: Encoding): Field[] {
  const values = Array.from(elementsOf(tensor.dtype, tensor) as ArrayLike<number | bigint>);
  return encoding === "typed" ? [packedField(number, values)] : values.map((value) => integerField(number, value));
}

function fixedFields(number: number, wireType: number, tensor: NumericTensor, encoding: Encoding): Field[] {
  if (encoding === "typed") return [bytesField(number, tensor.data)];
  const width = wireType === FIXED32 ? 4 : 8;
  return Array.from({ length: tensor.data.length / width }, (_, i) =>
    Buffer.concat([varint(number * 8 + wireType), tensor.data.subarray(i * width, (i + 1) * width)]),
  );
}
