import fc from "fast-check";
import type { Tensor } from "../../../executor/protocol/tensor";
import type { NamedTensor } from "../../../executor/protocol/tensorSet";
import { DType, elementBytes, type NumericDType } from "../../../executor/protocol/tensorType";

/** Every property runs on these seeds, so that a failure repeats itself. */
export const SEED = 20_261_121;

const dims = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 });
const product = (shape: readonly number[]): number => shape.reduce((count, dim) => count * dim, 1);

const numericTypes = Object.values(DType).filter((dtype): dtype is NumericDType => dtype !== DType.string);

const numericTensor: fc.Arbitrary<Tensor> = fc.tuple(fc.constantFrom(...numericTypes), dims).chain(([dtype, shape]) => {
  const length = product(shape) * elementBytes(dtype);
  const byte = dtype === DType.bool ? fc.integer({ min: 0, max: 1 }) : fc.integer({ min: 0, max: 255 });
  return fc
    .array(byte, { minLength: length, maxLength: length })
    .map((bytes) => ({ dtype, dims: shape, data: Uint8Array.from(bytes) }));
});

const text = fc.string({ unit: "binary", maxLength: 40 }).map((value) => value.replaceAll("\0", "0"));

const textTensor: fc.Arbitrary<Tensor> = dims.chain((shape) =>
  fc
    .array(text, { minLength: product(shape), maxLength: product(shape) })
    .map((strings) => ({ dtype: DType.string, dims: shape, strings })),
);

/** Tensors of every type, with random bits (any NaN included) and up to five dimensions of 0 to 4. */
export const anyTensor: fc.Arbitrary<Tensor> = fc.oneof({ weight: 4, arbitrary: numericTensor }, textTensor);

const name = fc.string({ unit: "binary", minLength: 1, maxLength: 60 });

export const anySet: fc.Arbitrary<NamedTensor[]> = fc.uniqueArray(fc.record({ name, tensor: anyTensor }), {
  selector: (item) => item.name,
  maxLength: 4,
});

/** One byte changed, inserted or removed: near misses, which reach deeper than random bytes do. */
export function mutate(bytes: Uint8Array, change: { kind: number; at: number; byte: number }): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(change.byte);
  const at = change.at % bytes.length;
  const tail = change.kind === 1 ? at : at + 1; // 0 replaces, 1 inserts, 2 removes.
  const middle = change.kind === 2 ? [] : [change.byte];
  return Uint8Array.of(...bytes.subarray(0, at), ...middle, ...bytes.subarray(tail));
}

export const anyChange = fc.record({
  kind: fc.integer({ min: 0, max: 2 }),
  at: fc.nat(10_000),
  byte: fc.oneof(fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 255 })),
});
