import type { OnnxGraph, OnnxNode } from "./model";
import { type OnnxReason, reason } from "./refusal";

/** What a graph may use from the graphs around it, innermost first in `has`. */
interface Scope {
  has(name: string): boolean;
}

const NOTHING: Scope = { has: () => false };

/**
 * Checks that every value of a graph and of its subgraphs has one source (SSA), that every used name has a source, and
 * that nodes do not depend on each other in a circle.
 */
export function checkNames(graph: OnnxGraph, outer: Scope = NOTHING): OnnxReason | undefined {
  const given = new Set<string>();
  for (const { name } of graph.inputs) {
    if (given.has(name)) return reason("ONNX_NAME_REPEATED", `input ${name}`);
    given.add(name);
  }
  const stored = new Set<string>();
  for (const { name } of graph.initialisers) {
    if (stored.has(name)) return reason("ONNX_NAME_REPEATED", `initialiser ${name}`);
    stored.add(name);
  }
  const producer = new Map<string, number>();
  for (const [index, node] of graph.nodes.entries()) {
    for (const name of node.outputs) {
      if (name === "") continue;
      if (producer.has(name) || given.has(name) || stored.has(name)) return reason("ONNX_NAME_REPEATED", `output ${name} of ${node.opType}`);
      producer.set(name, index);
    }
  }
  const inside: Scope = { has: (name) => given.has(name) || stored.has(name) || producer.has(name) || outer.has(name) };
  return checkUses(graph, inside) ?? checkCycles(graph.nodes, producer);
}

function checkUses(graph: OnnxGraph, scope: Scope): OnnxReason | undefined {
  for (const node of graph.nodes) {
    const missing = node.inputs.find((name) => name !== "" && !scope.has(name));
    if (missing !== undefined) return reason("ONNX_NAME_UNDEFINED", `input ${missing} of ${node.opType}`);
    for (const inner of subgraphs(node)) {
      const found = checkNames(inner, scope);
      if (found !== undefined) return found;
    }
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (outputs.has(name)) return reason("ONNX_NAME_REPEATED", `output ${name}`);
    outputs.add(name);
    if (!scope.has(name)) return reason("ONNX_NAME_UNDEFINED", `output ${name}`);
  }
  return undefined;
}

/** Kahn's algorithm: takes nodes away whose sources are all taken; what is left depends on itself. */
function checkCycles(nodes: readonly OnnxNode[], producer: ReadonlyMap<string, number>): OnnxReason | undefined {
  const users: number[][] = nodes.map(() => []);
  const open = nodes.map((node, index) => {
    const sources = new Set<number>();
    for (const name of usedNames(node)) {
      const source = producer.get(name);
      if (source !== undefined) sources.add(source);
    }
    // Each source is the index of a node, and `users` has one list for every node.
    for (const source of sources) (users[source] as number[]).push(index);
    return sources.size;
  });
  const ready = [...open.keys()].filter((index) => open[index] === 0);
  // The list grows while it is walked.
  for (const index of ready) {
    for (const user of users[index] ?? []) {
      open[user] = (open[user] as number) - 1; // `user` is the index of a node.
      if (open[user] === 0) ready.push(user);
    }
  }
  return ready.length === nodes.length ? undefined : reason("ONNX_GRAPH_CYCLE", `${nodes.length - ready.length} nodes`);
}

/** The names a node reads, with those that its subgraphs take from outside or define themselves; both are harmless. */
function* usedNames(node: OnnxNode): Generator<string> {
  yield* node.inputs;
  for (const graph of subgraphs(node)) {
    const own = new Set([...graph.inputs, ...graph.initialisers].map(({ name }) => name));
    for (const inner of graph.nodes) for (const name of inner.outputs) own.add(name);
    for (const inner of graph.nodes) for (const name of usedNames(inner)) if (!own.has(name)) yield name;
    for (const { name } of graph.outputs) if (!own.has(name)) yield name;
  }
}

export function* subgraphs(node: OnnxNode): Generator<OnnxGraph> {
  for (const attribute of node.attributes) yield* attribute.graphs;
}
