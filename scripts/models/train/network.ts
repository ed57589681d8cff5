import { seededRandom } from "./random";

/** A dense layer: `weights[o * inputs + i]` leads from input i to output o. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float64Array;
  readonly biases: Float64Array;
}

/** Layers with ReLU between them; the last is linear. */
export type Network = readonly Layer[];

/** Weights uniform in Glorot's range (Glorot and Bengio 2010), biases zero. */
export function createNetwork(sizes: readonly number[], seed: number): Network {
  const random = seededRandom(seed);
  return sizes.slice(1).map((outputs, k) => {
    const inputs = sizes[k] as number; // slice(1) shifts by one, so k is the layer before.
    const range = Math.sqrt(6 / (inputs + outputs));
    const weights = Float64Array.from({ length: inputs * outputs }, () => (random() * 2 - 1) * range);
    return { inputs, outputs, weights, biases: new Float64Array(outputs) };
  });
}

export function layerBuffers(network: Network): Float64Array[] {
  return network.map(({ outputs }) => new Float64Array(outputs));
}

/** Runs the network on one example. Sums go in a fixed order, from the bias over the inputs. @returns the last buffer */
export function forward(network: Network, example: Float64Array, buffers: readonly Float64Array[]): Float64Array {
  let from = example;
  for (const [k, layer] of network.entries()) {
    const to = buffers[k] as Float64Array; // One buffer per layer.
    const { inputs, outputs, weights, biases } = layer;
    const isLast = k === network.length - 1;
    for (let o = 0, w = 0; o < outputs; o += 1) {
      let sum = biases[o] as number;
      // Indices stay below the sizes the arrays were made with.
      for (let i = 0; i < inputs; i += 1, w += 1) sum += (weights[w] as number) * (from[i] as number);
      to[o] = !isLast && sum < 0 ? 0 : sum;
    }
    from = to;
  }
  return from;
}

/** The network as the ONNX file will hold it, in float32: metrics describe what is shipped. */
export function roundedToFloat32(network: Network): Network {
  return network.map((layer) => ({ ...layer, weights: layer.weights.map(Math.fround), biases: layer.biases.map(Math.fround) }));
}

/** The raw outputs for many examples; each is `outputs` long. */
export function predict(network: Network, examples: readonly Float64Array[]): Float64Array[] {
  const buffers = layerBuffers(network);
  return examples.map((example) => Float64Array.from(forward(network, example, buffers)));
}
