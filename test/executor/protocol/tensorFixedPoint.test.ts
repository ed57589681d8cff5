import { expect } from "chai";
import fc from "fast-check";
import { fixedTensor, fixedToFloat, fixedValuesOf, floatToFixed } from "../../../executor/protocol/tensorFixedPoint";
import { DType } from "../../../executor/protocol/tensorType";
import { numbersOf, stringTensor, tensorFrom } from "../../../executor/protocol/tensorValues";
import { numberVectors } from "../../../scripts/vectors/numbers";
import { readVectors, vectorText } from "../../../scripts/vectors/write";
import { SEED } from "./arbitraries";
import { expectCode } from "./expectCode";

const UNIT = 10n ** 18n;
const float32 = (bits: bigint): number => new Float32Array(Uint32Array.of(Number(bits)).buffer)[0] as number;
const bitsOf32 = (value: number): bigint => BigInt(new Uint32Array(Float32Array.of(value).buffer)[0] as number);
const bitsOf64 = (value: number): bigint => new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;

describe("protocol/tensorFixedPoint", () => {
  it("generates the committed vectors", () => {
    expect(vectorText(numberVectors())).to.equal(readVectors("numbers"));
  });

  it("agrees with JavaScript on numbers that a double holds exactly", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.integer({ min: 0, max: 18 }), (value, shift) => {
        // value / 2^shift is exact as a double, and as a fixed-point number, which is divisible by 2^18.
        const number = value / 2 ** shift;
        const fixed = (BigInt(value) * UNIT) >> BigInt(shift);
        expect(floatToFixed(DType.double, bitsOf64(number))).to.equal(fixed);
        expect(fixedToFloat(DType.double, fixed)).to.equal(bitsOf64(value === 0 ? 0 : number));
        expect(fixedToFloat(DType.float, fixed)).to.equal(bitsOf32(Math.fround(value === 0 ? 0 : number)));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it("finds the nearest float32: no neighbour is closer", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 1n << 180n }), fc.integer({ min: 0, max: 160 }), (wide, drop) => {
        const fixed = (wide >> BigInt(drop)) + 1n;
        const bits = fixedToFloat(DType.float, fixed);
        // The exact distance to a float, as the numerator over 2^149.
        const distance = (candidate: bigint): bigint => {
          const exponent = candidate >> 23n === 0n ? 1n : candidate >> 23n;
          const significand = (candidate & 0x7fffffn) | (candidate >> 23n === 0n ? 0n : 0x800000n);
          const delta = ((significand * UNIT) << (exponent - 1n)) - (fixed << 149n);
          return delta < 0n ? -delta : delta;
        };
        const best = distance(bits);
        for (const neighbour of [bits - 1n, bits + 1n]) {
          if (neighbour >= 0x7f800000n) continue;
          expect(distance(neighbour) >= best).to.equal(true);
          if (distance(neighbour) === best) expect(bits & 1n).to.equal(0n);
        }
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it("encodes features as floats that read back within half a step", () => {
    const tensor = fixedTensor({ dtype: DType.float, dims: [1, 3], values: [UNIT / 10n, -UNIT * 2000n, 0n] });
    expect(numbersOf(tensor)).to.deep.equal([Math.fround(0.1), -2000, 0]);
    expect(numbersOf(fixedTensor({ dtype: DType.double, dims: [1], values: [UNIT / 10n] }))).to.deep.equal([0.1]);
  });

  it("reads every numeric type as fixed point", () => {
    expect(fixedValuesOf(tensorFrom({ dtype: DType.int64, dims: [1], values: [-(1n << 63n)] }))).to.deep.equal([
      -(1n << 63n) * UNIT,
    ]);
    expect(fixedValuesOf(tensorFrom({ dtype: DType.bool, dims: [2], values: [true, false] }))).to.deep.equal([
      UNIT,
      0n,
    ]);
    expect(fixedValuesOf(tensorFrom({ dtype: DType.float16, dims: [1], values: [-0.5] }))).to.deep.equal([-UNIT / 2n]);
    expect(fixedValuesOf(tensorFrom({ dtype: DType.float, dims: [1], values: [1.25] }))).to.deep.equal([
      (UNIT * 5n) / 4n,
    ]);
    expectCode(() => fixedValuesOf(stringTensor([], ["1"])), "TENSOR_TYPE_MISMATCH");
  });

  it("truncates towards zero on both sides", () => {
    const tiny = bitsOf64(1.9e-18);
    expect(floatToFixed(DType.double, tiny)).to.equal(1n);
    expect(floatToFixed(DType.double, tiny | (1n << 63n))).to.equal(-1n);
    expect(float32(fixedToFloat(DType.float, 1n))).to.equal(Math.fround(1e-18));
  });
});
