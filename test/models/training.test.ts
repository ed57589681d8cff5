import { expect } from "chai";
import fc from "fast-check";
import { cosOfTurns, exp, log, normalCdf, sinOfTurns } from "../../scripts/models/train/math";
import { accuracy, areaUnderCurve, brier, logLoss, qlike, rSquared } from "../../scripts/models/train/metrics";
import { createNetwork, forward, layerBuffers, predict } from "../../scripts/models/train/network";
import { fitNormalisation, normalise } from "../../scripts/models/train/normalisation";
import { seededRandom } from "../../scripts/models/train/random";
import { softmax, train } from "../../scripts/models/train/trainer";

const OPTIONS = { loss: "logistic", epochs: 60, batchSize: 16, learningRate: 0.02, weightDecay: 0, seed: 1 } as const;
const within = (range: number): fc.Arbitrary<number> => fc.double({ min: -range, max: range, noNaN: true });

describe("models: arithmetic that is the same on every engine", () => {
  it("agrees with Math to a few units in the last place", () => {
    fc.assert(
      fc.property(within(700), (x) => Math.abs(exp(x) / Math.exp(x) - 1) < 1e-15),
      { seed: 1, numRuns: 2000 },
    );
    fc.assert(
      fc.property(within(700), (x) => {
        const y = Math.exp(x);
        return Math.abs(log(y) - Math.log(y)) <= 4e-16 * Math.max(1, Math.abs(Math.log(y)));
      }),
      { seed: 2, numRuns: 2000 },
    );
    fc.assert(
      fc.property(within(10), (t) => Math.abs(cosOfTurns(t) - Math.cos(2 * Math.PI * t)) < 1e-13),
      { seed: 3 },
    );
    expect(sinOfTurns(0.25)).to.equal(1);
  });

  it("has the ends that IEEE 754 asks for", () => {
    expect([exp(0), exp(-1000), exp(1000), exp(Number.NaN)]).to.deep.equal([
      1,
      0,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
    expect(log(1)).to.equal(0);
    for (const x of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => log(x)).to.throw(RangeError);
  });

  it("knows the normal distribution", () => {
    expect(normalCdf(0)).to.be.closeTo(0.5, 1e-7);
    expect(normalCdf(1.959964)).to.be.closeTo(0.975, 1e-6);
    expect(normalCdf(-1.959964)).to.be.closeTo(0.025, 1e-6);
  });
});

describe("models: training", () => {
  it("learns what no linear model can (exclusive or), the same each time", () => {
    const inputs = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ].flatMap((pair) => new Array<Float64Array>(20).fill(Float64Array.from(pair)));
    const targets = inputs.map(([a, b]) => (a === b ? 0 : 1));
    const run = (): number[] => {
      const network = createNetwork([2, 8, 1], 4);
      train(network, { inputs, targets }, OPTIONS);
      return predict(network, inputs).map(([z]) => z ?? 0);
    };
    const outputs = run();
    expect(outputs.map((z) => (z > 0 ? 1 : 0))).to.deep.equal(targets);
    expect(run()).to.deep.equal(outputs);
  });

  for (const loss of ["logistic", "softmax", "squared"] as const) {
    it(`follows the slope of the ${loss} loss`, () => {
      // One step of Adam moves each weight by the learning rate against the sign of its slope.
      const random = seededRandom(9);
      const outputs = loss === "softmax" ? 3 : 1;
      const network = createNetwork([4, 5, outputs], 3);
      const input = Float64Array.from({ length: 4 }, () => random() - 0.5);
      const lossOf = (): number => {
        const z = forward(network, input, layerBuffers(network));
        if (loss === "softmax") return -Math.log(softmax(z)[1] ?? 0);
        return loss === "squared" ? ((z[0] ?? 0) - 1) ** 2 : Math.log(1 + Math.exp(-(z[0] ?? 0)));
      };
      const before = network.map(({ weights }) => weights.slice());
      const slopes = network.map(({ weights }) =>
        weights.map((weight, i) => {
          weights[i] = weight + 1e-6;
          const above = lossOf();
          weights[i] = weight - 1e-6;
          const slope = (above - lossOf()) / 2e-6;
          weights[i] = weight;
          return slope;
        }),
      );
      const options = { loss, epochs: 1, batchSize: 1, learningRate: 1e-3, weightDecay: 0, seed: 1 };
      train(network, { inputs: [input], targets: [1] }, options);
      for (const [k, { weights }] of network.entries()) {
        for (const [i, weight] of weights.entries()) {
          const slope = slopes[k]?.[i] ?? 0;
          if (Math.abs(slope) > 1e-6) expect(Math.sign(weight - (before[k]?.[i] ?? 0))).to.equal(-Math.sign(slope));
        }
      }
      expect(slopes.some((list) => list.some((slope) => Math.abs(slope) > 1e-3))).to.equal(true);
    });
  }

  it("normalises to mean 0 and deviation 1", () => {
    const examples = [1, 2, 3, 6].map((value) => Float64Array.of(value, -value * 10));
    const scaled = normalise(examples, fitNormalisation(examples));
    for (const f of [0, 1]) {
      const column = scaled.map((row) => row[f] ?? 0);
      expect(column.reduce((a, b) => a + b, 0)).to.be.closeTo(0, 1e-6);
      expect(column.reduce((a, b) => a + b * b, 0) / 4).to.be.closeTo(1, 1e-6);
    }
  });
});

describe("models: metrics", () => {
  it("score known cases", () => {
    const truths = [0, 0, 1, 1];
    expect(areaUnderCurve({ predictions: [0.1, 0.4, 0.35, 0.8], truths })).to.equal(0.75);
    expect(areaUnderCurve({ predictions: [0.5, 0.5, 0.5, 0.5], truths })).to.equal(0.5);
    expect(brier({ predictions: [0, 0.5, 0.5, 1], truths })).to.equal(0.125);
    expect(logLoss({ predictions: [0.5, 0.5, 0.5, 0.5], truths })).to.be.closeTo(Math.LN2, 1e-15);
    expect(accuracy({ predictions: [0, 1, 1, 1], truths })).to.equal(0.75);
    expect(rSquared({ predictions: truths, truths })).to.equal(1);
    expect(rSquared({ predictions: [0.5, 0.5, 0.5, 0.5], truths })).to.equal(0);
    expect(qlike({ predictions: truths, truths })).to.equal(0);
    expect(qlike({ predictions: [0], truths: [0.5] })).to.be.closeTo(Math.E - 2, 1e-15);
  });
});
