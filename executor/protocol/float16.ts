/** The value of a binary16 number (IEEE 754-2019, 3.6), given as its 16 bits. Exact: every float16 is a double. */
export function float16ToNumber(bits: number): number {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (0x400 | fraction) * 2 ** (exponent - 25);
}

const scratch = new DataView(new ArrayBuffer(8));

/**
 * The 16 bits of the binary16 number nearest to `value`, ties to even; too large becomes infinity, NaN the canonical one.
 * Rounds the double once. Going through float32 would round twice and miss by one bit near ties.
 */
export function numberToFloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  scratch.setFloat64(0, value);
  const sign = (scratch.getUint16(0) & 0x8000) as number;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00; // Half way between the largest float16 and 2^16, which ties upward.
  // The spacing of float16 numbers near the value; denormals share the spacing 2^-24.
  const exponent = Math.max(((scratch.getUint16(0) >> 4) & 0x7ff) - 1023, -14);
  const steps = roundToEven(magnitude / 2 ** (exponent - 10));
  // A denormal has steps below 0x400 and no exponent; a carry out of the fraction moves into the exponent by addition.
  return sign | (((exponent + 14) << 10) + steps);
}

/** `value` is below 2^11 and a quotient by a power of two, so it is exact and so is its fractional part. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
