import { type FeatureDescription, HISTORY_HOURS, MARKET_FEATURES, VOLATILITY_FLOOR, marketHistory } from "../data/marketFeatures";
import { parsePrices } from "../data/prices";
import { ElementType, model } from "../onnx/writer";
import { exp, log, normalCdf, sigmoid } from "../train/math";
import { areaUnderCurve, brier, logLoss } from "../train/metrics";
import { createNetwork, predict, roundedToFloat32 } from "../train/network";
import { fitNormalisation, normalise } from "../train/normalisation";
import { seededRandom } from "../train/random";
import { train } from "../train/trainer";
import { featureBatch, spread } from "./goldenRows";
import { networkGraph, normalisationGraph } from "./networkGraph";
import { IR_VERSION, OPSET, type Recipe, type Scores } from "./recipe";
import { PRICE_DATA, TEST_FROM_MS, HOUR_MS } from "./priceData";

const HORIZON_HOURS = 24;
/** A case every third hour: neighbouring hours share 23 of their 24 hours of outcome. */
const STRIDE_HOURS = 3;
const BUFFERS = [0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3];
/** At a fixed buffer only knowledge of the market can rank cases; this one is typical of a careful loan. */
const FIXED_BUFFER = 0.15;
const SAMPLING_SEED = 3;

const BUFFER_FEATURES: readonly FeatureDescription[] = [
  { name: "drop", meaning: "-ln(1 - buffer): how far the price has to fall", unit: "ln of a price ratio" },
  { name: "log_drop", meaning: "ln(drop)", unit: "ln" },
  { name: "log_drop_over_vol_24h", meaning: "ln(drop) - log_vol_24h", unit: "ln of a number of deviations" },
  { name: "log_drop_over_vol_168h", meaning: "ln(drop) - log_vol_168h", unit: "ln of a number of deviations" },
];

interface Case {
  readonly features: Float64Array;
  readonly buffer: number;
  readonly drop: number;
  readonly volatility: number;
  readonly isBreached: number;
}

interface Cases {
  readonly training: Case[];
  readonly test: Case[];
}

/** The features of a buffer in a market: these four, then the 13 of the market. */
export function liquidationFeatures(buffer: number, market: readonly number[]): Float64Array {
  const drop = -log(1 - buffer);
  const logDrop = log(drop);
  // log_vol_24h and log_vol_168h, see MARKET_FEATURES.
  const [, day, week] = market as readonly [number, number, number];
  return Float64Array.of(drop, logDrop, logDrop - day, logDrop - week, ...market);
}

/** Cases in order of time; the nine fixed buffers for each hour of the test years, two for each of the training years. */
export function liquidationCases(data: Uint8Array): Cases {
  const history = marketHistory(parsePrices(data));
  const random = seededRandom(SAMPLING_SEED);
  const cases: Cases = { training: [], test: [] };
  for (let at = HISTORY_HOURS; at < history.bars.length - HORIZON_HOURS; at += STRIDE_HOURS) {
    const bar = history.bars[at];
    if (bar === undefined) break;
    // Cases whose outcome reaches over the boundary belong to neither side.
    const isTraining = bar.timeMs < TEST_FROM_MS - HORIZON_HOURS * HOUR_MS;
    if (!isTraining && bar.timeMs < TEST_FROM_MS) continue;
    const market = history.features(at);
    const lowest = Math.min(...history.bars.slice(at + 1, at + 1 + HORIZON_HOURS).map(({ low }) => low));
    const buffers = isTraining ? [BUFFERS[Math.floor(random() * BUFFERS.length)] as number, exp(log(0.005) + random() * log(60))] : BUFFERS;
    for (const buffer of buffers) {
      (isTraining ? cases.training : cases.test).push({
        features: liquidationFeatures(buffer, market),
        buffer,
        drop: -log(1 - buffer),
        volatility: history.volatility(at, 168),
        isBreached: lowest <= bar.close * (1 - buffer) ? 1 : 0,
      });
    }
  }
  return cases;
}

/** The closed form: a driftless Brownian motion touches a barrier twice as often as it ends below it. */
function barrierProbability({ drop, volatility }: Case): number {
  return 2 * normalCdf(-drop / (volatility + VOLATILITY_FLOOR));
}

