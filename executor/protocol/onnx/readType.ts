import type { OnnxDimension, OnnxTypeKind, OnnxValue } from "./model";
import { type ReadContext, readDimension } from "./readTensor";
import { OnnxRefusal } from "./refusal";
import { ELEMENT_TYPE, MAP_TYPE, SHAPE, TENSOR_TYPE, TYPE, VALUE_INFO } from "./schema";
import type { Span } from "./wire";

type ReadType = Omit<OnnxValue, "name">;

const NO_TYPE: ReadType = { kind: "none", dtype: 0, dims: undefined };
const KINDS: Readonly<Record<number, OnnxTypeKind>> = { 1: "tensor", 4: "sequence", 5: "map", 7: "opaque", 8: "sparse", 9: "optional" };

export function readValue(context: ReadContext, span: Span): OnnxValue {
  const { wire, budget } = context;
  budget.object();
  let name = "";
  let type = NO_TYPE;
  wire.walk(VALUE_INFO, span, (value) => {
    if (value.number === 1) name = wire.text(value.span);
    else if (value.number === 2) type = readType(context, value.span, 0);
  });
  return { name, ...type };
}

/** Reads a `TypeProto`. Types nest without end (a sequence of sequences of …), so their depth has the subgraphs' limit. */
export function readType(context: ReadContext, span: Span, level: number): ReadType {
  context.budget.object();
  context.budget.depth(level);
  let type = NO_TYPE;
  context.wire.walk(TYPE, span, (value) => {
    const kind = KINDS[value.number];
    if (kind === undefined) return;
    // One of a oneof: protobuf keeps the last, another reader the first.
    if (type.kind !== "none") throw new OnnxRefusal("ONNX_FIELD_REPEATED", `TypeProto is both ${type.kind} and ${kind}`);
    type = kind === "tensor" ? readTensorType(context, value.span) : { ...NO_TYPE, kind };
    if (kind === "sequence" || kind === "optional") readInner({ context, span: value.span, level, field: 1 });
    if (kind === "map") readInner({ context, span: value.span, level, field: 2 });
  });
  return type;
}

/** The element type of a container: only its shape as a message is of interest. */
function readInner(inner: { context: ReadContext; span: Span; level: number; field: 1 | 2 }): void {
  const { context, span, level, field } = inner;
  context.wire.walk(field === 1 ? ELEMENT_TYPE : MAP_TYPE, span, (value) => {
    if (value.number === field) readType(context, value.span, level + 1);
  });
}

function readTensorType(context: ReadContext, span: Span): ReadType {
  let dtype = 0;
  let dims: OnnxDimension[] | undefined;
  context.wire.walk(TENSOR_TYPE, span, (value) => {
    if (value.number === 1) dtype = value.integer;
    else dims = readShape(context, value.span);
  });
  return { kind: "tensor", dtype, dims };
}

function readShape(context: ReadContext, span: Span): OnnxDimension[] {
  const dims: OnnxDimension[] = [];
  context.wire.walk(SHAPE, span, (value) => dims.push(readDimension(context, value.span)));
  return dims;
}
