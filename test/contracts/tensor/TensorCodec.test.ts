import { expect } from "chai";
import type { Contract } from "ethers";
import fc from "fast-check";
import { ethers } from "hardhat";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { decodeTensor, encodeTensor } from "../../../executor/protocol/tensor";
import { decodeTensorSet, encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { readVectors } from "../../../scripts/vectors/write";
import { anyChange, anySet, anyTensor, mutate, SEED } from "../../executor/protocol/arbitraries";
import { codeOrValue } from "../../executor/protocol/expectCode";
import { outcomeOf, runs, UNDER_COVERAGE } from "./outcome";

interface Encoded {
  name: string;
  encoded: string;
  code: string;
}

interface SeenTensor {
  dtype: bigint;
  dims: bigint[];
  count: bigint;
  data: string;
}

const tensors = JSON.parse(readVectors("tensor")) as {
  valid: (Encoded & { dtype: number; dims: number[]; data?: string })[];
  malformed: Encoded[];
};
const sets = JSON.parse(readVectors("tensorSet")) as {
  sets: (Encoded & { tensors: { name: string }[] })[];
  malformedSets: Encoded[];
};

describe("libraries/TensorCodec", () => {
  let harness: Contract;

  before(async () => {
    harness = (await ethers.deployContract("TensorHarness")) as unknown as Contract;
  });

  // Calldata and memory go through one code but two ways of loading a word.
  for (const method of ["decode", "decodeMemory"]) {
    for (const vector of tensors.valid) {
      it(`${method} carries ${vector.name}`, async () => {
        const outcome = await outcomeOf(harness, { method, args: [vector.encoded] });
        if (!outcome.ok) throw new Error(outcome.code);
        const seen = outcome.value as SeenTensor;
        expect(Number(seen.dtype)).to.equal(vector.dtype);
        expect([...seen.dims].map(Number)).to.deep.equal(vector.dims);
        expect(seen.count).to.equal(BigInt(vector.dims.reduce((product, dim) => product * dim, 1)));
        if (vector.data !== undefined) expect(seen.data).to.equal(vector.data);
      });
    }

    for (const vector of tensors.malformed) {
      it(`${method} refuses ${vector.name} as ${vector.code}`, async () => {
        expect(await outcomeOf(harness, { method, args: [vector.encoded] })).to.deep.equal({
          ok: false,
          code: vector.code,
        });
      });
    }
  }

  for (const method of ["decodeSet", "decodeSetMemory"]) {
    for (const vector of sets.sets) {
      if (UNDER_COVERAGE && vector.tensors.length > 100) continue;
      it(`${method} carries ${vector.name}`, async () => {
        const outcome = await outcomeOf(harness, { method, args: [vector.encoded] });
        if (!outcome.ok) throw new Error(outcome.code);
        const names = (outcome.value as { name: string }[]).map((item) => ethers.toUtf8String(item.name));
        expect(names).to.deep.equal(vector.tensors.map((item) => item.name));
      });
    }

    for (const vector of sets.malformedSets) {
      it(`${method} refuses ${vector.name} as ${vector.code}`, async () => {
        expect(await outcomeOf(harness, { method, args: [vector.encoded] })).to.deep.equal({
          ok: false,
          code: vector.code,
        });
      });
    }
  }

  it("says what is wrong and where", async () => {
    await expect(harness.getFunction("decode")("0x0102000102"))
      .to.be.revertedWithCustomError(harness, "TensorLengthMismatch")
      .withArgs(1, 2);
    await expect(harness.getFunction("decode")("0x01090100000003000102"))
      .to.be.revertedWithCustomError(harness, "TensorBoolNotCanonical")
      .withArgs(2);
    await expect(harness.getFunction("decode")("0x010201ffffffff"))
      .to.be.revertedWithCustomError(harness, "TensorTooLarge")
      .withArgs(0);
  });

  it("finds a tensor by name, and demands that it is alone where asked to", async () => {
    const set = sets.sets.find((vector) => vector.tensors.length === 3) as Encoded;
    const [half] = (await harness.getFunction("decodeSet")(set.encoded)) as { tensor: SeenTensor }[];
    expect(await harness.getFunction("find")(set.encoded, "half")).to.deep.equal(half?.tensor);
    await expect(harness.getFunction("find")(set.encoded, "hal"))
      .to.be.revertedWithCustomError(harness, "TensorNotFound")
      .withArgs("hal");
    await expect(harness.getFunction("single")(set.encoded, "half"))
      .to.be.revertedWithCustomError(harness, "TensorSetCount")
      .withArgs(1, 3);
    const one = sets.sets.find((vector) => vector.tensors.length === 1) as Encoded;
    expect(((await harness.getFunction("single")(one.encoded, "features")) as SeenTensor).count).to.equal(2n);
    await expect(harness.getFunction("single")(one.encoded, "x")).to.be.revertedWithCustomError(
      harness,
      "TensorNotFound",
    );
  });

  it("reads dimensions by index", async () => {
    const eight = tensors.valid.find((vector) => vector.dims.length === 8) as Encoded & { dims: number[] };
    for (const [i, dim] of eight.dims.entries())
      expect(await harness.getFunction("dim")(eight.encoded, i)).to.equal(BigInt(dim));
    await expect(harness.getFunction("dim")(eight.encoded, 8))
      .to.be.revertedWithCustomError(harness, "TensorDimensionOutOfBounds")
      .withArgs(8, 8);
  });

  it("views never leave their bytes, and hash alike in calldata and memory", async () => {
    const data = "0x00112233445566778899";
    expect(await harness.getFunction("sliceView")(data, 2, 3)).to.equal("0x223344");
    expect(await harness.getFunction("sliceView")(data, 10, 0)).to.equal("0x");
    for (const [start, size] of [
      [0, 11],
      [11, 0],
      [9, 2],
      [2n ** 256n - 1n, 2],
    ] as const) {
      await expect(harness.getFunction("sliceView")(data, start, size))
        .to.be.revertedWithCustomError(harness, "ByteViewOutOfBounds")
        .withArgs(start, size, 10);
    }
    expect([...(await harness.getFunction("hashes")(data))]).to.deep.equal([
      ethers.keccak256(data),
      ethers.keccak256(data),
    ]);
  });

  describe("gives the same verdict as TypeScript", () => {
    const same = async (
      method: string,
      bytes: Uint8Array,
      decode: (bytes: Uint8Array) => unknown,
    ): Promise<string | undefined> => {
      const outcome = await outcomeOf(harness, { method, args: [bytesToHex(bytes)] });
      const code = codeOrValue(() => decode(bytes));
      expect(outcome.ok ? undefined : outcome.code, bytesToHex(bytes)).to.equal(code);
      return code;
    };

    it("on tensors and near misses of tensors", async () => {
      const codes = new Set<string | undefined>();
      const property = fc.asyncProperty(anyTensor, anyChange, async (tensor, change) => {
        const bytes = encodeTensor(tensor);
        await same("decode", bytes, decodeTensor);
        codes.add(await same("decodeMemory", mutate(bytes, change), decodeTensor));
      });
      await fc.assert(property, { seed: SEED, numRuns: runs(250) });
      expect(codes.size, "the changes reach several rules").to.be.greaterThan(UNDER_COVERAGE ? 1 : 4);
    });

    it("on sets and near misses of sets", async () => {
      const codes = new Set<string | undefined>();
      const property = fc.asyncProperty(anySet, anyChange, async (set, change) => {
        const bytes = encodeTensorSet(set);
        await same("decodeSetMemory", bytes, decodeTensorSet);
        codes.add(await same("decodeSet", mutate(bytes, change), decodeTensorSet));
      });
      await fc.assert(property, { seed: SEED, numRuns: runs(250) });
      expect(codes.size, "the changes reach several rules").to.be.greaterThan(UNDER_COVERAGE ? 1 : 4);
    });

    it("on random text", async () => {
      // Bytes from the borders of UTF-8's table are drawn more often than chance would.
      const byte = fc.oneof(
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom(
          0,
          0x7f,
          0x80,
          0x8f,
          0x90,
          0x9f,
          0xa0,
          0xbf,
          0xc1,
          0xc2,
          0xdf,
          0xe0,
          0xed,
          0xef,
          0xf0,
          0xf4,
          0xf5,
        ),
      );
      const text = fc.oneof(
        fc.array(byte, { maxLength: 6 }),
        fc.string({ unit: "binary", maxLength: 50 }).map((value) => [...Buffer.from(value)]),
      );
      let valid = 0;
      const property = fc.asyncProperty(text, async (bytes) => {
        const head = [1, 8, 0, 0, 0, 0, bytes.length];
        if ((await same("decode", Uint8Array.of(...head, ...bytes), decodeTensor)) === undefined) valid++;
      });
      await fc.assert(property, { seed: SEED, numRuns: runs(600) });
      expect(valid).to.be.greaterThan(runs(100));
    });
  });
});
