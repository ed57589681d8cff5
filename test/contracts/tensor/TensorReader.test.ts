import { expect } from "chai";
import type { Contract } from "ethers";
import fc from "fast-check";
import { ethers } from "hardhat";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { encodeTensor } from "../../../executor/protocol/tensor";
import { fixedValuesOf } from "../../../executor/protocol/tensorFixedPoint";
import { DType, elementBytes, type NumericDType } from "../../../executor/protocol/tensorType";
import { numbersOf, stringTensor, tensorFrom } from "../../../executor/protocol/tensorValues";
import { anyTensor, SEED } from "../../executor/protocol/arbitraries";
import { outcomeOf, runs } from "./outcome";

type Values = readonly (number | bigint | boolean)[];

const UNIT = 10n ** 18n;
const encode = (dtype: NumericDType, values: Values, dims: readonly number[] = [values.length]): string =>
  bytesToHex(encodeTensor(tensorFrom({ dtype, dims, values })));
const floats = (hex: string): string => `0x010101${(hex.length / 8).toString(16).padStart(8, "0")}${hex}`;

const integerTypes = [
  DType.uint8,
  DType.int8,
  DType.uint16,
  DType.int16,
  DType.int32,
  DType.int64,
  DType.bool,
  DType.uint32,
  DType.uint64,
] as const;
const EDGES: Record<(typeof integerTypes)[number], Values> = {
  2: [0, 1, 128, 255],
  3: [-128, -1, 0, 127],
  4: [0, 256, 32768, 65535],
  5: [-32768, -256, 0, 32767],
  6: [-(2 ** 31), -65536, 0, 2 ** 31 - 1],
  7: [-(1n << 63n), -1, 0, (1n << 63n) - 1n],
  9: [0, 1],
  12: [0, 65536, 2 ** 31, 2 ** 32 - 1],
  13: [0, 1n << 32n, 1n << 63n, (1n << 64n) - 1n],
};

describe("libraries/TensorReader", () => {
  let harness: Contract;
  const call = (method: string, ...args: unknown[]): Promise<unknown> => harness.getFunction(method)(...args);

  before(async () => {
    harness = (await ethers.deployContract("TensorHarness")) as unknown as Contract;
  });

  for (const dtype of integerTypes) {
    it(`reads integers of type ${dtype} at their edges`, async () => {
      const encoded = encode(dtype, EDGES[dtype]);
      const signed = [3, 5, 6, 7].includes(dtype);
      for (const [i, value] of EDGES[dtype].entries()) {
        expect(await call("intAt", encoded, i)).to.equal(BigInt(value));
        expect(await call("fixedAt", encoded, i)).to.equal(BigInt(value) * UNIT);
        expect(await call("bitsAt", encoded, i)).to.equal(BigInt.asUintN(8 * elementBytes(dtype), BigInt(value)));
        if (signed)
          await expect(call("uintAt", encoded, i))
            .to.be.revertedWithCustomError(harness, "TensorTypeMismatch")
            .withArgs(dtype);
        else expect(await call("uintAt", encoded, i)).to.equal(BigInt(value));
      }
      // The edges are sorted, so that their keys must be.
      const keys = await Promise.all(EDGES[dtype].map((_, i) => call("orderKeyAt", encoded, i) as Promise<bigint>));
      expect(keys).to.deep.equal([...keys].sort((a, b) => (a < b ? -1 : 1)));
    });
  }

  it("reads bools, texts and floats as what they are, and as nothing else", async () => {
    const bools = encode(DType.bool, [1, 0]);
    expect(await call("boolAt", bools, 0)).to.equal(true);
    expect(await call("boolAt", bools, 1)).to.equal(false);
    const texts = bytesToHex(encodeTensor(stringTensor([3], ["", "é", "last"])));
    expect(await Promise.all([0, 1, 2].map((i) => call("stringAt", texts, i)))).to.deep.equal(["", "é", "last"]);
    const float = encode(DType.float, [1]);
    for (const [method, encoded, dtype] of [
      ["boolAt", float, 1],
      ["stringAt", float, 1],
      ["intAt", float, 1],
      ["uintAt", float, 1],
      ["bitsAt", texts, 8],
      ["intAt", texts, 8],
      ["fixedAt", texts, 8],
      ["orderKeyAt", texts, 8],
      ["row", texts, 8],
    ] as const) {
      await expect(call(method, encoded, 0), method)
        .to.be.revertedWithCustomError(harness, "TensorTypeMismatch")
        .withArgs(dtype);
    }
  });

  it("refuses an index behind the last element", async () => {
    for (const [method, encoded] of [
      ["bitsAt", encode(DType.float, [1])],
      ["stringAt", bytesToHex(encodeTensor(stringTensor([1], ["a"])))],
    ] as const) {
      await expect(call(method, encoded, 1))
        .to.be.revertedWithCustomError(harness, "TensorIndexOutOfBounds")
        .withArgs(1, 1);
      await expect(call(method, encoded, 2n ** 255n)).to.be.revertedWithCustomError(harness, "TensorIndexOutOfBounds");
    }
  });

  it("reads the one element of a tensor of any rank, and refuses more or none", async () => {
    expect(await call("fixedSingle", encode(DType.float, [0.5], []))).to.equal(UNIT / 2n);
    expect(await call("fixedSingle", encode(DType.float, [0.5], [1, 1]))).to.equal(UNIT / 2n);
    await expect(call("fixedSingle", encode(DType.float, [1, 2])))
      .to.be.revertedWithCustomError(harness, "TensorNotSingle")
      .withArgs(2);
    await expect(call("fixedSingle", encode(DType.float, [], [0])))
      .to.be.revertedWithCustomError(harness, "TensorNotSingle")
      .withArgs(0);
  });

  it("agrees with TypeScript on all elements of random tensors", async () => {
    const property = fc.asyncProperty(anyTensor, async (tensor) => {
      if (tensor.dtype === DType.string) return;
      const outcome = await outcomeOf(harness, { method: "fixedAll", args: [bytesToHex(encodeTensor(tensor))] });
      let expected: unknown;
      try {
        expected = { ok: true, value: fixedValuesOf(tensor) };
      } catch (error) {
        expected = { ok: false, code: (error as { code: string }).code };
      }
      expect(outcome.ok ? { ok: true, value: [...(outcome.value as bigint[])] } : outcome).to.deep.equal(expected);
    });
    await fc.assert(property, { seed: SEED, numRuns: runs(150) });
  });

  it("slices and takes rows without leaving the tensor", async () => {
    const matrix = encode(DType.int16, [1, 2, 3, 4, 5, 6], [2, 3]);
    const seen = (value: unknown): unknown[] => {
      const { dims, count, data } = value as { dims: bigint[]; count: bigint; data: string };
      return [[...dims], count, numbersOf({ dtype: DType.int16, dims: [], data: hexToBytes(data) })];
    };
    expect(seen(await call("row", matrix, 1))).to.deep.equal([[3n], 3n, [4, 5, 6]]);
    expect(seen(await call("slice", matrix, 1, 4))).to.deep.equal([[4n], 4n, [2, 3, 4, 5]]);
    expect(seen(await call("slice", matrix, 6, 0))).to.deep.equal([[0n], 0n, []]);
    for (const [start, count] of [
      [0, 7],
      [7, 0],
      [1, 2n ** 256n - 1n],
    ] as const) {
      await expect(call("slice", matrix, start, count))
        .to.be.revertedWithCustomError(harness, "TensorIndexOutOfBounds")
        .withArgs(start, 6);
    }
    await expect(call("row", matrix, 2))
      .to.be.revertedWithCustomError(harness, "TensorIndexOutOfBounds")
      .withArgs(2, 2);
    await expect(call("row", encode(DType.int16, [1], []), 0))
      .to.be.revertedWithCustomError(harness, "TensorIndexOutOfBounds")
      .withArgs(0, 0);
  });
});

