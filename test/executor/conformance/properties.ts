import type { ConformanceSet } from "../../../executor/conformance/cases";
import type { Tensor } from "../../../executor/protocol/tensor";
import type { TensorSignature } from "../../../executor/protocol/tensorSignature";
import { DType, elementBytes, type NumericDType } from "../../../executor/protocol/tensorType";

/** A case as its files have it. */
export interface SeenCase {
  readonly signature: TensorSignature;
  readonly sets: readonly ConformanceSet[];
  readonly files: readonly string[];
}

type Property = readonly [string, (seen: SeenCase) => boolean];

const FLOATS = [
  { name: "float", dtype: DType.float, infinity: 0x7f800000n, nan: 0x7fc00000n, fraction: 23n },
  { name: "double", dtype: DType.double, infinity: 0x7ff0000000000000n, nan: 0x7ff8000000000000n, fraction: 52n },
  { name: "float16", dtype: DType.float16, infinity: 0x7c00n, nan: 0x7e00n, fraction: 10n },
] as const;

/** The elements as the unsigned numbers that their bits are. */
function bitsOf(tensor: Tensor): bigint[] {
  if (tensor.dtype === DType.string) return [];
  const width = elementBytes(tensor.dtype);
  return Array.from({ length: tensor.data.length / width }, (_, at) => {
    let bits = 0n;
    for (let i = width - 1; i >= 0; i -= 1) bits = (bits << 8n) | BigInt(tensor.data[at * width + i] as number);
    return bits;
  });
}

const given = ({ sets }: SeenCase): Tensor[] => sets.flatMap(({ inputs }) => inputs.map(({ tensor }) => tensor));
const answered = ({ sets }: SeenCase): Tensor[] => sets.flatMap(({ outputs }) => outputs.map(({ tensor }) => tensor));

/** An element of the type, going in and coming out, for which this holds. */
const both =
  (dtype: NumericDType, holds: (bits: bigint, width: bigint) => boolean) =>
  (seen: SeenCase): boolean =>
    [given(seen), answered(seen)].every((list) =>
      list.some(
        (tensor) =>
          tensor.dtype === dtype && bitsOf(tensor).some((bits) => holds(bits, BigInt(8 * elementBytes(dtype)))),
      ),
    );

const text = (holds: (text: string) => boolean) => (seen: SeenCase) =>
  [given(seen), answered(seen)].every((list) =>
    list.some((tensor) => tensor.dtype === DType.string && tensor.strings.some(holds)),
  );

const names = ({ signature }: SeenCase): string[] =>
  [...signature.inputs, ...signature.outputs].map(({ name }) => name);
const named = (holds: (name: string) => boolean) => (seen: SeenCase) => names(seen).some(holds);

const inAndOut = (holds: (tensor: Tensor) => boolean) => (seen: SeenCase) =>
  given(seen).some(holds) && answered(seen).some(holds);

const magnitude = (bits: bigint, width: bigint): bigint => BigInt.asUintN(Number(width) - 1, bits);

/** What the issue "Every tensor" asks a case of its own for, each read from the data and not from a case's name. */
export const PROPERTIES: readonly Property[] = [
  ...Object.entries(DType).flatMap(([name, dtype]): Property[] => [
    [`${name}, in and out`, inAndOut((tensor) => tensor.dtype === dtype && !tensor.dims.includes(0))],
    [`a scalar ${name}`, inAndOut((tensor) => tensor.dtype === dtype && tensor.dims.length === 0)],
    [`a ${name} of zero size`, inAndOut((tensor) => tensor.dtype === dtype && tensor.dims.includes(0))],
    [`a ${name} of rank 8`, inAndOut((tensor) => tensor.dtype === dtype && tensor.dims.length === 8)],
  ]),
  ...FLOATS.flatMap(({ name, dtype, infinity, nan, fraction }): Property[] => [
    [
      `NaNs of ${name} with several payloads, one of them coming out`,
      (seen) => {
        const isNan = (bits: bigint): boolean => magnitude(bits, BigInt(8 * elementBytes(dtype))) > infinity;
        const payloads = given(seen).flatMap((tensor) => (tensor.dtype === dtype ? bitsOf(tensor).filter(isNan) : []));
        const out = answered(seen).flatMap((tensor) => (tensor.dtype === dtype ? bitsOf(tensor).filter(isNan) : []));
        return new Set(payloads).size >= 4 && out.length > 0 && out.every((bits) => bits === nan);
      },
    ],
    [`-0 of ${name}`, both(dtype, (bits, width) => bits === 1n << (width - 1n))],
    [
      `denormals of ${name}`,
      both(dtype, (bits, width) => magnitude(bits, width) > 0n && magnitude(bits, width) < 1n << fraction),
    ],
    [`infinity of ${name}`, both(dtype, (bits) => bits === infinity)],
    [`minus infinity of ${name}`, both(dtype, (bits, width) => bits > infinity && magnitude(bits, width) === infinity)],
  ]),
  [
    "int64 beyond 2^53, both ways",
    (seen) =>
      both(DType.int64, (bits) => BigInt.asIntN(64, bits) > 2n ** 53n)(seen) &&
      both(DType.int64, (bits) => BigInt.asIntN(64, bits) < -(2n ** 53n))(seen),
  ],
  ["uint64 at 2^64 - 1", both(DType.uint64, (bits) => bits === 2n ** 64n - 1n)],
  ["an empty string", text((each) => each === "")],
  ["a string of several bytes a character", text((each) => /[\u{10000}-\u{10ffff}]/u.test(each))],
  ["a string with a byte order mark", text((each) => each.startsWith("\ufeff"))],
  ["a long string", text((each) => each.length > 2_000)],
  [
    "dynamic shapes, with sets of different shapes",
    ({ signature, sets }) =>
      signature.inputs.some(
        ({ dims }, i) =>
          dims.includes(null) && new Set(sets.map(({ inputs }) => inputs[i]?.tensor.dims.join())).size >= 3,
      ),
  ],
  ["several inputs", ({ signature }) => signature.inputs.length >= 3],
  ["no input", ({ signature }) => signature.inputs.length === 0],
  ["several outputs", ({ signature }) => signature.outputs.length >= 3],
  ["a name with a space", named((name) => name.includes(" "))],
  ["a name outside of ASCII", named((name) => /[^\p{ASCII}]/u.test(name))],
  ["a name with dots and slashes", named((name) => name.includes(".") && name.includes("/"))],
  ["a name of 255 bytes", named((name) => Buffer.byteLength(name) === 255)],
  ["an input called __proto__", ({ signature }) => signature.inputs.some(({ name }) => name === "__proto__")],
  ["an output called __proto__", ({ signature }) => signature.outputs.some(({ name }) => name === "__proto__")],
  ["an output called constructor", ({ signature }) => signature.outputs.some(({ name }) => name === "constructor")],
  ["tensors without names", ({ sets }) => sets.some(({ inputs }) => inputs.some(({ name }) => name === ""))],
];
