import { expect } from "chai";
import fc from "fast-check";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import type { ProtocolErrorCode } from "../../../executor/protocol/protocolError";
import { decodeTensor, encodeTensor, type Tensor, tensorByteLength } from "../../../executor/protocol/tensor";
import { DType } from "../../../executor/protocol/tensorType";
import { elementsOf } from "../../../executor/protocol/tensorValues";
import { tensorVectors } from "../../../scripts/vectors/tensor";
import { readVectors, vectorText } from "../../../scripts/vectors/write";
import { anyChange, anyTensor, mutate, SEED } from "./arbitraries";
import { codeOrValue, expectCode } from "./expectCode";

interface Vectors {
  valid: { name: string; dtype: number; dims: number[]; data?: string; strings?: string[]; encoded: string }[];
  malformed: { name: string; encoded: string; code: ProtocolErrorCode }[];
}

const vectors = JSON.parse(readVectors("tensor")) as Vectors;

describe("protocol/tensor", () => {
  it("generates the committed vectors", () => {
    expect(vectorText(tensorVectors())).to.equal(readVectors("tensor"));
  });

  for (const vector of vectors.valid) {
    it(`carries ${vector.name}`, () => {
      const tensor = decodeTensor(hexToBytes(vector.encoded));
      expect(tensor.dtype).to.equal(vector.dtype);
      expect(tensor.dims).to.deep.equal(vector.dims);
      if (tensor.dtype === DType.string) expect(tensor.strings).to.deep.equal(vector.strings);
      else expect(bytesToHex(tensor.data)).to.equal(vector.data);
      expect(bytesToHex(encodeTensor(tensor))).to.equal(vector.encoded);
    });
  }

  for (const vector of vectors.malformed) {
    it(`refuses ${vector.name} as ${vector.code}`, () => {
      expectCode(() => decodeTensor(hexToBytes(vector.encoded)), vector.code);
    });
  }

  it("reads back what it writes, for every tensor", () => {
    fc.assert(
      fc.property(anyTensor, (tensor) => {
        const encoded = encodeTensor(tensor);
        expect(encoded.length).to.equal(tensorByteLength(tensor));
        expect(decodeTensor(encoded)).to.deep.equal(tensor);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it("takes no second spelling: whatever it reads, it writes back byte for byte", () => {
    let taken = 0;
    fc.assert(
      fc.property(anyTensor, anyChange, (tensor, change) => {
        const bytes = mutate(encodeTensor(tensor), change);
        if (codeOrValue(() => decodeTensor(bytes)) !== undefined) return;
        taken++;
        expect(bytesToHex(encodeTensor(decodeTensor(bytes)))).to.equal(bytesToHex(bytes));
      }),
      { seed: SEED, numRuns: 2000 },
    );
    expect(taken).to.be.greaterThan(100);
  });

  it("lends views of the bytes it was given instead of copying them", () => {
    const encoded = encodeTensor({ dtype: DType.uint8, dims: [2], data: Uint8Array.of(1, 2) });
    const tensor = decodeTensor(encoded);
    encoded[encoded.length - 1] = 9;
    expect([...elementsOf(DType.uint8, tensor)]).to.deep.equal([1, 9]);
  });

  describe("refuses to write", () => {
    const one = Uint8Array.of(1);
    const cases: [string, Tensor, ProtocolErrorCode][] = [
      ["nine dimensions", { dtype: 2, dims: Array(9).fill(1), data: one }, "TENSOR_RANK_TOO_HIGH"],
      ["a negative dimension", { dtype: 2, dims: [-1], data: one }, "TENSOR_DIMENSION_INVALID"],
      ["a fractional dimension", { dtype: 2, dims: [0.5], data: one }, "TENSOR_DIMENSION_INVALID"],
      ["a dimension of 2^32", { dtype: 2, dims: [2 ** 32], data: one }, "TENSOR_DIMENSION_INVALID"],
      ["too many elements", { dtype: 2, dims: [2 ** 24 + 1], data: one }, "TENSOR_TOO_LARGE"],
      ["a payload that is too short", { dtype: 1, dims: [], data: one }, "TENSOR_LENGTH_MISMATCH"],
      ["too few strings", { dtype: 8, dims: [2], strings: ["a"] }, "TENSOR_LENGTH_MISMATCH"],
      ["a bool of 2", { dtype: 9, dims: [], data: Uint8Array.of(2) }, "TENSOR_BOOL_NOT_CANONICAL"],
      ["a lone surrogate", { dtype: 8, dims: [], strings: ["\ud800"] }, "TENSOR_STRING_NOT_UTF8"],
      ["a NUL", { dtype: 8, dims: [], strings: ["a\0"] }, "TENSOR_STRING_HAS_NUL"],
      ["a type that is none", { dtype: 16 as 1, dims: [], data: one }, "TENSOR_TYPE_UNKNOWN"],
    ];
    for (const [name, tensor, code] of cases) it(name, () => expectCode(() => encodeTensor(tensor), code));
  });
});