describe("libraries/TensorArgmax", () => {
  let harness: Contract;
  const argmax = (encoded: string): Promise<bigint> => harness.getFunction("argmax")(encoded);

  before(async () => {
    harness = (await ethers.deployContract("TensorHarness")) as unknown as Contract;
  });

  for (const [what, encoded, best] of [
    ["the largest", encode(DType.float, [-1, 3, 2]), 1],
    ["the first of equals", encode(DType.float, [1, 2, 2]), 1],
    ["the least negative", encode(DType.float, [-3, -1, -2]), 1],
    ["the first zero, whatever its sign", floats("0000008000000000"), 0],
    ["+0 before -0", floats("0000000000000080"), 0],
    ["infinity", floats("0000807fffff7f7f"), 0],
    ["minus infinity where there is nothing else", floats("000080ff000080ff"), 0],
    ["a denormal above zero", floats("0000000001000000"), 1],
    ["a half", encode(DType.float16, [-1, 0.5, 0.25]), 1],
    ["a double", encode(DType.double, [1, 1 + 2 ** -52, 1]), 1],
    ["the last of int64", encode(DType.int64, [-(1n << 63n), -1, 5]), 2],
    ["the first where all int8 are least", encode(DType.int8, [-128, -128]), 0],
    ["a uint64 that an int64 would hold negative", encode(DType.uint64, [1, 1n << 63n]), 1],
    ["true", encode(DType.bool, [0, 1]), 1],
    ["the only one", encode(DType.uint8, [0], []), 0],
  ] as const) {
    it(`takes ${what}`, async () => {
      expect(await argmax(encoded)).to.equal(BigInt(best));
    });
  }

  it("refuses a NaN wherever it stands, an empty tensor and strings", async () => {
    for (const encoded of [
      floats("0000c07f0000803f"),
      floats("0000803f010080ff"),
      encode(DType.float16, [1, Number.NaN]),
      encode(DType.double, [Number.NaN]),
    ]) {
      await expect(argmax(encoded)).to.be.revertedWithCustomError(harness, "FloatNotANumber");
    }
    await expect(argmax(encode(DType.float, [], [0, 3]))).to.be.revertedWithCustomError(harness, "TensorEmpty");
    await expect(argmax(bytesToHex(encodeTensor(stringTensor([], ["a"])))))
      .to.be.revertedWithCustomError(harness, "TensorTypeMismatch")
      .withArgs(8);
  });

  it("agrees with JavaScript's order on random floats", async () => {
    const numbers = fc.array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, Infinity, -Infinity)), {
      minLength: 1,
      maxLength: 20,
    });
    const property = fc.asyncProperty(numbers, async (values) => {
      const best = values.reduce((at, value, i) => (value > (values[at] as number) ? i : at), 0);
      expect(await argmax(encode(DType.float, values))).to.equal(BigInt(best));
    });
    await fc.assert(property, { seed: SEED, numRuns: runs(100) });
  });
});
