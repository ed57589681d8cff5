import { createHash } from "node:crypto";
import { type Hex32, hex32 } from "../../domain/ids";
import { cidFromSha256 } from "../cid";
import type { TensorSignature } from "../tensorSignature";
import { admitModel, readForAdmission } from "./admission";
import { type AdmissionLimits, DEFAULT_LIMITS } from "./limits";
import type { OnnxGraph, OnnxModel, OnnxOpset } from "./model";
import { subgraphs } from "./names";
import type { OnnxReason } from "./refusal";

/** What can be said about the content of a file that is readable as ONNX, admitted or not. */
export interface ModelContent {
  readonly irVersion: number | undefined;
  readonly opsets: readonly OnnxOpset[];
  /** Nodes of all graphs together. */
  readonly nodeCount: number;
  readonly subgraphDepth: number;
  /** How often each operator occurs, as `Gemm` or `ai.onnx.ml.Scaler`, most frequent first. */
  readonly operators: readonly { readonly name: string; readonly count: number }[];
  /** The weights of the main graph. `bytes` is the size of the raw data, undefined where a typed list holds it. */
  readonly initialisers: readonly {
    readonly name: string;
    readonly dtype: number;
    readonly dims: readonly number[];
    readonly bytes: number | undefined;
  }[];
}

/** The data behind `assay model inspect FILE`. */
export interface ModelInspection {
  readonly bytes: number;
  /** The model hash of the chain: sha-256 of the file. */
  readonly modelHash: Hex32;
  /** The same hash as a CIDv1 (raw). */
  readonly cid: string;
  /** Undefined where the bytes can not be read to their end. */
  readonly content: ModelContent | undefined;
  readonly verdict:
    | { readonly admitted: true; readonly signature: TensorSignature }
    | { readonly admitted: false; readonly reason: OnnxReason };
}

/** Looks at a file without running it. Never throws, whatever the bytes are. */
export function inspectModel(bytes: Uint8Array, limits: AdmissionLimits = DEFAULT_LIMITS): ModelInspection {
  const modelHash = hex32(`0x${createHash("sha256").update(bytes).digest("hex")}`);
  const head = { bytes: bytes.length, modelHash, cid: cidFromSha256(modelHash) };
  const reading = readForAdmission(bytes, limits);
  if (!reading.ok) return { ...head, content: undefined, verdict: { admitted: false, reason: reading.reason } };
  const verdict = admitModel({ model: reading.model, bytes, limits });
  return {
    ...head,
    content: contentOf(reading.model),
    verdict: verdict.ok ? { admitted: true, signature: verdict.signature } : { admitted: false, reason: verdict.reason },
  };
}

function contentOf({ irVersion, opsets, graph }: OnnxModel): ModelContent {
  const counts = new Map<string, number>();
  const subgraphDepth = graph === undefined ? 0 : countOperators({ graph, level: 0, counts });
  const operators = [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
  return {
    irVersion,
    opsets,
    nodeCount: operators.reduce((sum, { count }) => sum + count, 0),
    subgraphDepth,
    operators,
    initialisers: (graph?.initialisers ?? []).map(({ name, dtype, dims, raw }) => ({
      name,
      dtype,
      dims,
      bytes: raw === undefined ? undefined : raw.stop - raw.start,
    })),
  };
}

/** @returns the deepest level reached */
function countOperators(walk: { graph: OnnxGraph; level: number; counts: Map<string, number> }): number {
  const { graph, level, counts } = walk;
  let deepest = level;
  for (const node of graph.nodes) {
    const name = node.domain === "" ? node.opType : `${node.domain}.${node.opType}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const inner of subgraphs(node)) deepest = Math.max(deepest, countOperators({ graph: inner, level: level + 1, counts }));
  }
  return deepest;
}
