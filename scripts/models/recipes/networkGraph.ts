import { type NodeSpec, attribute, floatTensor } from "../onnx/writer";
import type { Network } from "../train/network";
import type { Normalisation } from "../train/normalisation";

/** A piece of a graph: what computes `output` from the input it was made for. */
export interface GraphPiece {
  readonly nodes: readonly NodeSpec[];
  readonly initialisers: readonly Uint8Array[];
  readonly output: string;
}

/** Normalisation lies inside the graph, so that a contract passes raw features and can not use the wrong numbers. */
export function normalisationGraph(input: string, { mean, inverse }: Normalisation): GraphPiece {
  return {
    nodes: [
      { opType: "Sub", inputs: [input, "mean"], outputs: ["centred"] },
      { opType: "Mul", inputs: ["centred", "inverse_deviation"], outputs: ["normalised"] },
    ],
    initialisers: [floatTensor("mean", [mean.length], mean), floatTensor("inverse_deviation", [inverse.length], inverse)],
    output: "normalised",
  };
}

/** One Gemm for each layer with Relu between them, over [N, inputs of the first layer]. */
export function networkGraph(input: string, network: Network): GraphPiece {
  const nodes: NodeSpec[] = [];
  const initialisers: Uint8Array[] = [];
  let from = input;
  for (const [k, { inputs, outputs, weights, biases }] of network.entries()) {
    initialisers.push(floatTensor(`weights_${k}`, [outputs, inputs], weights), floatTensor(`biases_${k}`, [outputs], biases));
    nodes.push({
      opType: "Gemm",
      inputs: [from, `weights_${k}`, `biases_${k}`],
      outputs: [`layer_${k}`],
      attributes: [attribute.integer("transB", 1)],
    });
    from = `layer_${k}`;
    if (k < network.length - 1) {
      nodes.push({ opType: "Relu", inputs: [from], outputs: [`active_${k}`] });
      from = `active_${k}`;
    }
  }
  return { nodes, initialisers, output: from };
}
