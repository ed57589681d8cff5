import { expect } from "chai";
import fc from "fast-check";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import type { ProtocolErrorCode } from "../../../executor/protocol/protocolError";
import { decodeTensorSet, encodeTensorSet } from "../../../executor/protocol/tensorSet";
import {
  decodeTensorSignature,
  encodeTensorSignature,
  matchSignature,
  type SignatureEntry,
  type TensorSignature,
} from "../../../executor/protocol/tensorSignature";
import { DType } from "../../../executor/protocol/tensorType";
import { tensorFrom } from "../../../executor/protocol/tensorValues";
import { tensorSetVectors } from "../../../scripts/vectors/tensorSet";
import { readVectors, vectorText } from "../../../scripts/vectors/write";
import { anyChange, anySet, mutate, SEED } from "./arbitraries";
import { codeOrValue, expectCode } from "./expectCode";

interface Malformed {
  name: string;
  encoded: string;
  code: ProtocolErrorCode;
}

interface Vectors {
  sets: { name: string; tensors: { name: string; dtype: number }[]; encoded: string }[];
  malformedSets: Malformed[];
  signatures: { name: string; signature: TensorSignature; encoded: string }[];
  malformedSignatures: Malformed[];
}

const vectors = JSON.parse(readVectors("tensorSet")) as Vectors;
const byte = tensorFrom({ dtype: DType.uint8, dims: [], values: [1] });

describe("protocol/tensorSet", () => {
  it("generates the committed vectors", () => {
    expect(vectorText(tensorSetVectors())).to.equal(readVectors("tensorSet"));
  });

  for (const vector of vectors.sets) {
    it(`carries ${vector.name}`, () => {
      const set = decodeTensorSet(hexToBytes(vector.encoded));
      expect(set.map((item) => item.name)).to.deep.equal(vector.tensors.map((item) => item.name));
      expect(set.map((item) => item.tensor.dtype)).to.deep.equal(vector.tensors.map((item) => item.dtype));
      expect(bytesToHex(encodeTensorSet(set))).to.equal(vector.encoded);
    });
  }

  for (const vector of vectors.malformedSets) {
    it(`refuses ${vector.name} as ${vector.code}`, () => {
      expectCode(() => decodeTensorSet(hexToBytes(vector.encoded)), vector.code);
    });
  }

  it("reads back what it writes, and takes no second spelling", () => {
    fc.assert(
      fc.property(anySet, anyChange, (set, change) => {
        const encoded = encodeTensorSet(set);
        expect(decodeTensorSet(encoded)).to.deep.equal(set);
        const changed = mutate(encoded, change);
        if (codeOrValue(() => decodeTensorSet(changed)) !== undefined) return;
        expect(bytesToHex(encodeTensorSet(decodeTensorSet(changed)))).to.equal(bytesToHex(changed));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it("refuses to write more than 255 tensors", () => {
    const set = Array.from({ length: 256 }, (_, i) => ({ name: `${i}`, tensor: byte }));
    expectCode(() => encodeTensorSet(set), "TENSOR_SET_TOO_MANY");
  });

  for (const [what, names, code] of [
    ["an empty name", [""], "TENSOR_NAME_LENGTH"],
    ["a name of 256 bytes", ["é".repeat(128)], "TENSOR_NAME_LENGTH"],
    ["a name with a lone surrogate", ["\udc00"], "TENSOR_NAME_NOT_UTF8"],
    ["a name twice", ["a", "b", "a"], "TENSOR_NAME_REPEATED"],
  ] as [string, string[], ProtocolErrorCode][]) {
    it(`refuses to write ${what}`, () => {
      expectCode(() => encodeTensorSet(names.map((name) => ({ name, tensor: byte }))), code);
    });
  }
});

describe("protocol/tensorSignature", () => {
  for (const vector of vectors.signatures) {
    it(`carries ${vector.name}`, () => {
      expect(decodeTensorSignature(hexToBytes(vector.encoded))).to.deep.equal(vector.signature);
      expect(bytesToHex(encodeTensorSignature(vector.signature))).to.equal(vector.encoded);
    });
  }

  for (const vector of vectors.malformedSignatures) {
    it(`refuses ${vector.name} as ${vector.code}`, () => {
      expectCode(() => decodeTensorSignature(hexToBytes(vector.encoded)), vector.code);
    });
  }

  it("refuses to write a fixed dimension that would read back as free", () => {
    const entry: SignatureEntry = { name: "x", dtype: DType.float, dims: [0xffffffff] };
    expectCode(() => encodeTensorSignature({ inputs: [entry], outputs: [] }), "TENSOR_DIMENSION_INVALID");
  });

  it("refuses to write more than 255 inputs", () => {
    const inputs = Array.from(
      { length: 256 },
      (_, i): SignatureEntry => ({ name: `${i}`, dtype: DType.float, dims: [] }),
    );
    expectCode(() => encodeTensorSignature({ inputs, outputs: [] }), "TENSOR_SIGNATURE_TOO_MANY");
  });

  describe("matchSignature", () => {
    const entries: SignatureEntry[] = [
      { name: "a", dtype: DType.uint8, dims: [] },
      { name: "b", dtype: DType.float, dims: [null, 2] },
    ];
    const matrix = (rows: number, columns: number, dtype: 1 | 11 = DType.float) => ({
      name: "b",
      tensor: tensorFrom({ dtype, dims: [rows, columns], values: Array(rows * columns).fill(0) }),
    });
    const a = { name: "a", tensor: byte };

    it("takes any size for a free dimension, zero included", () => {
      expect(matchSignature(entries, [a, matrix(7, 2)])).to.deep.equal({ ok: true });
      expect(matchSignature(entries, [a, matrix(0, 2)])).to.deep.equal({ ok: true });
    });

    for (const [what, set, mismatch] of [
      ["a missing tensor", [a], { kind: "COUNT", expected: 2, actual: 1 }],
      ["another order", [matrix(1, 2), a], { kind: "NAME", index: 0, expected: "a", actual: "b" }],
      ["another type", [a, matrix(1, 2, 11)], { kind: "TYPE", index: 1, name: "b", expected: 1, actual: 11 }],
      [
        "another rank",
        [a, { name: "b", tensor: tensorFrom({ dtype: DType.float, dims: [2], values: [0, 0] }) }],
        { kind: "RANK", index: 1, name: "b", expected: 2, actual: 1 },
      ],
      ["another shape", [a, matrix(1, 3)], { kind: "SHAPE", index: 1, name: "b", expected: [null, 2], actual: [1, 3] }],
    ] as const) {
      it(`names ${what}`, () => {
        expect(matchSignature(entries, set)).to.deep.equal({ ok: false, mismatch });
      });
    }
  });
});
