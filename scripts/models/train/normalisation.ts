/** Mean and inverse standard deviation of each feature over the training examples. */
export interface Normalisation {
  readonly mean: Float64Array;
  readonly inverse: Float64Array;
}

/** Rounded to float32 at once: the graph holds these numbers, so training should see the same. */
export function fitNormalisation(examples: readonly Float64Array[]): Normalisation {
  const width = examples[0]?.length ?? 0;
  const mean = new Float64Array(width);
  const variance = new Float64Array(width);
  // Indices stay below `width`, the length of every example.
  for (const example of examples) for (let f = 0; f < width; f += 1) mean[f] = (mean[f] as number) + (example[f] as number);
  for (let f = 0; f < width; f += 1) mean[f] = (mean[f] as number) / examples.length;
  for (const example of examples) {
    for (let f = 0; f < width; f += 1) {
      const distance = (example[f] as number) - (mean[f] as number);
      variance[f] = (variance[f] as number) + distance * distance;
    }
  }
  const inverse = variance.map((sum) => 1 / Math.sqrt(sum / examples.length + 1e-12));
  return { mean: mean.map(Math.fround), inverse: inverse.map(Math.fround) };
}

export function normalise(examples: readonly Float64Array[], { mean, inverse }: Normalisation): Float64Array[] {
  // `mean` and `inverse` are as long as every example.
  return examples.map((example) => example.map((value, f) => (value - (mean[f] as number)) * (inverse[f] as number)));
}
