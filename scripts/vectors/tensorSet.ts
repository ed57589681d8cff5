import { bytesToHex, hexToBytes } from "../../executor/protocol/bytes";
import { decodeTensorSet, encodeTensorSet, type NamedTensor } from "../../executor/protocol/tensorSet";
import {
  decodeTensorSignature,
  encodeTensorSignature,
  type TensorSignature,
} from "../../executor/protocol/tensorSignature";
import { DType } from "../../executor/protocol/tensorType";
import { stringTensor, tensorFrom } from "../../executor/protocol/tensorValues";
import { codeOf, tensorFields } from "./tensor";
import { isMain, writeVectors } from "./write";

const half = { name: "half", tensor: tensorFrom({ dtype: DType.float16, dims: [1], values: [0.5] }) };
const features = { name: "features", tensor: tensorFrom({ dtype: DType.float, dims: [1, 2], values: [1, -2] }) };

const SETS: Readonly<Record<string, readonly NamedTensor[]>> = {
  "no tensors": [],
  "one tensor": [features],
  "three, in an order that is not the alphabet's": [half, features, { name: "a", tensor: stringTensor([1], ["é"]) }],
  "odd names": [
    { name: "\0", tensor: half.tensor },
    { name: "input/😀:0", tensor: half.tensor },
    { name: "n".repeat(255), tensor: half.tensor },
  ],
  "the most tensors": Array.from({ length: 255 }, (_, i) => ({
    name: `t${i}`,
    tensor: tensorFrom({ dtype: DType.uint8, dims: [], values: [i] }),
  })),
};

const SCALAR = "0102000a"; // uint8, rank 0, value 10
const entry = (name: string, tensor = SCALAR): string =>
  `${(name.length / 2).toString(16).padStart(2, "0")}${name}${(tensor.length / 2).toString(16).padStart(8, "0")}${tensor}`;

const MALFORMED_SETS: Readonly<Record<string, string>> = {
  nothing: "0x",
  "a version alone": "0x01",
  "version 2": "0x0200",
  "an entry that is missing": "0x0101",
  "a name cut short": "0x01010361",
  "a length cut short": "0x01010161000000",
  "a tensor cut short": "0x0101016100000004010200",
  "an empty name": `0x0101${entry("")}`,
  "a name that is not UTF-8": `0x0101${entry("ff")}`,
  "a name twice": `0x0103${entry("61")}${entry("62")}${entry("61")}`,
  "a byte after the last tensor": `0x0101${entry("61")}00`,
  "a tensor with a byte too many": `0x0101${entry("61", `${SCALAR}00`)}`,
  "a tensor of another version": `0x0101${entry("61", "0202000a")}`,
  "a tensor of no length": `0x0101${entry("61", "")}`,
  "a length that would wrap": "0x01010161ffffffff",
};

const SIGNATURES: Readonly<Record<string, TensorSignature>> = {
  "nothing in or out": { inputs: [], outputs: [] },
  "liquidation risk": {
    inputs: [{ name: "features", dtype: DType.float, dims: [1, 17] }],
    outputs: [{ name: "probability", dtype: DType.float, dims: [1, 1] }],
  },
  "free dimensions and a name on both sides": {
    inputs: [
      { name: "x", dtype: DType.uint8, dims: [null, 8, 8] },
      { name: "y", dtype: DType.string, dims: [] },
    ],
    outputs: [{ name: "x", dtype: DType.int64, dims: [null] }],
  },
};

const MALFORMED_SIGNATURES: Readonly<Record<string, string>> = {
  nothing: "0x",
  "version 2": "0x020000",
  "no outputs": "0x0100",
  "an input cut short": "0x0101016101",
  "dimensions cut short": "0x010101610101000000",
  "an empty name": "0x010100010000",
  "a name that is not UTF-8": "0x010101ff010000",
  "a name twice": "0x010201610100016101000000",
  "type 0": "0x01010161000000",
  "type 14": "0x010101610e0000",
  "rank 9": `0x010101610109${"00000001".repeat(9)}00`,
  "a byte too many": "0x01000000",
};

export function tensorSetVectors(): unknown {
  return {
    sets: Object.entries(SETS).map(([name, set]) => ({
      name,
      tensors: set.map((item) => ({ name: item.name, ...(tensorFields(item.tensor) as object) })),
      encoded: bytesToHex(encodeTensorSet(set)),
    })),
    malformedSets: Object.entries(MALFORMED_SETS).map(([name, encoded]) => ({
      name,
      encoded,
      code: codeOf(() => decodeTensorSet(hexToBytes(encoded))),
    })),
    signatures: Object.entries(SIGNATURES).map(([name, signature]) => ({
      name,
      signature,
      encoded: bytesToHex(encodeTensorSignature(signature)),
    })),
    malformedSignatures: Object.entries(MALFORMED_SIGNATURES).map(([name, encoded]) => ({
      name,
      encoded,
      code: codeOf(() => decodeTensorSignature(hexToBytes(encoded))),
    })),
  };
}

if (isMain(module)) writeVectors("tensorSet", tensorSetVectors());
