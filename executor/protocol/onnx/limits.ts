import { OnnxRefusal } from "./refusal";

/** What a model may cost the signer that reads it and the runner that loads it. */
export interface AdmissionLimits {
  /** Size of the file. A runner needs about 75 MB plus 3.5 times the model. */
  readonly maxBytes: number;
  /** Nodes of all graphs together. onnxruntime 1.30 loads 10,000 in 0.9 s and 100,000 not within 12 s. */
  readonly maxNodes: number;
  /** Levels of graphs inside If, Loop and Scan; the main graph is level 0. */
  readonly maxSubgraphDepth: number;
  /** Messages and strings kept in memory, 100-200 bytes each: this bounds the heap of the signer, not the model. */
  readonly maxObjects: number;
  /** Elements of all lists of attributes and dimensions, 8 bytes each. */
  readonly maxIntegers: number;
  /** Nodes of all trees together. */
  readonly maxTreeNodes: number;
  /** Edges from a tree's root to its deepest leaf. onnxruntime 1.30 dies by SIGSEGV at 200,000. */
  readonly maxTreeDepth: number;
  /** Operator domains besides ONNX's own, whose name is empty. */
  readonly extraDomains: readonly string[];
}

export const DEFAULT_LIMITS: AdmissionLimits = Object.freeze({
  // Below the 64 MiB of an enclave frame, so that a model that is admitted can also be sent.
  maxBytes: 60 * 2 ** 20,
  maxNodes: 10_000,
  maxSubgraphDepth: 8,
  maxObjects: 500_000,
  maxIntegers: 4_000_000,
  maxTreeNodes: 500_000,
  maxTreeDepth: 1_000,
  extraDomains: Object.freeze(["ai.onnx.ml"]),
});

/** What is left of the limits while a file is being read. Charged before anything is allocated. */
export class Budget {
  readonly limits: AdmissionLimits;
  #nodes: number;
  #objects: number;
  #integers: number;

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
    this.#nodes = limits.maxNodes;
    this.#objects = limits.maxObjects;
    this.#integers = limits.maxIntegers;
  }

  node(): void {
    if (--this.#nodes < 0) throw new OnnxRefusal("ONNX_TOO_MANY_NODES", `more than ${this.limits.maxNodes} nodes`);
  }

  object(): void {
    if (--this.#objects < 0) throw new OnnxRefusal("ONNX_TOO_MANY_OBJECTS", `more than ${this.limits.maxObjects} objects`);
  }

  integer(): void {
    if (--this.#integers < 0) throw new OnnxRefusal("ONNX_TOO_MANY_INTEGERS", `more than ${this.limits.maxIntegers} list elements`);
  }

  /** `level` 0 is the outermost. */
  depth(level: number): void {
    if (level > this.limits.maxSubgraphDepth) {
      throw new OnnxRefusal("ONNX_NESTED_TOO_DEEP", `more than ${this.limits.maxSubgraphDepth} levels`);
    }
  }
}
