import type { GoldenInput } from "./recipe";

/** A float32 batch `[rows, features]` of the input `features`. */
export function featureBatch(rows: readonly Float64Array[]): GoldenInput[] {
  const width = rows[0]?.length ?? 0;
  const values = Float32Array.from(rows.flatMap((row) => [...row]));
  return [{ name: "features", dtype: "float32", dims: [rows.length, width], bytes: new Uint8Array(values.buffer) }];
}

/** `count` elements spread evenly over the list, the first included. */
export function spread<T>(list: readonly T[], count: number): T[] {
  const step = Math.floor(list.length / count);
  return list.filter((_, index) => index % step === 0).slice(0, count);
}
