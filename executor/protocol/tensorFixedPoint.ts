import { ProtocolError } from "./protocolError";
import type { NumericTensor, Tensor } from "./tensor";
import { DType } from "./tensorType";
import { elementsOf, tensorFrom, tensorOver } from "./tensorValues";

/** Fixed point is an integer in units of 1e-18, as contracts hold prices and ratios. */
const UNIT = 10n ** 18n;

interface FloatFormat {
  readonly fractionBits: bigint;
  readonly exponentBits: bigint;
}

const FORMATS = {
  [DType.float16]: { fractionBits: 10n, exponentBits: 5n },
  [DType.float]: { fractionBits: 23n, exponentBits: 8n },
  [DType.double]: { fractionBits: 52n, exponentBits: 11n },
} as const satisfies Record<number, FloatFormat>;

export type FloatDType = keyof typeof FORMATS;

/**
 * A float given by its bits in fixed point, truncated towards zero: what `Float16`, `Float32` and `Float64` do on the chain.
 * @throws ProtocolError `FLOAT_NOT_A_NUMBER`, `FLOAT_INFINITE`, and `FLOAT_OVERFLOW` beyond an int256
 */
export function floatToFixed(dtype: FloatDType, bits: bigint): bigint {
  const { fractionBits, exponentBits }: FloatFormat = FORMATS[dtype];
  const special = (1n << exponentBits) - 1n;
  const fraction = bits & ((1n << fractionBits) - 1n);
  const exponent = (bits >> fractionBits) & special;
  if (exponent === special) {
    throw numberError(fraction === 0n ? "FLOAT_INFINITE" : "FLOAT_NOT_A_NUMBER", bits);
  }
  const significand = exponent === 0n ? fraction : fraction | (1n << fractionBits);
  const power = (exponent === 0n ? 1n : exponent) - (special >> 1n) - fractionBits;
  const magnitude = power < 0n ? (significand * UNIT) >> -power : (significand * UNIT) << power;
  if (magnitude >> 255n !== 0n) throw numberError("FLOAT_OVERFLOW", bits);
  return bits >> (fractionBits + exponentBits) === 0n ? magnitude : -magnitude;
}

/**
 * The bits of the float nearest to a fixed-point value, ties to even; zero becomes +0.
 * @throws ProtocolError `FLOAT_OVERFLOW` where the format has no finite number for it
 */
export function fixedToFloat(dtype: typeof DType.float | typeof DType.double, value: bigint): bigint {
  if (value === 0n) return 0n;
  const { fractionBits, exponentBits }: FloatFormat = FORMATS[dtype];
  const magnitude = value < 0n ? -value : value;
  // The greatest exponent with 2^exponent <= magnitude / 1e18; the first guess is right or one too high.
  let exponent = bitLength(magnitude) - bitLength(UNIT);
  if (scaled(magnitude, -exponent).numerator < scaled(magnitude, -exponent).denominator) exponent--;
  const { numerator, denominator } = scaled(magnitude, fractionBits - exponent);
  const floor = numerator / denominator;
  const twiceRest = 2n * (numerator % denominator);
  const up = twiceRest > denominator || (twiceRest === denominator && (floor & 1n) === 1n);
  const bias = (1n << (exponentBits - 1n)) - 1n;
  const bits = ((exponent + bias - 1n) << fractionBits) + floor + (up ? 1n : 0n);
  if (bits >> fractionBits >= (1n << exponentBits) - 1n) throw numberError("FLOAT_OVERFLOW", value);
  return value < 0n ? bits | (1n << (fractionBits + exponentBits)) : bits;
}

/**
 * A float or double tensor of fixed-point values, bit for bit the one that `TensorEncoder` makes on the chain.
 * @throws ProtocolError `FLOAT_OVERFLOW` and the codes of `tensorOver`
 */
export function fixedTensor(parts: {
  readonly dtype: typeof DType.float | typeof DType.double;
  readonly dims: readonly number[];
  readonly values: readonly bigint[];
}): NumericTensor {
  const { dtype, dims } = parts;
  const bits = parts.values.map((value) => fixedToFloat(dtype, value));
  // The bits travel as integers: a float array could change the payload of a NaN, and needs a rounding of its own.
  if (dtype === DType.double) {
    const { data } = tensorFrom({ dtype: DType.uint64, dims, values: bits });
    return { dtype, dims, data };
  }
  const { data } = tensorFrom({ dtype: DType.uint32, dims, values: bits });
  return tensorOver({ dtype, dims, elements: new Float32Array(data.buffer) });
}

/**
 * The elements of a numeric tensor in fixed point, integers and bools as whole units.
 * @throws ProtocolError the codes of `floatToFixed`, `TENSOR_TYPE_MISMATCH` for strings
 */
export function fixedValuesOf(tensor: Tensor): bigint[] {
  if (tensor.dtype === DType.string) {
    throw new ProtocolError({ code: "TENSOR_TYPE_MISMATCH", message: "strings have no fixed-point form" });
  }
  const { dtype } = tensor;
  if (dtype === DType.float || dtype === DType.double || dtype === DType.float16) {
    const bitsType = ({ 1: DType.uint32, 10: DType.uint16, 11: DType.uint64 } as const)[dtype];
    const bits = elementsOf(bitsType, { ...tensor, dtype: bitsType }) as ArrayLike<number | bigint>;
    return Array.from(bits, (value) => floatToFixed(dtype, BigInt(value)));
  }
  return Array.from(elementsOf(dtype, tensor) as ArrayLike<number | bigint>, (value) => BigInt(value) * UNIT);
}

function scaled(magnitude: bigint, power: bigint): { numerator: bigint; denominator: bigint } {
  return power >= 0n
    ? { numerator: magnitude << power, denominator: UNIT }
    : { numerator: magnitude, denominator: UNIT << -power };
}

function bitLength(value: bigint): bigint {
  return BigInt(value.toString(2).length);
}

function numberError(code: "FLOAT_NOT_A_NUMBER" | "FLOAT_INFINITE" | "FLOAT_OVERFLOW", value: bigint): ProtocolError {
  return new ProtocolError({ code, message: "a number has no such form", context: { value } });
}
