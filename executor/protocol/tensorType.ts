/** The ONNX numbers (`TensorProto.DataType`) of the element types that onnxruntime-node carries. */
export const DType = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
} as const;

export type DTypeName = keyof typeof DType;
export type DType = (typeof DType)[DTypeName];
export type StringDType = typeof DType.string;
export type NumericDType = Exclude<DType, StringDType>;

/** Bytes of one element, by type number; 0 where there is no fixed width (string) or no such type. */
const WIDTHS: readonly number[] = [0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8];
const NAMES = Object.keys(DType) as readonly DTypeName[];

export function isDType(value: number): value is DType {
  return Number.isInteger(value) && value >= 1 && value <= 13;
}

/** Bytes of one element; 0 for strings. */
export function elementBytes(dtype: DType): number {
  return WIDTHS[dtype] as number; // The table covers every DType.
}

/** The ONNX name of the type, in lower case: `float`, `int64`, `double` … */
export function dtypeName(dtype: DType): DTypeName {
  return NAMES[dtype - 1] as DTypeName; // DType lists its names in the order of their numbers, 1..13.
}

export const MAX_RANK = 8;
/** The most elements of a tensor: keeps every length below 2^31 and a hostile head cheap to refuse. */
export const MAX_ELEMENTS = 2 ** 24;
