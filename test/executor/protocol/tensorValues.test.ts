import { expect } from "chai";
import fc from "fast-check";
import { float16ToNumber, numberToFloat16 } from "../../../executor/protocol/float16";
import type { ProtocolErrorCode } from "../../../executor/protocol/protocolError";
import type { NumericTensor } from "../../../executor/protocol/tensor";
import { canonicaliseNans, hasCanonicalNans } from "../../../executor/protocol/tensorNan";
import { DType, dtypeName, type NumericDType } from "../../../executor/protocol/tensorType";
import { elementsOf, numbersOf, stringTensor, tensorFrom, tensorOver } from "../../../executor/protocol/tensorValues";
import { SEED } from "./arbitraries";
import { expectCode } from "./expectCode";

describe("protocol/tensorValues", () => {
  it("names every type as ONNX does", () => {
    expect(dtypeName(DType.float16)).to.equal("float16");
    expect(Object.values(DType).map(dtypeName)).to.deep.equal(Object.keys(DType));
  });

  it("builds from plain values and reads them back, for every type", () => {
    const cases: [NumericDType, (number | bigint)[]][] = [
      [DType.float, [1.5, -0.25]],
      [DType.uint8, [0, 255]],
      [DType.int8, [-128, 127]],
      [DType.uint16, [65535, 1]],
      [DType.int16, [-32768, 1]],
      [DType.int32, [-(2 ** 31), 1]],
      [DType.int64, [-(2 ** 53) + 1, 5]],
      [DType.bool, [1, 0]],
      [DType.float16, [1.5, -65504]],
      [DType.double, [1 / 3, 1e300]],
      [DType.uint32, [2 ** 32 - 1, 0]],
      [DType.uint64, [2 ** 53 - 1, 0]],
    ];
    for (const [dtype, values] of cases) {
      expect(numbersOf(tensorFrom({ dtype, dims: [2], values })), dtypeName(dtype)).to.deep.equal(values);
    }
  });

  it("reads elements from bytes that are not aligned", () => {
    const data = new Uint8Array(9).subarray(1);
    data.set(new Uint8Array(Float64Array.of(2.5).buffer));
    expect([...elementsOf(DType.double, { dtype: DType.double, dims: [], data })]).to.deep.equal([2.5]);
  });

  it("lends the memory of a typed array", () => {
    const elements = Float32Array.of(1, 2);
    const tensor = tensorOver({ dtype: DType.float, dims: [2], elements });
    elements[1] = 7;
    expect(numbersOf(tensor)).to.deep.equal([1, 7]);
  });

  for (const [what, dtype, value] of [
    ["300 as uint8", DType.uint8, 300],
    ["-1 as uint64", DType.uint64, -1],
    ["2^63 as int64", DType.int64, 1n << 63n],
    ["a fraction as int32", DType.int32, 0.5],
    ["2 as bool", DType.bool, 2],
    ["NaN as int8", DType.int8, Number.NaN],
  ] as [string, NumericDType, number | bigint][]) {
    it(`refuses ${what}`, () => {
      expectCode(() => tensorFrom({ dtype, dims: [], values: [value] }), "TENSOR_VALUE_OUT_OF_RANGE");
    });
  }

  for (const [what, call, code] of [
    [
      "an int64 beyond 2^53 as a number",
      () => numbersOf(tensorFrom({ dtype: DType.int64, dims: [], values: [1n << 53n] })),
      "TENSOR_VALUE_OUT_OF_RANGE",
    ],
    ["strings as numbers", () => numbersOf(stringTensor([], ["1"])), "TENSOR_TYPE_MISMATCH"],
    [
      "floats as doubles",
      () => elementsOf(DType.double, tensorFrom({ dtype: DType.float, dims: [], values: [1] })),
      "TENSOR_TYPE_MISMATCH",
    ],
    ["too few values", () => tensorFrom({ dtype: DType.float, dims: [2], values: [1] }), "TENSOR_LENGTH_MISMATCH"],
    ["too many strings", () => stringTensor([], ["a", "b"]), "TENSOR_LENGTH_MISMATCH"],
    [
      "too long an array",
      () => tensorOver({ dtype: DType.uint8, dims: [], elements: new Uint8Array(2) }),
      "TENSOR_LENGTH_MISMATCH",
    ],
  ] as [string, () => unknown, ProtocolErrorCode][]) {
    it(`refuses ${what}`, () => expectCode(call, code));
  }
});