function score(predictions: readonly number[], cases: readonly Case[]): Scores {
  const truths = cases.map(({ isBreached }) => isBreached);
  return {
    auc: areaUnderCurve({ predictions, truths }),
    logLoss: logLoss({ predictions, truths }),
    brier: brier({ predictions, truths }),
    ...fixedBufferScore(predictions, cases),
  };
}

function fixedBufferScore(predictions: readonly number[], cases: readonly Case[]): Scores {
  const chosen = [...cases.keys()].filter((i) => cases[i]?.buffer === FIXED_BUFFER);
  const at = <T>(list: readonly T[]): T[] => chosen.map((i) => list[i] as T); // `chosen` indexes `cases`, as long as both lists.
  return { aucAtBuffer15: areaUnderCurve({ predictions: at(predictions), truths: at(cases).map(({ isBreached }) => isBreached) }) };
}

/** A logistic regression on the buffer alone: what is known without looking at the market. */
function bufferOnly({ training, test }: Cases): number[] {
  const two = (cases: readonly Case[]): Float64Array[] => cases.map(({ features }) => features.slice(0, 2));
  const normalisation = fitNormalisation(two(training));
  const network = createNetwork([2, 1], 5);
  const targets = training.map(({ isBreached }) => isBreached);
  const options = { loss: "logistic", epochs: 3, batchSize: 128, learningRate: 5e-3, weightDecay: 1e-4, seed: 7 } as const;
  train(network, { inputs: normalise(two(training), normalisation), targets }, options);
  return predict(network, normalise(two(test), normalisation)).map(([z]) => sigmoid(z ?? 0));
}

export const LIQUIDATION_RISK: Recipe = {
  name: "liquidation_risk",
  task: "The probability that ETH trades at or below price * (1 - buffer) at some time in the next 24 hours",
  data: PRICE_DATA,
  features: [...BUFFER_FEATURES, ...MARKET_FEATURES],
  network: { sizes: [17, 32, 16, 1], seed: 11 },
  training: { loss: "logistic", epochs: 6, batchSize: 128, learningRate: 2e-3, weightDecay: 1e-4, seed: 7 },
  build(data) {
    const cases = liquidationCases(data);
    const { training, test } = cases;
    const examples = training.map(({ features }) => features);
    const normalisation = fitNormalisation(examples);
    const network = createNetwork(this.network.sizes, this.network.seed);
    train(network, { inputs: normalise(examples, normalisation), targets: training.map(({ isBreached }) => isBreached) }, this.training);
    const testFeatures = test.map(({ features }) => features);
    const predictions = predict(roundedToFloat32(network), normalise(testFeatures, normalisation)).map(([z]) => sigmoid(z ?? 0));
    const prior = training.reduce((sum, { isBreached }) => sum + isBreached, 0) / training.length;
    const head = normalisationGraph("features", normalisation);
    const body = networkGraph(head.output, network);
    const onnx = model({
      irVersion: IR_VERSION,
      opsets: { "": OPSET },
      metadata: { task: this.task },
      graph: {
        name: this.name,
        nodes: [...head.nodes, ...body.nodes, { opType: "Sigmoid", inputs: [body.output], outputs: ["probability"] }],
        initialisers: [...head.initialisers, ...body.initialisers],
        inputs: [{ name: "features", dtype: ElementType.float, dims: ["N", 17] }],
        outputs: [{ name: "probability", dtype: ElementType.float, dims: ["N", 1] }],
      },
    });
    return {
      onnx,
      evaluation: {
        split: "by time: training 2017-09 to 2022-12, test 2023-01 to 2025-12, outcomes across the boundary left out",
        trainingCases: training.length,
        testCases: test.length,
        model: score(predictions, test),
        baselines: {
          "training rate": score(predictions.map(() => prior), test),
          "buffer only, logistic": score(bufferOnly(cases), test),
          "Gaussian barrier, 168 h volatility": score(test.map(barrierProbability), test),
        },
      },
      golden: [
        featureBatch(testFeatures.slice(0, 1)),
        featureBatch(testFeatures.slice(0, BUFFERS.length)),
        featureBatch(spread(testFeatures, 64)),
        featureBatch([new Float64Array(17), new Float64Array(17).fill(1000), new Float64Array(17).fill(-1000)]),
      ],
    };
  },
};
