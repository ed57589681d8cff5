import { expect } from "chai";
import type { Contract } from "ethers";
import fc from "fast-check";
import { ethers } from "hardhat";
import { bytesToHex, hexToBytes } from "../../../executor/protocol/bytes";
import { decodeTensor, encodeTensor } from "../../../executor/protocol/tensor";
import { type FloatDType, fixedTensor, fixedToFloat, floatToFixed } from "../../../executor/protocol/tensorFixedPoint";
import { decodeTensorSet, encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { DType } from "../../../executor/protocol/tensorType";
import { stringTensor, tensorFrom } from "../../../executor/protocol/tensorValues";
import { readVectors } from "../../../scripts/vectors/write";
import { SEED } from "../../executor/protocol/arbitraries";
import { type Outcome, outcomeOf, runs } from "./outcome";

type Expected = { value: string } | { code: string };

const vectors = JSON.parse(readVectors("numbers")) as {
  toFixed: ({ dtype: FloatDType; bits: string } & Expected)[];
  fromFixed: { fixed: string; float: Expected; double: Expected }[];
};
const UNIT = 10n ** 18n;
const READERS: Record<FloatDType, string> = { 1: "fixedOf32", 10: "fixedOf16", 11: "fixedOf64" };

const expected = (vector: Expected): Outcome =>
  "code" in vector ? { ok: false, code: vector.code } : { ok: true, value: BigInt(vector.value) };
const computed = (compute: () => bigint): Outcome => {
  try {
    return { ok: true, value: compute() };
  } catch (error) {
    return { ok: false, code: (error as { code: string }).code };
  }
};

describe("libraries/Float16, Float32, Float64", () => {
  let harness: Contract;
  const run = (method: string, ...args: unknown[]): Promise<Outcome> => outcomeOf(harness, { method, args });

  before(async () => {
    harness = (await ethers.deployContract("TensorNumberHarness")) as unknown as Contract;
  });

  it("reads the golden numbers as TypeScript does", async () => {
    for (const vector of vectors.toFixed) {
      expect(await run(READERS[vector.dtype], vector.bits), `type ${vector.dtype}, ${vector.bits}`).to.deep.equal(
        expected(vector),
      );
    }
  });

  it("rounds the golden numbers as TypeScript does", async () => {
    for (const vector of vectors.fromFixed) {
      expect(await run("to32", vector.fixed), vector.fixed).to.deep.equal(expected(vector.float));
      expect(await run("to64", vector.fixed), vector.fixed).to.deep.equal(expected(vector.double));
    }
  });

  it("reads random bits as TypeScript does", async () => {
    const property = fc.asyncProperty(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), async (bits) => {
      for (const [dtype, width] of [
        [DType.float16, 16],
        [DType.float, 32],
        [DType.double, 64],
      ] as const) {
        const part = BigInt.asUintN(width, bits);
        expect(await run(READERS[dtype], part)).to.deep.equal(computed(() => floatToFixed(dtype, part)));
      }
    });
    await fc.assert(property, { seed: SEED, numRuns: runs(200) });
  });

  it("rounds random fixed-point numbers of every size as TypeScript does", async () => {
    const property = fc.asyncProperty(
      fc.bigInt({ min: -(1n << 255n), max: (1n << 255n) - 1n }),
      fc.nat(254),
      async (wide, drop) => {
        const fixed = wide >> BigInt(drop);
        expect(await run("to32", fixed)).to.deep.equal(computed(() => fixedToFloat(DType.float, fixed)));
        expect(await run("to64", fixed)).to.deep.equal(computed(() => fixedToFloat(DType.double, fixed)));
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: runs(200) });
  });

  it("orders floats of every width without converting them, and -0 as 0", async () => {
    const ascending16 = [0xfc00n, 0xbc00n, 0x8001n, 0x8000n, 0x0001n, 0x3c00n, 0x7c00n];
    const keys: bigint[][] = [];
    for (const half of ascending16) {
      const wide = (bits: bigint, exponent: bigint, fraction: bigint): bigint => {
        // The same order holds for any format if sign, all-ones exponent and fraction are carried over.
        const magnitude = bits & 0x7fffn;
        const top = magnitude === 0x7c00n ? ((1n << exponent) - 1n) << fraction : magnitude;
        return ((bits >> 15n) << (exponent + fraction)) | top;
      };
      keys.push([...(await harness.getFunction("keys")(half, wide(half, 8n, 23n), wide(half, 11n, 52n)))]);
    }
    for (const column of [0, 1, 2]) {
      const list = keys.map((row) => row[column] as bigint);
      expect(list).to.deep.equal([...list].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
      expect(new Set(list).size).to.equal(list.length);
    }
    expect([...(await harness.getFunction("keys")(0x8000, 0x80000000, 1n << 63n))]).to.deep.equal([
      ...(await harness.getFunction("keys")(0, 0, 0)),
    ]);
    for (const args of [
      [0x7e00, 0, 0],
      [0, 0x7fc00000, 0],
      [0, 0, 0xfff0000000000001n],
    ]) {
      expect(await run("keys", ...args)).to.deep.equal({ ok: false, code: "FLOAT_NOT_A_NUMBER" });
    }
  });
});

describe("libraries/TensorEncoder", () => {
  let harness: Contract;
  const call = (method: string, ...args: unknown[]): Promise<unknown> => harness.getFunction(method)(...args);

  before(async () => {
    harness = (await ethers.deployContract("TensorNumberHarness")) as unknown as Contract;
  });

  it("writes floats and doubles as TypeScript does", async () => {
    for (const count of [0, 1, 7, 17]) {
      const values = Array.from({ length: count }, (_, i) => (BigInt(i) - 8n) * (UNIT / 3n));
      for (const [method, dtype] of [
        ["float32", DType.float],
        ["float64", DType.double],
      ] as const) {
        expect(await call(method, [1, count], values)).to.equal(
          bytesToHex(encodeTensor(fixedTensor({ dtype, dims: [1, count], values }))),
        );
      }
    }
  });

  it("writes integers of every type at their edges, and refuses one beyond", async () => {
    for (const [dtype, low, high] of [
      [DType.uint8, 0n, 255n],
      [DType.int8, -128n, 127n],
      [DType.uint16, 0n, 65535n],
      [DType.int16, -32768n, 32767n],
      [DType.int32, -(1n << 31n), (1n << 31n) - 1n],
      [DType.int64, -(1n << 63n), (1n << 63n) - 1n],
      [DType.bool, 0n, 1n],
      [DType.uint32, 0n, (1n << 32n) - 1n],
      [DType.uint64, 0n, (1n << 64n) - 1n],
    ] as const) {
      expect(await call("integers", dtype, [2], [low, high])).to.equal(
        bytesToHex(encodeTensor(tensorFrom({ dtype, dims: [2], values: [low, high] }))),
      );
      for (const value of [low - 1n, high + 1n]) {
        await expect(call("integers", dtype, [2], [low, value]))
          .to.be.revertedWithCustomError(harness, "TensorValueOutOfRange")
          .withArgs(1, value);
      }
    }
    for (const dtype of [1, 8, 10, 11, 0, 14]) {
      await expect(call("integers", dtype, [0], []))
        .to.be.revertedWithCustomError(harness, "TensorTypeMismatch")
        .withArgs(dtype);
    }
  });

  it("writes raw elements and strings, checked in full", async () => {
    expect(await call("raw", 2, [1, 3], "0x010203")).to.equal("0x0102020000000100000003010203");
    await expect(call("raw", 9, [1], "0x02")).to.be.revertedWithCustomError(harness, "TensorBoolNotCanonical");
    await expect(call("raw", 2, [4], "0x010203"))
      .to.be.revertedWithCustomError(harness, "TensorLengthMismatch")
      .withArgs(4, 3);
    expect(await call("strings", [2], ["é", ""])).to.equal(bytesToHex(encodeTensor(stringTensor([2], ["é", ""]))));
    await expect(call("strings", [], ["a\0"]))
      .to.be.revertedWithCustomError(harness, "TensorStringHasNul")
      .withArgs(0);
  });

  it("refuses a shape that does not fit the values", async () => {
    await expect(call("float32", [2], [1]))
      .to.be.revertedWithCustomError(harness, "TensorLengthMismatch")
      .withArgs(8, 4);
    await expect(call("float32", Array(9).fill(1), [1]))
      .to.be.revertedWithCustomError(harness, "TensorRankTooHigh")
      .withArgs(9);
    await expect(call("float32", [2 ** 24 + 1], [1]))
      .to.be.revertedWithCustomError(harness, "TensorTooLarge")
      .withArgs(0);
    await expect(call("float32", [], [1n << 230n])).to.be.revertedWithCustomError(harness, "FloatOverflow");
  });

  it("writes sets that TypeScript reads", async () => {
    const [x, y] = ["0x0102000a", "0x01020101000000".concat("00")] as const;
    const byte = decodeTensor(hexToBytes(x));
    expect(await call("setOfOne", "a", x)).to.equal(bytesToHex(encodeTensorSet([{ name: "a", tensor: byte }])));
    const both = (await call("set", ["é", "b"], [x, x])) as string;
    expect(decodeTensorSet(hexToBytes(both)).map((item) => item.name)).to.deep.equal(["é", "b"]);
    expect(await call("set", [], [])).to.equal("0x0100");
    await expect(call("setOfOne", "", y))
      .to.be.revertedWithCustomError(harness, "TensorSetNameLength")
      .withArgs(0, 0);
    await expect(call("set", ["a", "n".repeat(256)], [x, x]))
      .to.be.revertedWithCustomError(harness, "TensorSetNameLength")
      .withArgs(1, 256);
    await expect(call("set", ["a"], []))
      .to.be.revertedWithCustomError(harness, "TensorSetShape")
      .withArgs(1, 0);
    await expect(call("set", Array(256).fill("a"), Array(256).fill(x)))
      .to.be.revertedWithCustomError(harness, "TensorSetShape")
      .withArgs(256, 256);
  });

  it("makes shapes", async () => {
    expect(((await call("shapes")) as bigint[][]).map((dims) => [...dims])).to.deep.equal([
      [1n],
      [1n, 2n],
      [1n, 2n, 3n],
    ]);
  });
});
