import { type AdmissionLimits, Budget } from "./limits";
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxOpset, OnnxTensor, OnnxValue } from "./model";
import { type ReadContext, readIntegers, readTensor } from "./readTensor";
import { readType, readValue } from "./readType";
import { OnnxRefusal } from "./refusal";
import { ATTRIBUTE, GRAPH, MODEL, NODE, OPSET } from "./schema";
import { type Span, Wire } from "./wire";

/**
 * Reads an ONNX file strictly: no unknown field, no repeated singular field, no padded varint, nothing beyond the limits.
 * Time and memory are bounded by the size of the file and by the limits, whatever the bytes are.
 * @throws OnnxRefusal, and nothing else
 */
export function readModel(bytes: Uint8Array, limits: AdmissionLimits): OnnxModel {
  if (bytes.length === 0) throw new OnnxRefusal("ONNX_EMPTY", "0 bytes");
  if (bytes.length > limits.maxBytes) throw new OnnxRefusal("ONNX_TOO_LARGE", `${bytes.length} bytes, at most ${limits.maxBytes}`);
  demandProtobuf(bytes);
  const context: ReadContext = { wire: new Wire(bytes), budget: new Budget(limits) };
  const opsets: OnnxOpset[] = [];
  let irVersion: number | undefined;
  let graph: OnnxGraph | undefined;
  let functionCount = 0;
  let trainingInfoCount = 0;
  context.wire.walk(MODEL, context.wire.whole, (value) => {
    if (value.number === 1) irVersion = value.integer;
    else if (value.number === 7) graph = readGraph(context, value.span, 0);
    else if (value.number === 8) opsets.push(readOpset(context, value.span));
    else if (value.number === 20) trainingInfoCount += 1;
    else if (value.number === 25) functionCount += 1;
  });
  return { irVersion, opsets, graph, functionCount, trainingInfoCount };
}

/**
 * onnxruntime takes bytes with "ORTM" at offset 4 for a flatbuffer of its own format and never looks at the ONNX.
 * A file can be both at once, and what was admitted would not be what runs.
 */
function demandProtobuf(bytes: Uint8Array): void {
  if (bytes[4] === 0x4f && bytes[5] === 0x52 && bytes[6] === 0x54 && bytes[7] === 0x4d) {
    throw new OnnxRefusal("ONNX_ORT_FORMAT", "ORTM at byte 4");
  }
}

function readOpset(context: ReadContext, span: Span): OnnxOpset {
  const { wire, budget } = context;
  budget.object();
  let domain = "";
  let version = 0;
  wire.walk(OPSET, span, (value) => {
    if (value.number === 1) domain = canonicalDomain(wire.text(value.span));
    else version = value.integer;
  });
  return { domain, version };
}

/** onnxruntime treats both names of ONNX's own domain alike. */
function canonicalDomain(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

function readGraph(context: ReadContext, span: Span, level: number): OnnxGraph {
  const { wire, budget } = context;
  budget.depth(level);
  const nodes: OnnxNode[] = [];
  const initialisers: OnnxTensor[] = [];
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  let sparseInitialiserCount = 0;
  wire.walk(GRAPH, span, (value) => {
    if (value.number === 1) nodes.push(readNode(context, value.span, level));
    else if (value.number === 5) initialisers.push(readTensor(context, value.span));
    else if (value.number === 11) inputs.push(readValue(context, value.span));
    else if (value.number === 12) outputs.push(readValue(context, value.span));
    else if (value.number === 13) readValue(context, value.span);
    else if (value.number === 15) sparseInitialiserCount += 1;
  });
  return { nodes, initialisers, sparseInitialiserCount, inputs, outputs };
}

function readNode(context: ReadContext, span: Span, level: number): OnnxNode {
  const { wire, budget } = context;
  budget.node();
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: OnnxAttribute[] = [];
  let opType = "";
  let domain = "";
  let overload = "";
  wire.walk(NODE, span, (value) => {
    if (value.number <= 2) {
      budget.object();
      (value.number === 1 ? inputs : outputs).push(wire.text(value.span));
    } else if (value.number === 4) opType = wire.text(value.span);
    else if (value.number === 5) attributes.push(readAttribute(context, value.span, level));
    else if (value.number === 7) domain = canonicalDomain(wire.text(value.span));
    else if (value.number === 8) overload = wire.text(value.span);
  });
  return { opType, domain, overload, inputs, outputs, attributes };
}

/** The value fields of an attribute; of the others (`name`, `doc_string`, `type`, `ref_attr_name`) none is a value. */
const VALUE_FIELDS: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 22, 23]);

function readAttribute(context: ReadContext, span: Span, level: number): OnnxAttribute {
  const { wire, budget } = context;
  budget.object();
  const valueFields = new Set<number>();
  const integers: number[] = [];
  const strings: Span[] = [];
  const tensors: OnnxTensor[] = [];
  const graphs: OnnxGraph[] = [];
  let name = "";
  let type = 0;
  let integer = 0;
  let isReference = false;
  wire.walk(ATTRIBUTE, span, (value) => {
    if (VALUE_FIELDS.has(value.number)) valueFields.add(value.number);
    switch (value.number) {
      case 1:
        name = wire.text(value.span);
        break;
      case 3:
        integer = value.integer;
        break;
      case 5:
      case 10:
        tensors.push(readTensor(context, value.span));
        break;
      case 6:
      case 11:
        graphs.push(readGraph(context, value.span, level + 1));
        break;
      case 8:
        readIntegers(context, value, (element) => integers.push(element));
        break;
      case 9:
        budget.integer();
        strings.push(value.span);
        break;
      case 14:
      case 15:
        readType(context, value.span, 0);
        break;
      case 20:
        type = value.integer;
        break;
      case 21:
        isReference = value.span.stop > value.span.start;
        break;
    }
  });
  return { name, type, valueFields, integer, integers, strings, tensors, graphs, isReference };
}
