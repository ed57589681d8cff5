import type { Tensor } from "../../../executor/protocol/tensor";
import { DType, type DTypeName, elementBytes, type NumericDType } from "../../../executor/protocol/tensorType";
import { stringTensor, tensorFrom } from "../../../executor/protocol/tensorValues";

export type Values = readonly (number | bigint | boolean | string)[];

/** Six values of each type, its ends among them. */
export const SAMPLES: Readonly<Record<DTypeName, Values>> = {
  float: [0, -1.5, 3.4028234663852886e38, 1.1754943508222875e-38, 0.1, -65536],
  uint8: [0, 1, 127, 128, 254, 255],
  int8: [-128, -127, -1, 0, 1, 127],
  uint16: [0, 1, 255, 256, 32768, 65535],
  int16: [-32768, -256, -1, 0, 255, 32767],
  int32: [-2147483648, -65536, -1, 0, 16777217, 2147483647],
  int64: [-9223372036854775808n, -9007199254740993n, -1n, 0n, 9007199254740993n, 9223372036854775807n],
  string: ["", "a", "ä", "語", "😀", "two words"],
  bool: [true, false, false, true, true, false],
  float16: [0, -1.5, 65504, 0.00006103515625, 1 / 3, -2048],
  double: [0, -1.5, Number.MAX_VALUE, 2.2250738585072014e-308, 0.1, -(2 ** 53)],
  uint32: [0, 1, 65536, 2147483647, 2147483648, 4294967295],
  uint64: [0n, 1n, 9007199254740993n, 9223372036854775807n, 9223372036854775808n, 18446744073709551615n],
};

/** A tensor of plain values, of any type. */
export function plain(dtype: DType, dims: readonly number[], values: Values): Tensor {
  return dtype === DType.string
    ? stringTensor(dims, values.map(String))
    : tensorFrom({ dtype, dims, values: values as readonly (number | bigint | boolean)[] });
}

/** A one-dimensional tensor of these bits, whatever number they are. */
export function ofBits(dtype: NumericDType, bits: readonly (number | bigint)[]): Tensor {
  const width = elementBytes(dtype);
  const data = Buffer.alloc(width * bits.length);
  bits.forEach((pattern, index) => {
    for (let i = 0; i < width; i += 1) data[index * width + i] = Number((BigInt(pattern) >> BigInt(8 * i)) & 0xffn);
  });
  return { dtype, dims: [bits.length], data };
}

/** Each type with its name, in the order of the numbers. */
export const TYPES = Object.entries(DType) as readonly (readonly [DTypeName, DType])[];
