import type { NumericTensor } from "../protocol/tensor";
import { DType, type NumericDType } from "../protocol/tensorType";
import { tensorFrom } from "../protocol/tensorValues";

/** Values in row-major order; their number is the product of the dimensions, and a scalar has none. */
export type TensorOf<V> = (dims: readonly number[], values: ArrayLike<V>) => NumericTensor;

function maker<V extends number | bigint | boolean>(dtype: NumericDType): TensorOf<V> {
  return (dims, values) => tensorFrom({ dtype, dims, values: Array.from(values) });
}

/*
 * One for each element type that models take most often; `tensorFrom` makes the others.
 * Floats are rounded to the nearest of their type, integers must fit exactly.
 * Each throws ProtocolError `TENSOR_LENGTH_MISMATCH`, `TENSOR_VALUE_OUT_OF_RANGE`, `TENSOR_DIMENSION_INVALID`, `TENSOR_RANK_TOO_HIGH`, `TENSOR_TOO_LARGE`.
 */
export const float32 = maker<number>(DType.float);
export const float64 = maker<number>(DType.double);
export const int32 = maker<number>(DType.int32);
export const int64 = maker<number | bigint>(DType.int64);
export const uint8 = maker<number>(DType.uint8);
export const bool = maker<boolean>(DType.bool);
