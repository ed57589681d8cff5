import type { AdmissionLimits } from "./limits";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "./model";
import { type OnnxReason, reason } from "./refusal";
import type { Span } from "./wire";

/** For every tree node, the positions of the nodes under it; or why there is no such list. */
type Children = { readonly ok: true; readonly below: readonly (readonly number[])[] } | { readonly ok: false; readonly reason: OnnxReason };

const TREE_OPERATORS: ReadonlySet<string> = new Set(["TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor"]);

export interface TreeCheck {
  readonly node: OnnxNode;
  readonly limits: AdmissionLimits;
  readonly bytes: Uint8Array;
}

export function isTreeEnsemble(node: OnnxNode): boolean {
  return node.domain === "ai.onnx.ml" && TREE_OPERATORS.has(node.opType);
}

/** Nodes of the ensemble, to be summed over the model before any of them is walked. */
export function treeNodeCount(node: OnnxNode): number {
  return integersOf(node, "nodes_truenodeids").length;
}

/**
 * Checks that the trees of an ensemble are trees: lists of one length, every child present, no node with two parents, no
 * cycle, and bounded depth. onnxruntime builds and walks them by recursion: 200,000 levels end its process at load.
 */
export function checkTrees(check: TreeCheck): OnnxReason | undefined {
  const children = check.node.opType === "TreeEnsemble" ? childrenByPosition(check.node) : childrenById(check);
  if (!children.ok) return children.reason;
  return checkForest(children.below, check.limits.maxTreeDepth);
}

/** Level by level from the roots, so that a hostile tree does not overflow our own stack. */
function checkForest(below: readonly (readonly number[])[], maxDepth: number): OnnxReason | undefined {
  const hasParent = new Uint8Array(below.length);
  for (const children of below) {
    for (const child of children) {
      if (hasParent[child] === 1) return reason("ONNX_TREE_MALFORMED", `tree node ${child} has two parents`);
      hasParent[child] = 1;
    }
  }
  let level = [...below.keys()].filter((at) => hasParent[at] === 0);
  let visited = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) return reason("ONNX_TREE_TOO_DEEP", `more than ${maxDepth} levels`);
    visited += level.length;
    level = level.flatMap((at) => below[at] ?? []);
  }
  // With one parent each, what no root reaches runs in a circle.
  return visited === below.length ? undefined : reason("ONNX_TREE_MALFORMED", `${below.length - visited} tree nodes in a cycle`);
}

/** `TreeEnsembleClassifier` and `-Regressor`: a node is named by (tree, id), and the links of a LEAF mean nothing. */
function childrenById({ node, bytes }: TreeCheck): Children {
  const trees = integersOf(node, "nodes_treeids");
  const ids = integersOf(node, "nodes_nodeids");
  const yes = integersOf(node, "nodes_truenodeids");
  const no = integersOf(node, "nodes_falsenodeids");
  const modes = attributeOf(node, "nodes_modes")?.strings ?? [];
  if ([trees, yes, no, modes].some((list) => list.length !== ids.length)) return malformed("lists of different lengths");
  const positions = new Map<string, number>();
  for (let at = 0; at < ids.length; at += 1) positions.set(`${trees[at]}:${ids[at]}`, at);
  if (positions.size !== ids.length) return malformed("two nodes with one id");
  const below: number[][] = [];
  for (let at = 0; at < ids.length; at += 1) {
    const left = positions.get(`${trees[at]}:${yes[at]}`);
    const right = positions.get(`${trees[at]}:${no[at]}`);
    // The length of `modes` was compared above.
    if (isLeaf(bytes, modes[at] as Span)) below.push([]);
    else if (left === undefined || right === undefined) return malformed(`node ${at} lacks a child`);
    else below.push([left, right]);
  }
  return { ok: true, below };
}

/** `TreeEnsemble` of ai.onnx.ml 5: all listed nodes are inner ones; links are positions among them or among the leaves. */
function childrenByPosition(node: OnnxNode): Children {
  const yes = integersOf(node, "nodes_truenodeids");
  const no = integersOf(node, "nodes_falsenodeids");
  const yesLeaf = integersOf(node, "nodes_trueleafs");
  const noLeaf = integersOf(node, "nodes_falseleafs");
  if ([no, yesLeaf, noLeaf].some((list) => list.length !== yes.length)) return malformed("lists of different lengths");
  const leaves = leafCount(node);
  const below: number[][] = [];
  for (let at = 0; at < yes.length; at += 1) {
    const inner: number[] = [];
    for (const [targets, leaf] of [[yes, yesLeaf], [no, noLeaf]] as const) {
      // All four lists have one length, compared above.
      const target = targets[at] as number;
      const isInner = leaf[at] === 0;
      if (target < 0 || target >= (isInner ? yes.length : leaves)) return malformed(`node ${at} lacks a child`);
      if (isInner) inner.push(target);
    }
    below.push(inner);
  }
  const roots = integersOf(node, "tree_roots");
  if (roots.some((root) => root < 0 || root >= yes.length)) return malformed("a root that is no node");
  return { ok: true, below };
}

function leafCount(node: OnnxNode): number {
  const weights: OnnxTensor | undefined = attributeOf(node, "leaf_weights")?.tensors[0];
  return Math.max(weights?.dims[0] ?? 0, integersOf(node, "leaf_targetids").length);
}

/** "LEAF" in ASCII. */
function isLeaf(bytes: Uint8Array, { start, stop }: Span): boolean {
  return stop - start === 4 && bytes[start] === 0x4c && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x41 && bytes[start + 3] === 0x46;
}

function attributeOf(node: OnnxNode, name: string): OnnxAttribute | undefined {
  return node.attributes.find((attribute) => attribute.name === name);
}

function integersOf(node: OnnxNode, name: string): readonly number[] {
  return attributeOf(node, name)?.integers ?? [];
}

function malformed(detail: string): Children {
  return { ok: false, reason: reason("ONNX_TREE_MALFORMED", detail) };
}
