import type { Tensor } from "../protocol/tensor";
import type { NamedTensor } from "../protocol/tensorSet";
import { DType, dtypeName } from "../protocol/tensorType";
import { elementsOf, numbersOf } from "../protocol/tensorValues";

/** |actual - expected| <= absolute + relative * |expected|, as numpy's `allclose` has it. */
const TOLERANCE = { relative: 1e-3, absolute: 1e-5 };
const HALF_TOLERANCE = { relative: 1e-2, absolute: 2e-3 };
const FLOATS: readonly number[] = [DType.float, DType.double, DType.float16];

/**
 * The first difference between what came and what was expected, as a sentence; undefined where there is none.
 * Floats within the tolerance, everything else exactly; a NaN equals a NaN, an infinity itself.
 */
export function difference(actual: readonly NamedTensor[], expected: readonly NamedTensor[]): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} outputs came, ${expected.length} were expected`;
  for (const [i, { name, tensor: wanted }] of expected.entries()) {
    // A name that the case leaves out is no demand; one that it gives is looked up, since its order may be its own.
    const found = name === "" ? actual[i] : actual.find((output) => output.name === name);
    if (found === undefined) return `there is no output "${name}"`;
    const why = unlike(found.tensor, wanted);
    if (why !== undefined) return `output "${found.name}": ${why}`;
  }
  return undefined;
}

function unlike(actual: Tensor, expected: Tensor): string | undefined {
  if (actual.dtype !== expected.dtype) return `is ${dtypeName(actual.dtype)}, not ${dtypeName(expected.dtype)}`;
  if (actual.dims.join() !== expected.dims.join()) return `has shape [${actual.dims}], not [${expected.dims}]`;
  if (actual.dtype === DType.string || expected.dtype === DType.string) {
    const texts = expected.dtype === DType.string ? expected.strings : [];
    const at = (actual.dtype === DType.string ? actual.strings : []).findIndex((text, i) => text !== texts[i]);
    return at < 0 ? undefined : `element ${at} is another text`;
  }
  if (!FLOATS.includes(actual.dtype)) {
    const wanted = elementsOf(expected.dtype, expected) as ArrayLike<number | bigint>;
    const came = elementsOf(actual.dtype, actual) as ArrayLike<number | bigint>;
    const at = Array.from(came).findIndex((value, i) => value !== wanted[i]);
    return at < 0 ? undefined : `element ${at} is ${came[at]}, not ${wanted[at]}`;
  }
  const [came, wanted] = [numbersOf(actual), numbersOf(expected)];
  const { relative, absolute } = actual.dtype === DType.float16 ? HALF_TOLERANCE : TOLERANCE;
  const at = came.findIndex((value, i) => {
    const want = wanted[i] as number; // The shapes are equal.
    if (Object.is(value, want) || value === want) return false;
    return !(Math.abs(value - want) <= absolute + relative * Math.abs(want)) || !Number.isFinite(want);
  });
  return at < 0 ? undefined : `element ${at} is ${came[at]}, not ${wanted[at]}`;
}
