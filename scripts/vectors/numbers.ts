import { ProtocolError } from "../../executor/protocol/protocolError";
import { type FloatDType, fixedToFloat, floatToFixed } from "../../executor/protocol/tensorFixedPoint";
import { DType } from "../../executor/protocol/tensorType";
import { isMain, writeVectors } from "./write";

/** Bits at every edge of each format: zeros, denormals, the least and largest numbers, one, infinities, NaNs. */
const BITS: readonly (readonly [FloatDType, readonly bigint[]])[] = [
  [
    DType.float16,
    [
      0x0000n,
      0x8000n,
      0x0001n,
      0x8001n,
      0x03ffn,
      0x0400n,
      0x3555n,
      0x3c00n,
      0xbc00n,
      0x7bffn,
      0xfbffn,
      0x7c00n,
      0xfc00n,
      0x7e00n,
      0xfc01n,
    ],
  ],
  [
    DType.float,
    [
      0n,
      0x80000000n,
      1n,
      0x80000001n,
      0x007fffffn,
      0x00800000n,
      0x219392efn,
      0x219392f0n,
      0x3dcccccdn,
      0x3f800000n,
      0xbf800000n,
      0x4b000001n,
      0x5f5e1000n,
      0x7f7fffffn,
      0xff7fffffn,
      0x7f800000n,
      0xff800000n,
      0x7fc00000n,
      0x7f800001n,
      0xffffffffn,
    ],
  ],
  [
    DType.double,
    [
      0n,
      1n << 63n,
      1n,
      (1n << 52n) - 1n,
      1n << 52n,
      0x3c32725dd1d243abn,
      0x3c32725dd1d243acn,
      0x3fb999999999999an,
      0x3ff0000000000000n,
      0xbff0000000000000n,
      0x4340000000000001n,
      0x4c32725dd1d243abn,
      0x4c32725dd1d243acn,
      0x4c40000000000000n,
      0x7fefffffffffffffn,
      0x7ff0000000000000n,
      0xfff0000000000000n,
      0x7ff8000000000000n,
      0x7ff0000000000001n,
      0xffffffffffffffffn,
    ],
  ],
];

const UNIT = 10n ** 18n;
/** The largest float32 is (2^24 - 1) * 2^104; half a step above it rounding overflows. */
const MAX_32 = ((1n << 24n) - 1n) << 104n;
const HALF_STEP = 1n << 103n;

/** Values at every edge of the rounding: ties to both sides, carries, one unit beside a tie, the ends of int256. */
const FIXED: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  999_999_999_999_999_999n,
  UNIT,
  UNIT + 1n,
  UNIT / 10n,
  UNIT / 3n,
  123_456_789n * UNIT,
  ((1n << 24n) + 1n) * UNIT,
  ((1n << 24n) + 3n) * UNIT,
  ((1n << 24n) + 1n) * UNIT + 1n,
  ((1n << 24n) + 1n) * UNIT - 1n,
  ((1n << 25n) - 1n) * UNIT,
  ((1n << 53n) + 1n) * UNIT,
  ((1n << 53n) + 3n) * UNIT,
  ((1n << 53n) + 1n) * UNIT + 1n,
  ((1n << 54n) - 1n) * UNIT,
  MAX_32 * UNIT,
  (MAX_32 + HALF_STEP) * UNIT - 1n,
  (MAX_32 + HALF_STEP) * UNIT,
  (1n << 128n) * UNIT,
  (1n << 255n) - 1n,
]
  .flatMap((value) => (value === 0n ? [value] : [value, -value]))
  .concat(-(1n << 255n));

function outcome(compute: () => bigint): { value: string } | { code: string } {
  try {
    return { value: compute().toString() };
  } catch (error) {
    if (error instanceof ProtocolError) return { code: error.code };
    throw error;
  }
}

export function numberVectors(): unknown {
  return {
    toFixed: BITS.flatMap(([dtype, list]) =>
      list.map((bits) => ({ dtype, bits: `0x${bits.toString(16)}`, ...outcome(() => floatToFixed(dtype, bits)) })),
    ),
    fromFixed: FIXED.map((fixed) => ({
      fixed: fixed.toString(),
      float: outcome(() => fixedToFloat(DType.float, fixed)),
      double: outcome(() => fixedToFloat(DType.double, fixed)),
    })),
  };
}

if (isMain(module)) writeVectors("numbers", numberVectors());
