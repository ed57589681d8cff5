import type { TensorSignature } from "../tensorSignature";
import { checkTensor } from "./checkTensor";
import { type AdmissionLimits, DEFAULT_LIMITS } from "./limits";
import type { OnnxGraph, OnnxModel } from "./model";
import { checkNames, subgraphs } from "./names";
import { checkNode } from "./operators";
import { readModel } from "./readModel";
import { type OnnxReason, OnnxRefusal, reason } from "./refusal";
import { signatureOf } from "./signature";
import { checkTrees, isTreeEnsemble, treeNodeCount } from "./trees";

export type AdmissionVerdict = { readonly ok: true; readonly signature: TensorSignature } | { readonly ok: false; readonly reason: OnnxReason };

/** The IR versions that onnxruntime 1.30 loads; version 3 brought operator sets, without which nothing has a meaning. */
const MIN_IR_VERSION = 3;
const MAX_IR_VERSION = 13;

/**
 * Decides from the bytes alone whether a runner may load a model, and what it takes and gives.
 * Never throws, whatever the bytes are. What only running can show (endless loops, memory) is left to the runner's
 * limits; onnxruntime's own metadata should be compared with the signature as a second, independent reading.
 */
export function admit(bytes: Uint8Array, limits: AdmissionLimits = DEFAULT_LIMITS): AdmissionVerdict {
  const reading = readForAdmission(bytes, limits);
  return reading.ok ? admitModel({ model: reading.model, bytes, limits }) : reading;
}

export type Reading = { readonly ok: true; readonly model: OnnxModel } | { readonly ok: false; readonly reason: OnnxReason };

/** The strict reading as a value; any other exception is a defect of the reader and is not hidden. */
export function readForAdmission(bytes: Uint8Array, limits: AdmissionLimits): Reading {
  try {
    return { ok: true, model: readModel(bytes, limits) };
  } catch (error) {
    if (error instanceof OnnxRefusal) return { ok: false, reason: error.reason };
    throw error;
  }
}

export interface ModelCheck {
  readonly model: OnnxModel;
  /** The file that the model was read from. */
  readonly bytes: Uint8Array;
  readonly limits: AdmissionLimits;
}

/** The rules that go beyond the form of the bytes. The cheap ones come first; the first that fails is the reason. */
export function admitModel(check: ModelCheck): AdmissionVerdict {
  const { graph } = check.model;
  if (graph === undefined) return { ok: false, reason: reason("ONNX_GRAPH_MISSING", "no field 7") };
  const found = checkModel(check.model) ?? checkTreeCount(check, graph) ?? checkGraph(check, graph) ?? checkNames(graph);
  return found === undefined ? signatureOf(graph) : { ok: false, reason: found };
}

function checkModel({ irVersion, opsets, functionCount, trainingInfoCount }: OnnxModel): OnnxReason | undefined {
  if (irVersion === undefined || irVersion < MIN_IR_VERSION || irVersion > MAX_IR_VERSION) {
    return reason("ONNX_IR_VERSION", `${irVersion}, supported are ${MIN_IR_VERSION} to ${MAX_IR_VERSION}`);
  }
  if (functionCount > 0) return reason("ONNX_FUNCTION", `${functionCount} functions`);
  if (trainingInfoCount > 0) return reason("ONNX_TRAINING_INFO", `${trainingInfoCount} entries`);
  const domains = new Set<string>();
  for (const { domain } of opsets) {
    if (domains.has(domain)) return reason("ONNX_OPSET_REPEATED", `domain "${domain}"`);
    domains.add(domain);
  }
  return undefined;
}

function checkTreeCount({ limits }: ModelCheck, graph: OnnxGraph): OnnxReason | undefined {
  const count = sumTrees(graph);
  return count > limits.maxTreeNodes ? reason("ONNX_TREE_TOO_LARGE", `${count} tree nodes, at most ${limits.maxTreeNodes}`) : undefined;
}

function sumTrees(graph: OnnxGraph): number {
  let count = 0;
  for (const node of graph.nodes) {
    if (isTreeEnsemble(node)) count += treeNodeCount(node);
    for (const inner of subgraphs(node)) count += sumTrees(inner);
  }
  return count;
}

/** Recursion here and in the other checks is as deep as the reader let subgraphs be. */
function checkGraph(check: ModelCheck, graph: OnnxGraph): OnnxReason | undefined {
  if (graph.sparseInitialiserCount > 0) return reason("ONNX_SPARSE_TENSOR", `${graph.sparseInitialiserCount} sparse initialisers`);
  for (const tensor of graph.initialisers) {
    const found = checkTensor(tensor);
    if (found !== undefined) return found;
  }
  for (const node of graph.nodes) {
    const { model, bytes, limits } = check;
    let found = checkNode({ node, graph, opsets: model.opsets, limits });
    if (found === undefined && isTreeEnsemble(node)) found = checkTrees({ node, bytes, limits });
    for (const tensor of node.attributes.flatMap(({ tensors }) => tensors)) found ??= checkTensor(tensor);
    for (const inner of subgraphs(node)) found ??= checkGraph(check, inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
