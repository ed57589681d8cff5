import type { FeatureDescription } from "../data/marketFeatures";
import type { TrainingOptions } from "../train/trainer";

/** One set of inputs whose outputs are committed as golden values. */
export interface GoldenInput {
  readonly name: string;
  readonly dtype: "float32" | "uint8";
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** A score by its name: `auc`, `logLoss`, … */
export type Scores = Readonly<Record<string, number>>;

export interface Evaluation {
  /** What the test cases are and why they are not the training cases. */
  readonly split: string;
  readonly trainingCases: number;
  readonly testCases: number;
  readonly model: Scores;
  /** What the model has to be better than, by name. */
  readonly baselines: Readonly<Record<string, Scores>>;
}

export interface BuiltModel {
  readonly onnx: Uint8Array;
  readonly evaluation: Evaluation;
  /** Each element becomes one set of `io.json`. */
  readonly golden: readonly (readonly GoldenInput[])[];
}

/** How a model is made from one file of data. */
export interface Recipe {
  readonly name: string;
  readonly task: string;
  readonly data: {
    /** Below the data folder. */
    readonly file: string;
    /** Of the file as it is, compressed. */
    readonly sha256: string;
    readonly description: string;
    readonly source: string;
    readonly licence: string;
    /** Below `models/<name>/`, where the licence lets the data be shipped. */
    readonly shipped?: string;
  };
  readonly features: readonly FeatureDescription[];
  readonly network: { readonly sizes: readonly number[]; readonly seed: number };
  readonly training: TrainingOptions;
  build(data: Uint8Array): BuiltModel;
}

export const OPSET = 17;
export const IR_VERSION = 8;
