import type { AdmissionLimits } from "./limits";
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxOpset, OnnxTensor } from "./model";
import { type OnnxReason, reason } from "./refusal";

/** Their outputs differ from run to run, and even a seeded one goes on from its state in the next run of a session. */
const RANDOM_OPERATORS: ReadonlySet<string> = new Set([
  "Bernoulli",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/** The value field that each `AttributeProto.AttributeType` promises. */
const FIELD_OF_TYPE: readonly number[] = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 22, 23, 14, 15];
const LIST_TYPES: ReadonlySet<number> = new Set([6, 7, 8, 9, 10, 12, 14]);
/** Numbers and strings whose value is zero or empty may be left out by writers that follow proto3. */
const ZERO_MAY_BE_ABSENT: ReadonlySet<number> = new Set([1, 2, 3]);

export interface NodeCheck {
  readonly node: OnnxNode;
  /** The graph that holds the node. */
  readonly graph: OnnxGraph;
  readonly opsets: readonly OnnxOpset[];
  readonly limits: AdmissionLimits;
}

/** Checks one node without its subgraphs: domain, operator set, determinism and the form of its attributes. */
export function checkNode(check: NodeCheck): OnnxReason | undefined {
  const { node, opsets, limits } = check;
  if (node.domain !== "" && !limits.extraDomains.includes(node.domain)) {
    return reason("ONNX_DOMAIN", `operator ${node.opType} of domain ${node.domain}`);
  }
  if (node.overload !== "") return reason("ONNX_FUNCTION", `overload ${node.overload} of ${node.opType}`);
  const opset = opsets.find(({ domain }) => domain === node.domain);
  if (opset === undefined) return reason("ONNX_OPSET_MISSING", `domain "${node.domain}" of operator ${node.opType}`);
  if (node.domain === "" && RANDOM_OPERATORS.has(node.opType)) return reason("ONNX_OPERATOR_RANDOM", node.opType);
  if (node.domain === "" && node.opType === "Dropout" && mayTrain(check, opset.version)) {
    return reason("ONNX_OPERATOR_RANDOM", "Dropout that may be in training mode");
  }
  return checkAttributes(node);
}

/**
 * Dropout draws numbers in training mode. Up to opset 6 that is the default, up to 11 impossible, then the third input
 * says so; one that is not a constant false may be true.
 */
function mayTrain({ node, graph }: NodeCheck, version: number): boolean {
  if (version < 7) return !node.attributes.some(({ name, integer }) => name === "is_test" && integer !== 0);
  const mode = node.inputs[2];
  if (version < 12 || mode === undefined || mode === "") return false;
  const constant = graph.initialisers.find(({ name }) => name === mode) ?? constantOf(graph, mode);
  return constant === undefined || !isFalse(constant);
}

function constantOf(graph: OnnxGraph, output: string): OnnxTensor | undefined {
  const source = graph.nodes.find(({ opType, domain, outputs }) => opType === "Constant" && domain === "" && outputs[0] === output);
  return source?.attributes.find(({ name }) => name === "value")?.tensors[0];
}

/** Only the typed list is looked at, and one raw byte: a scalar bool has no other forms. */
function isFalse({ raw, rawFirstByte, stored, int32Head }: OnnxTensor): boolean {
  if (raw !== undefined) return raw.stop - raw.start === 1 && rawFirstByte === 0;
  return stored.length === 1 && int32Head.length === 1 && int32Head[0] === 0;
}

function checkAttributes(node: OnnxNode): OnnxReason | undefined {
  const seen = new Set<string>();
  for (const attribute of node.attributes) {
    const where = `attribute ${attribute.name} of ${node.opType}`;
    // Readers differ in which of the two they take.
    if (seen.has(attribute.name)) return reason("ONNX_NAME_REPEATED", where);
    seen.add(attribute.name);
    if (attribute.isReference) return reason("ONNX_ATTRIBUTE_REFERENCE", where);
    if (attribute.valueFields.has(22) || attribute.valueFields.has(23)) return reason("ONNX_SPARSE_TENSOR", where);
    if (!hasDeclaredValue(attribute)) return reason("ONNX_ATTRIBUTE_TYPE", `${where} has type ${attribute.type}`);
  }
  return undefined;
}

/** A list may be empty, and then its field is absent. */
function hasDeclaredValue({ type, valueFields }: OnnxAttribute): boolean {
  const field = FIELD_OF_TYPE[type];
  if (field === undefined || field === 0) return false;
  if (valueFields.size === 0) return LIST_TYPES.has(type) || ZERO_MAY_BE_ABSENT.has(type);
  return valueFields.size === 1 && valueFields.has(field);
}