describe("protocol/float16", () => {
  it("reads every one of the 65,536 numbers and writes it back", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = float16ToNumber(bits);
      const expected = Number.isNaN(value) ? 0x7e00 : bits;
      if (numberToFloat16(value) !== expected) expect.fail(`bits ${bits.toString(16)}`);
    }
  });

  it("rounds to the nearest, ties to even, between each two neighbours", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [float16ToNumber(bits), float16ToNumber(bits + 1)];
      const middle = (low + high) / 2; // Exact: a double has room for one more bit.
      const even = bits % 2 === 0 ? bits : bits + 1;
      const step = middle * 2 ** -50;
      const got = [
        numberToFloat16(middle - step),
        numberToFloat16(middle),
        numberToFloat16(-middle),
        numberToFloat16(middle + step),
      ];
      if (got[0] !== bits || got[1] !== even || got[2] !== (even | 0x8000) || got[3] !== bits + 1)
        expect.fail(`bits ${bits.toString(16)}: ${got}`);
    }
  });

  it("rounds once, where going through float32 would round twice", () => {
    // Just above a tie: float32 would round it onto the tie, and the tie to even downwards.
    expect(numberToFloat16(1 + 2 ** -11 + 2 ** -40)).to.equal(0x3c01);
  });

  it("overflows to infinity from 65520 on", () => {
    expect(numberToFloat16(65519.99)).to.equal(0x7bff);
    expect(numberToFloat16(65520)).to.equal(0x7c00);
    expect(numberToFloat16(-Infinity)).to.equal(0xfc00);
  });
});

describe("protocol/tensorNan", () => {
  const odd: [NumericDType, string, string][] = [
    [DType.float, "0000803fffffffff0000c07f010080ff0000807f", "0000803f0000c07f0000c07f0000c07f0000807f"],
    [DType.float16, "003cffff007e017c007c", "003c007e007e007e007c"],
  ];

  it("makes every NaN the canonical one and changes nothing else", () => {
    for (const [dtype, before, after] of odd) {
      const tensor: NumericTensor = { dtype, dims: [5], data: Buffer.from(before, "hex") };
      const made = canonicaliseNans(tensor) as NumericTensor;
      expect(Buffer.from(made.data).toString("hex")).to.equal(after);
      expect(Buffer.from(tensor.data).toString("hex"), "the given tensor is left alone").to.equal(before);
      expect(hasCanonicalNans(tensor)).to.equal(false);
      expect(hasCanonicalNans(made)).to.equal(true);
    }
  });

  it("tells a double's NaN from an infinity by the low word too", () => {
    const words = BigUint64Array.of(
      0x7ff0000000000001n,
      0x7ff0000000000000n,
      0xfff8000000000000n,
      0x7ff8000000000000n,
      0x7ff8000000000001n,
    );
    const made = canonicaliseNans({ dtype: DType.double, dims: [5], data: new Uint8Array(words.buffer) });
    const canonical = 0x7ff8000000000000n;
    const bits = elementsOf(DType.uint64, { ...(made as NumericTensor), dtype: DType.uint64 });
    expect([...bits]).to.deep.equal([canonical, 0x7ff0000000000000n, canonical, canonical, canonical]);
  });

  it("returns the same tensor where nothing changes", () => {
    for (const tensor of [
      tensorFrom({ dtype: DType.float, dims: [2], values: [Number.NaN, 1] }),
      stringTensor([], ["x"]),
      tensorFrom({ dtype: DType.int8, dims: [], values: [1] }),
    ]) {
      expect(canonicaliseNans(tensor)).to.equal(tensor);
    }
  });

  it("agrees with JavaScript about what a NaN is, on random bits that are not aligned", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 16, maxLength: 16 }),
        fc.boolean(),
        (bytes, huge) => {
          const buffer = new Uint8Array(17);
          buffer.set(huge ? bytes.map((byte, i) => (i % 4 > 1 ? byte | 0x7f : byte)) : bytes, 1);
          const data = buffer.subarray(1);
          const before = numbersOf({ dtype: DType.float, dims: [4], data });
          const made = canonicaliseNans({ dtype: DType.float, dims: [4], data }) as NumericTensor;
          expect(numbersOf(made)).to.deep.equal(before);
          const bits = elementsOf(DType.uint32, { ...made, dtype: DType.uint32 });
          before.forEach((value, i) => {
            if (Number.isNaN(value)) expect(bits[i]).to.equal(0x7fc00000);
          });
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });
});
