/**
 * exp, log and the trigonometry of the clock, from additions and multiplications only.
 * IEEE 754 fixes those to the bit, while `Math.exp` and its like are "implementation-approximated" (ECMA-262) and have
 * changed between V8 versions: with them no model could be rebuilt bit for bit by another Node.
 */

/** ln 2 in two parts, of which the first has trailing zeros, so that its product with a small integer is exact. */
const LN2_HIGH = 6.93147180369123816490e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const LOG2_E = 1.4426950408889634;
const MIN_EXPONENT = -1074;

/** Exact powers of two from 2^-1074 to 2^1023. */
const POWERS = (() => {
  const powers = new Float64Array(1023 - MIN_EXPONENT + 1);
  let power = 1;
  for (let k = 0; k <= 1023; k += 1, power *= 2) powers[k - MIN_EXPONENT] = power;
  power = 1;
  for (let k = 0; k >= MIN_EXPONENT; k -= 1, power /= 2) powers[k - MIN_EXPONENT] = power;
  return powers;
})();

const EXP_TERMS = 14;
/** 1/n! for the Taylor series of exp; on |r| <= ln(2)/2 the first term left out is below 1e-17. */
const EXP_COEFFICIENTS = (() => {
  const coefficients = [1];
  for (let n = 1; n < EXP_TERMS; n += 1) coefficients.push((coefficients[n - 1] as number) / n); // The list has n entries.
  return Float64Array.from(coefficients);
})();

/** e^x, within about one unit in the last place where the result is normal. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.78) return Number.POSITIVE_INFINITY;
  if (x < -745) return 0;
  const k = Math.round(x * LOG2_E);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 0;
  for (let n = EXP_TERMS - 1; n >= 0; n -= 1) sum = sum * r + (EXP_COEFFICIENTS[n] as number); // n is below EXP_TERMS.
  // In two steps, because 2^1024 is no number and the small powers lose bits only in the last step.
  const half = Math.trunc(k / 2);
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

function powerOfTwo(k: number): number {
  return POWERS[k - MIN_EXPONENT] as number; // |k| is at most 538: half of the exponents that `exp` lets through.
}

const bits = new DataView(new ArrayBuffer(8));

/** Natural logarithm of a positive normal number, within about one unit in the last place. */
export function log(x: number): number {
  if (!(x >= 2 ** -1022) || x === Number.POSITIVE_INFINITY) throw new RangeError(`no logarithm for ${x}`);
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  let exponent = (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0x000fffff) | 0x3ff00000);
  let mantissa = bits.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.172.
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let sum = 0;
  for (let n = 23; n >= 1; n -= 2) sum = sum * z + 1 / n;
  return exponent * LN2_HIGH + (2 * s * sum + exponent * LN2_LOW);
}

/** The cosine of a number of full turns: `cosOfTurns(0.5)` is -1. */
export function cosOfTurns(turns: number): number {
  const x = 2 * Math.PI * (turns - Math.round(turns));
  let term = 1;
  let sum = 1;
  // |x| is at most pi: after 16 terms the rest is below 1e-18.
  for (let n = 2; n <= 32; n += 2) {
    term *= (-x * x) / ((n - 1) * n);
    sum += term;
  }
  return sum;
}

export function sinOfTurns(turns: number): number {
  return cosOfTurns(turns - 0.25);
}

export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x));
}

/** Coefficients of Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: absolute error below 1.5e-7. */
const ERF = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429] as const;

/** The standard normal distribution function, with an absolute error below 1e-7. Used by baselines only. */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const tail = ERF.reduceRight((sum, coefficient) => sum * t + coefficient, 0) * t * exp(-z * z);
  return x < 0 ? tail / 2 : 1 - tail / 2;
}
