import { expect } from "chai";
import { readCompact } from "../../../executor/conformance/cases";
import { difference } from "../../../executor/conformance/compare";
import { readTensorProto } from "../../../executor/conformance/tensorProto";
import { isAssayError } from "../../../executor/domain/errors";
import { DType, type NumericDType } from "../../../executor/protocol/tensorType";
import { stringTensor, tensorFrom } from "../../../executor/protocol/tensorValues";
import { bytesField, integerField, message, packedField, textField } from "../../../scripts/models/onnx/protobuf";

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isAssayError(error)) return error.code;
    throw error;
  }
  return "none";
}

const set = (dtype: NumericDType, values: readonly (number | bigint)[], name = "y") => [
  { name, tensor: tensorFrom({ dtype, dims: [values.length], values }) },
];

describe("conformance: tensor files of ONNX's backend tests", () => {
  it("reads raw data and typed lists, 64-bit integers exactly and negative ones too", () => {
    const raw = Buffer.from(new Float32Array([1.5, -0]).buffer);
    const floats = readTensorProto(
      message(integerField(1, 2), integerField(2, 1), textField(8, "x"), bytesField(9, raw)),
    );
    expect(floats.name).to.equal("x");
    expect(Buffer.from((floats.tensor as { data: Uint8Array }).data).equals(raw)).to.equal(true);
    const list = readTensorProto(
      message(integerField(1, 2), integerField(2, 7), packedField(7, [9007199254740993n, -1n])),
    );
    expect(list.tensor).to.deep.equal(tensorFrom({ dtype: DType.int64, dims: [2], values: [9007199254740993n, -1n] }));
    const small = readTensorProto(message(integerField(1, 1), integerField(2, 3), packedField(5, [-5n])));
    expect(small.tensor).to.deep.equal(tensorFrom({ dtype: DType.int8, dims: [1], values: [-5] }));
    const texts = readTensorProto(message(integerField(1, 1), integerField(2, 8), textField(6, "ä")));
    expect(texts.tensor).to.deep.equal(stringTensor([1], ["ä"]));
  });

  it("keeps a byte order mark that a string begins with, and refuses a string that is no UTF-8", () => {
    const marked = readTensorProto(message(integerField(1, 1), integerField(2, 8), textField(6, "\ufeffa")));
    expect(marked.tensor).to.deep.equal(stringTensor([1], ["\ufeffa"]));
    const broken = message(integerField(1, 1), integerField(2, 8), bytesField(6, Uint8Array.of(0xff)));
    expect(codeOf(() => readTensorProto(broken))).to.equal("CASE_TENSOR_UNSUPPORTED");
  });

  it("refuses types that are not carried, and data that does not fill its shape", () => {
    expect(codeOf(() => readTensorProto(message(integerField(2, 16), bytesField(9, Buffer.alloc(2)))))).to.equal(
      "CASE_TENSOR_UNSUPPORTED",
    );
    expect(
      codeOf(() => readTensorProto(message(integerField(1, 3), integerField(2, 1), bytesField(9, Buffer.alloc(8))))),
    ).to.equal("CASE_TENSOR_MALFORMED");
  });
});

describe("conformance: the compact form", () => {
  const io = (tensor: object) => JSON.stringify({ sets: [{ inputs: [tensor], outputs: [] }] });
  it("reads numpy's names and ONNX's own", () => {
    for (const dtype of ["float32", "float"])
      expect(readCompact(io({ name: "x", dtype, dims: [], b64: "AACAPw==" }))[0]?.inputs[0]?.tensor).to.deep.equal(
        tensorFrom({ dtype: DType.float, dims: [], values: [1] }),
      );
    expect(
      readCompact(io({ name: "x", dtype: "string", dims: [1], strings: ["w6Q="] }))[0]?.inputs[0]?.tensor,
    ).to.deep.equal(stringTensor([1], ["ä"]));
  });
  it("keeps a byte order mark that a string begins with, and refuses a string that is no UTF-8", () => {
    const strings = (bytes: string | Uint8Array) =>
      io({ name: "x", dtype: "string", dims: [1], strings: [Buffer.from(bytes as string).toString("base64")] });
    expect(readCompact(strings("\ufeffa"))[0]?.inputs[0]?.tensor).to.deep.equal(stringTensor([1], ["\ufeffa"]));
    expect(codeOf(() => readCompact(strings(Uint8Array.of(0xff))))).to.equal("CASE_TENSOR_UNSUPPORTED");
  });
  it("refuses what is not the form, an unknown type, and a wrong length", () => {
    expect(codeOf(() => readCompact("{"))).to.equal("CASE_MALFORMED");
    expect(codeOf(() => readCompact(io({ name: "x", dtype: "bfloat16", dims: [1], b64: "AAA=" })))).to.equal(
      "CASE_TENSOR_UNSUPPORTED",
    );
    expect(codeOf(() => readCompact(io({ name: "x", dtype: "int64", dims: [1], b64: "AAA=" })))).to.equal(
      "CASE_TENSOR_MALFORMED",
    );
  });
});

describe("conformance: what counts as equal", () => {
  it("takes floats within the tolerance, NaN as NaN and an infinity as itself only", () => {
    expect(
      difference(
        set(DType.float, [1000.9, Number.NaN, Number.POSITIVE_INFINITY]),
        set(DType.float, [1000, Number.NaN, Number.POSITIVE_INFINITY]),
      ),
    ).to.equal(undefined);
    expect(difference(set(DType.float, [1002]), set(DType.float, [1000]))).to.contain("element 0");
    expect(difference(set(DType.float, [1]), set(DType.float, [Number.NaN]))).to.contain("element 0");
    expect(difference(set(DType.float, [Number.NaN]), set(DType.float, [1]))).to.contain("element 0");
    expect(difference(set(DType.float, [1e38]), set(DType.float, [Number.POSITIVE_INFINITY]))).to.contain("element 0");
    expect(difference(set(DType.float16, [1.009]), set(DType.float16, [1]))).to.equal(undefined);
  });
  it("takes integers and texts exactly, and shapes, types and names too", () => {
    expect(difference(set(DType.int64, [9007199254740993n]), set(DType.int64, [9007199254740992n]))).to.contain(
      "element 0",
    );
    expect(difference(set(DType.int32, [1]), set(DType.int64, [1n]))).to.contain("is int32");
    expect(difference(set(DType.int32, [1]), set(DType.int32, [1, 2]))).to.contain("shape");
    expect(difference(set(DType.int32, [1]), set(DType.int32, [1], "z"))).to.contain('no output "z"');
    expect(difference(set(DType.int32, [1]), set(DType.int32, [1], ""))).to.equal(undefined);
    expect(difference([], set(DType.int32, [1]))).to.contain("0 outputs");
    expect(
      difference([{ name: "y", tensor: stringTensor([1], ["a"]) }], [{ name: "y", tensor: stringTensor([1], ["b"]) }]),
    ).to.contain("another text");
  });
});
