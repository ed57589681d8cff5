import { type Network, forward, layerBuffers } from "./network";
import { cosOfTurns, exp, sigmoid } from "./math";
import { seededRandom, shuffle } from "./random";

/** `logistic`: one output, target 0 or 1. `softmax`: target is the class. `squared`: one output, any target. */
export type Loss = "logistic" | "softmax" | "squared";

export interface TrainingOptions {
  readonly loss: Loss;
  readonly epochs: number;
  readonly batchSize: number;
  /** Falls to zero along a half cosine over the epochs. */
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly seed: number;
}

export interface Examples {
  readonly inputs: readonly Float64Array[];
  readonly targets: ArrayLike<number>;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** The gradient and Adam's moments of one array of parameters. */
interface Slot {
  readonly values: Float64Array;
  readonly gradient: Float64Array;
  readonly mean: Float64Array;
  readonly square: Float64Array;
  readonly decay: number;
}

/**
 * Trains in place by Adam (Kingma and Ba 2014) on shuffled batches. One thread, a fixed order of summation and no
 * library function that may differ between engines: equal arguments give equal weights, to the bit.
 */
export function train(network: Network, examples: Examples, options: TrainingOptions): void {
  const { inputs, targets } = examples;
  const { loss, epochs, batchSize, learningRate, weightDecay, seed } = options;
  const random = seededRandom(seed);
  const order = Int32Array.from(inputs.keys());
  const buffers = layerBuffers(network);
  const deltas = layerBuffers(network);
  const slots = network.map(({ weights, biases }) => ({ weights: slot(weights, weightDecay), biases: slot(biases, 0) }));
  let power1 = 1;
  let power2 = 1;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    shuffle(order, random);
    const rate = learningRate * 0.5 * (1 + cosOfTurns(epoch / epochs / 2));
    for (let start = 0; start < order.length; start += batchSize) {
      const stop = Math.min(start + batchSize, order.length);
      for (const { weights, biases } of slots) {
        weights.gradient.fill(0);
        biases.gradient.fill(0);
      }
      for (let at = start; at < stop; at += 1) {
        const index = order[at] as number; // `at` is below the length.
        const input = inputs[index] as Float64Array;
        const output = forward(network, input, buffers);
        lossGradient({ loss, output, target: targets[index] as number, delta: deltas[network.length - 1] as Float64Array });
        backward({ network, input, buffers, deltas, slots });
      }
      power1 *= BETA1;
      power2 *= BETA2;
      const step = { rate, count: stop - start, correction1: 1 - power1, correction2: 1 - power2 };
      for (const { weights, biases } of slots) {
        update(weights, step);
        update(biases, step);
      }
    }
  }
}

function slot(values: Float64Array, decay: number): Slot {
  const zeros = (): Float64Array => new Float64Array(values.length);
  return { values, gradient: zeros(), mean: zeros(), square: zeros(), decay };
}

/** Writes the derivative of the loss by the network's raw outputs into `delta`. */
function lossGradient(at: { loss: Loss; output: Float64Array; target: number; delta: Float64Array }): void {
  const { loss, output, target, delta } = at;
  const first = output[0] as number; // A network has one output at least.
  if (loss === "logistic") delta[0] = sigmoid(first) - target;
  else if (loss === "squared") delta[0] = 2 * (first - target);
  else {
    const probabilities = softmax(output);
    for (let c = 0; c < output.length; c += 1) delta[c] = (probabilities[c] as number) - (c === target ? 1 : 0);
  }
}

export function softmax(logits: Float64Array): Float64Array {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = logits.map((logit) => exp(logit - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

interface BackwardPass {
  readonly network: Network;
  readonly input: Float64Array;
  readonly buffers: readonly Float64Array[];
  readonly deltas: readonly Float64Array[];
  readonly slots: readonly { readonly weights: Slot; readonly biases: Slot }[];
}

/** Adds one example's gradient. Indices stay below the sizes that the arrays were made with, hence the casts. */
function backward({ network, input, buffers, deltas, slots }: BackwardPass): void {
  for (let k = network.length - 1; k >= 0; k -= 1) {
    const { inputs, outputs, weights } = network[k] as Network[number];
    const { weights: weightSlot, biases } = slots[k] as BackwardPass["slots"][number];
    const from = k > 0 ? (buffers[k - 1] as Float64Array) : input;
    const delta = deltas[k] as Float64Array;
    const below = k > 0 ? (deltas[k - 1] as Float64Array) : undefined;
    below?.fill(0);
    for (let o = 0; o < outputs; o += 1) {
      const g = delta[o] as number;
      if (g === 0) continue;
      biases.gradient[o] = (biases.gradient[o] as number) + g;
      const row = o * inputs;
      for (let i = 0; i < inputs; i += 1) {
        const a = from[i] as number;
        // A zero input adds nothing to the gradient, and after ReLU it passes nothing down either.
        if (a === 0) continue;
        weightSlot.gradient[row + i] = (weightSlot.gradient[row + i] as number) + g * a;
        if (below !== undefined) below[i] = (below[i] as number) + g * (weights[row + i] as number);
      }
    }
  }
}

interface Step {
  readonly rate: number;
  /** Examples in the batch. */
  readonly count: number;
  readonly correction1: number;
  readonly correction2: number;
}

function update({ values, gradient, mean, square, decay }: Slot, { rate, count, correction1, correction2 }: Step): void {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i] as number; // All five arrays have one length.
    const g = (gradient[i] as number) / count + decay * value;
    const m = BETA1 * (mean[i] as number) + (1 - BETA1) * g;
    const v = BETA2 * (square[i] as number) + (1 - BETA2) * g * g;
    mean[i] = m;
    square[i] = v;
    values[i] = value - (rate * (m / correction1)) / (Math.sqrt(v / correction2) + EPSILON);
  }
}
