import type { Budget } from "./limits";
import type { OnnxTensor, TypedField } from "./model";
import { DIMENSION, TENSOR } from "./schema";
import { type FieldValue, type Span, type Wire, demandInt32 } from "./wire";

/** What every reader of a message needs. */
export interface ReadContext {
  readonly wire: Wire;
  readonly budget: Budget;
}

const TYPED_FIELDS: Readonly<Record<number, TypedField>> = { 4: "float", 5: "int32", 6: "string", 7: "int64", 10: "double", 11: "uint64" };
const INT32_DATA = 5;
const INT32_HEAD_LENGTH = 16;

/** Reads a `TensorProto`: its shape, and how much data it holds and where. The data itself stays in the file. */
export function readTensor(context: ReadContext, span: Span): OnnxTensor {
  const { wire, budget } = context;
  budget.object();
  const dims: number[] = [];
  const counts = new Map<TypedField, number>();
  const int32Head: number[] = [];
  let name = "";
  let dtype = 0;
  let raw: Span | undefined;
  let isExternal = false;
  let isSegmented = false;
  wire.walk(TENSOR, span, (value) => {
    switch (value.number) {
      case 1:
        readIntegers(context, value, (dim) => dims.push(dim));
        break;
      case 2:
        dtype = value.integer;
        break;
      case 3:
        isSegmented = true;
        break;
      case 8:
        name = wire.text(value.span);
        break;
      case 9:
        raw = value.span;
        break;
      case 13:
        isExternal = true;
        break;
      case 14:
        // Any location but DEFAULT: an unknown one would be kept as an unknown field by protobuf.
        if (value.integer !== 0) isExternal = true;
        break;
      default: {
        const field = TYPED_FIELDS[value.number];
        if (field !== undefined) counts.set(field, (counts.get(field) ?? 0) + storedCount(context, value, field));
        if (value.number === INT32_DATA) keepHead(context, value, int32Head);
      }
    }
  });
  const stored = [...counts].map(([field, count]) => ({ field, count }));
  const rawFirstByte = raw === undefined ? undefined : wire.bytes[(raw as Span).start];
  return { name, dtype, dims, raw, rawFirstByte, stored, int32Head, isExternal, isSegmented };
}

/** The elements that one occurrence of a typed field adds; a packed list of varints is checked to its end. */
function storedCount({ wire }: ReadContext, value: FieldValue, field: TypedField): number {
  if (!value.packed) return 1;
  if (field === "float") return (value.span.stop - value.span.start) / 4;
  if (field === "double") return (value.span.stop - value.span.start) / 8;
  let count = 0;
  wire.packedIntegers(value.span, (integer) => {
    if (field === "int32") demandInt32(integer);
    count += 1;
  });
  return count;
}

function keepHead({ wire }: ReadContext, value: FieldValue, head: number[]): void {
  if (!value.packed) {
    if (head.length < INT32_HEAD_LENGTH) head.push(value.integer);
  } else if (value.span.stop - value.span.start <= INT32_HEAD_LENGTH) {
    wire.packedIntegers(value.span, (integer) => head.push(integer));
  }
}

/** Calls `each` for one occurrence of a repeated integer field, packed or not, and charges the budget. */
export function readIntegers({ wire, budget }: ReadContext, value: FieldValue, each: (integer: number) => void): void {
  const charged = (integer: number): void => {
    budget.integer();
    each(integer);
  };
  if (value.packed) wire.packedIntegers(value.span, charged);
  else charged(value.integer);
}

/** Reads a dimension of a shape. @returns a number, a symbol or null; of several settings protobuf takes the last. */
export function readDimension({ wire, budget }: ReadContext, span: Span): number | string | null {
  budget.object();
  let dimension: number | string | null = null;
  wire.walk(DIMENSION, span, (value) => {
    if (value.number === 1) dimension = value.integer;
    else if (value.number === 2) dimension = wire.text(value.span);
  });
  return dimension;
}
