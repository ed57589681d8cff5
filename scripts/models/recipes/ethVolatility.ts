import { HISTORY_HOURS, MARKET_FEATURES, VOLATILITY_FLOOR, marketHistory } from "../data/marketFeatures";
import { parsePrices } from "../data/prices";
import { ElementType, model } from "../onnx/writer";
import { log } from "../train/math";
import { qlike, rSquared } from "../train/metrics";
import { type Network, createNetwork, predict, roundedToFloat32 } from "../train/network";
import { fitNormalisation, normalise } from "../train/normalisation";
import { train } from "../train/trainer";
import { featureBatch, spread } from "./goldenRows";
import { networkGraph, normalisationGraph } from "./networkGraph";
import { HOUR_MS, PRICE_DATA, TEST_FROM_MS } from "./priceData";
import { IR_VERSION, OPSET, type Recipe, type Scores } from "./recipe";

const HORIZON_HOURS = 24;
const TRAINING_STRIDE = 2;
const TEST_STRIDE = 6;

interface Case {
  readonly features: Float64Array;
  /** ln(realised volatility of the next 24 hours + 0.0001). */
  readonly target: number;
}

interface Cases {
  readonly training: Case[];
  readonly test: Case[];
}

/** Cases in order of time. */
export function volatilityCases(data: Uint8Array): Cases {
  const history = marketHistory(parsePrices(data));
  const cases: Cases = { training: [], test: [] };
  for (let at = HISTORY_HOURS; at < history.bars.length - HORIZON_HOURS; at += 1) {
    const timeMs = history.bars[at]?.timeMs ?? 0;
    // Cases whose outcome reaches over the boundary belong to neither side.
    const isTraining = timeMs < TEST_FROM_MS - HORIZON_HOURS * HOUR_MS;
    if (!isTraining && timeMs < TEST_FROM_MS) continue;
    if (at % (isTraining ? TRAINING_STRIDE : TEST_STRIDE) !== 0) continue;
    (isTraining ? cases.training : cases.test).push({
      features: Float64Array.from(history.features(at)),
      target: log(history.volatility(at + HORIZON_HOURS, HORIZON_HOURS) + VOLATILITY_FLOOR),
    });
  }
  return cases;
}

function score(predictions: readonly number[], cases: readonly Case[]): Scores {
  const truths = cases.map(({ target }) => target);
  return { rSquaredOfLog: rSquared({ predictions, truths }), qlike: qlike({ predictions, truths }) };
}

/** The heterogeneous autoregression of Corsi (2009): linear in the volatilities of 6, 24, 168 and 720 hours. */
function harForecast({ training, test }: Cases, centre: number): number[] {
  const four = (cases: readonly Case[]): Float64Array[] => cases.map(({ features }) => features.slice(0, 4));
  const normalisation = fitNormalisation(four(training));
  const network = createNetwork([4, 1], 9);
  const options = { loss: "squared", epochs: 4, batchSize: 128, learningRate: 5e-3, weightDecay: 1e-4, seed: 7 } as const;
  train(network, { inputs: normalise(four(training), normalisation), targets: training.map(({ target }) => target - centre) }, options);
  return predict(network, normalise(four(test), normalisation)).map(([z]) => (z ?? 0) + centre);
}

/** Training is on centred targets; the centre goes into the last bias. */
function withOutputShift(network: Network, shift: number): Network {
  return network.map((layer, k) => (k === network.length - 1 ? { ...layer, biases: layer.biases.map((bias) => bias + shift) } : layer));
}

export const ETH_VOLATILITY: Recipe = {
  name: "eth_volatility",
  task: "The realised volatility of ETH over the next 24 hours, as the root of the summed squared hourly log returns",
  data: PRICE_DATA,
  features: MARKET_FEATURES,
  network: { sizes: [13, 24, 12, 1], seed: 5 },
  training: { loss: "squared", epochs: 6, batchSize: 128, learningRate: 2e-3, weightDecay: 1e-4, seed: 7 },
  build(data) {
    const cases = volatilityCases(data);
    const { training, test } = cases;
    const examples = training.map(({ features }) => features);
    const normalisation = fitNormalisation(examples);
    const centre = training.reduce((sum, { target }) => sum + target, 0) / training.length;
    const trained = createNetwork(this.network.sizes, this.network.seed);
    train(trained, { inputs: normalise(examples, normalisation), targets: training.map(({ target }) => target - centre) }, this.training);
    const network = withOutputShift(trained, centre);
    const testFeatures = test.map(({ features }) => features);
    const predictions = predict(roundedToFloat32(network), normalise(testFeatures, normalisation)).map(([z]) => z ?? 0);
    const feature = (index: number): number[] => testFeatures.map((features) => features[index] ?? 0);
    const head = normalisationGraph("features", normalisation);
    const body = networkGraph(head.output, network);
    const onnx = model({
      irVersion: IR_VERSION,
      opsets: { "": OPSET },
      metadata: { task: this.task },
      graph: {
        name: this.name,
        nodes: [...head.nodes, ...body.nodes, { opType: "Exp", inputs: [body.output], outputs: ["daily_volatility"] }],
        initialisers: [...head.initialisers, ...body.initialisers],
        inputs: [{ name: "features", dtype: ElementType.float, dims: ["N", 13] }],
        outputs: [{ name: "daily_volatility", dtype: ElementType.float, dims: ["N", 1] }],
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
          "training mean": score(predictions.map(() => centre), test),
          "persistence, last 24 h": score(feature(1), test),
          "persistence, last 168 h": score(feature(2), test),
          "HAR, linear": score(harForecast(cases, centre), test),
        },
      },
      golden: [
        featureBatch(testFeatures.slice(0, 1)),
        featureBatch(spread(testFeatures, 7)),
        featureBatch(spread(testFeatures, 64)),
        featureBatch([new Float64Array(13)]),
      ],
    };
  },
};
