import { bytesToHex, hexToBytes } from "../../executor/protocol/bytes";
import { ProtocolError } from "../../executor/protocol/protocolError";
import { decodeTensor, encodeTensor, type Tensor } from "../../executor/protocol/tensor";
import { DType, type NumericDType } from "../../executor/protocol/tensorType";
import { stringTensor, tensorFrom } from "../../executor/protocol/tensorValues";
import { isMain, writeVectors } from "./write";

type Values = readonly (number | bigint | boolean)[];

const of = (dtype: NumericDType, dims: readonly number[], ...values: Values): Tensor =>
  tensorFrom({ dtype, dims, values });
const bits = (dtype: NumericDType, dims: readonly number[], hex: string): Tensor => ({
  dtype,
  dims,
  data: hexToBytes(`0x${hex}`),
});
const flags = (count: number): Tensor =>
  of(DType.bool, [count], ...Array.from({ length: count }, (_, i) => i % 3 === 0));

const VALID: Readonly<Record<string, Tensor>> = {
  "a float scalar": of(DType.float, [], 1.5),
  "floats of every kind": bits(DType.float, [8], "0000000000000080000080ff0000807f01000000ffff7f7f0000c07f010080ff"),
  "seventeen features": of(DType.float, [1, 17], ...Array.from({ length: 17 }, (_, i) => (i - 8) / 3)),
  uint8: of(DType.uint8, [2, 2], 0, 1, 128, 255),
  int8: of(DType.int8, [3], -128, -1, 127),
  uint16: of(DType.uint16, [2], 1, 65535),
  int16: of(DType.int16, [2], -32768, 32767),
  int32: of(DType.int32, [3], -(2 ** 31), -1, 2 ** 31 - 1),
  "int64 beyond 2^53": of(DType.int64, [3], -(1n << 63n), (1n << 53n) + 1n, (1n << 63n) - 1n),
  uint32: of(DType.uint32, [2], 1, 2 ** 32 - 1),
  uint64: of(DType.uint64, [2], 1, (1n << 64n) - 1n),
  float16: of(DType.float16, [5], 0, -0, 1 / 3, 65504, Infinity),
  double: of(DType.double, [4], -0, 5e-324, 1 / 3, 1.7976931348623157e308),
  "a bool": of(DType.bool, [], true),
  "31 bools": flags(31),
  "32 bools": flags(32),
  "65 bools": flags(65),
  "eight dimensions": of(DType.int8, [1, 2, 1, 2, 1, 1, 2, 1], ...Array.from({ length: 8 }, (_, i) => i)),
  "no elements": of(DType.float, [0]),
  "a zero beside the largest product": of(DType.float, [0, 4096, 4096]),
  "no strings": stringTensor([2, 0], []),
  strings: stringTensor(
    [2, 2],
    [
      "",
      "plain ASCII of more than thirty-two bytes in one piece",
      "é€😀",
      "\ufeff\u07ff\u0800\ud7ff\ue000\uffff\u{10ffff}",
    ],
  ),
};

const head = (dtype: number, rest: string): string => `0x01${dtype.toString(16).padStart(2, "0")}${rest}`;
const text = (hex: string): string => head(8, `00${(hex.length / 2).toString(16).padStart(8, "0")}${hex}`);

const MALFORMED: Readonly<Record<string, string>> = {
  nothing: "0x",
  "two bytes": "0x0101",
  "dimensions cut short": head(1, "0200000001000000"),
  "version 0": "0x00010000000000",
  "version 2": "0x02010000000000",
  "type 0": head(0, "00"),
  "type 14 (complex)": head(14, "00"),
  "type 16 (bfloat16)": head(16, "000000"),
  "type 255": "0x01ff0000000000",
  "rank 9": head(2, `09${"00000001".repeat(9)}00`),
  "2^24 + 1 elements": head(2, "0101000001"),
  "a product of 2^25": head(2, "020000200000001000"),
  "an absurd dimension before a zero": head(1, "02ffffffff00000000"),
  "an absurd product behind a zero": head(1, "0300000000ffffffffffffffff"),
  "no payload": head(1, "00"),
  "a payload one byte short": head(1, "0000000000".slice(0, 8)),
  "a payload one byte too long": head(1, "000000000000"),
  "bytes in an empty tensor": head(1, "010000000000"),
  "a bool of 2": head(9, "0002"),
  "the last of 33 bools is 255": head(9, `0100000021${"01".repeat(32)}ff`),
  "a bad bool before good ones": head(9, `0100000003${"ff0101"}`),
  "a string's length cut short": head(8, "00000000"),
  "a string that runs past the end": head(8, "000000000541"),
  "bytes after the strings": head(8, "000000000000"),
  "more strings than bytes": head(8, "010100000000000000"),
  "a string that eats the next one's length": head(8, "010000000200000005000000"),
  "a NUL alone": text("00"),
  "a NUL inside": text("610062"),
  "a NUL in a long ASCII text": text(`${"61".repeat(20)}00${"62".repeat(20)}`),
  "a surrogate": text("eda080"),
  "an overlong slash of two bytes": text("c0af"),
  "an overlong slash of three bytes": text("e080af"),
  "an overlong of four bytes": text("f08fbfbf"),
  "above U+10FFFF": text("f4908080"),
  "a lead byte of five": text("f888808080"),
  "a lone continuation": text("80"),
  "a character cut short": text("e282"),
  "a second byte that does not continue": text("c328"),
  "a third byte that does not continue": text("e28228"),
  "a fourth byte that does not continue": text("f09f9828"),
  "the bytes fe and ff": text("feff"),
  "a bad byte at the end of a long text": text(`${"61".repeat(40)}c3`),
};

/** The code that a decoder refuses these bytes with; a vector that it takes is a mistake of this file. */
export function codeOf(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  throw new Error("these bytes were meant to be malformed");
}

export function tensorFields(tensor: Tensor): unknown {
  const { dtype, dims } = tensor;
  return tensor.dtype === DType.string
    ? { dtype, dims, strings: tensor.strings }
    : { dtype, dims, data: bytesToHex(tensor.data) };
}

export function tensorVectors(): unknown {
  return {
    valid: Object.entries(VALID).map(([name, tensor]) => ({
      name,
      ...(tensorFields(tensor) as object),
      encoded: bytesToHex(encodeTensor(tensor)),
    })),
    malformed: Object.entries(MALFORMED).map(([name, encoded]) => ({
      name,
      encoded,
      code: codeOf(() => decodeTensor(hexToBytes(encoded))),
    })),
  };
}

if (isMain(module)) writeVectors("tensor", tensorVectors());
