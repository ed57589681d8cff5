import { type DigitImage, parseDigits } from "../data/digits";
import { ElementType, attribute, floatTensor, int64Tensor, model } from "../onnx/writer";
import { accuracy } from "../train/metrics";
import { createNetwork, predict, roundedToFloat32 } from "../train/network";
import { train } from "../train/trainer";
import { spread } from "./goldenRows";
import { networkGraph } from "./networkGraph";
import { type GoldenInput, IR_VERSION, OPSET, type Recipe } from "./recipe";

/** The first 1,347 images; the last 450 are of other writers. */
const TRAINING_IMAGES = 1347;
const SIDE = 8;
const GREY_LEVELS = 16;

const scaled = ({ pixels }: DigitImage): Float64Array => Float64Array.from(pixels, (pixel) => pixel / GREY_LEVELS);

/** The image moved by one pixel; what leaves is lost, what enters is blank. */
function moved(image: Float64Array, right: number, down: number): Float64Array {
  return image.map((_, at) => {
    const row = Math.floor(at / SIDE) - down;
    const column = (at % SIDE) - right;
    return row >= 0 && row < SIDE && column >= 0 && column < SIDE ? (image[row * SIDE + column] as number) : 0;
  });
}

function largest(values: Float64Array): number {
  return values.reduce((best, value, at) => (value > (values[best] as number) ? at : best), 0);
}

function imageBatch(images: readonly DigitImage[]): GoldenInput[] {
  const bytes = Uint8Array.from(images.flatMap(({ pixels }) => pixels));
  return [{ name: "image", dtype: "uint8", dims: [images.length, SIDE, SIDE], bytes }];
}

export const DIGITS: Recipe = {
  name: "digits",
  task: "Which digit an 8x8 grey picture of handwriting shows",
  data: {
    file: "digits/digits.csv.gz",
    sha256: "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a",
    description: "1,797 handwritten digits, 8x8 pixels with grey levels 0 to 16, the digit last in the row",
    source: "UCI Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998, doi 10.24432/C50P49), as in Debian's python3-sklearn",
    licence: "CC BY 4.0 (UCI), BSD-3-Clause (scikit-learn)",
    shipped: "digits.csv.gz",
  },
  features: [{ name: "image", meaning: "grey levels by row from the top, 0 is blank and 16 is full ink", unit: "1/16 of full ink" }],
  network: { sizes: [64, 96, 48, 10], seed: 2 },
  training: { loss: "softmax", epochs: 25, batchSize: 64, learningRate: 3e-3, weightDecay: 1e-4, seed: 7 },
  build(data) {
    const images = parseDigits(data);
    const training = images.slice(0, TRAINING_IMAGES);
    const test = images.slice(TRAINING_IMAGES);
    const plain = training.map(scaled);
    const targets = training.map(({ digit }) => digit);
    // A digit moved by a pixel is the same digit.
    const inputs = [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]].flatMap(([right = 0, down = 0]) => plain.map((image) => moved(image, right, down)));
    const network = createNetwork(this.network.sizes, this.network.seed);
    train(network, { inputs, targets: inputs.map((_, i) => targets[i % targets.length] as number) }, this.training);
    const linear = createNetwork([64, 10], 2);
    train(linear, { inputs: plain, targets }, { ...this.training, epochs: 40 });

    const truths = test.map(({ digit }) => digit);
    const testImages = test.map(scaled);
    const accuracyOf = (predictions: readonly number[]): { accuracy: number } => ({ accuracy: accuracy({ predictions, truths }) });
    const counts = truths.reduce((sum, digit) => sum.fill((sum[digit] as number) + 1, digit, digit + 1), new Float64Array(10));
    const body = networkGraph("scaled", network);
    const onnx = model({
      irVersion: IR_VERSION,
      opsets: { "": OPSET },
      metadata: { task: this.task },
      graph: {
        name: this.name,
        nodes: [
          { opType: "Cast", inputs: ["image"], outputs: ["grey"], attributes: [attribute.integer("to", ElementType.float)] },
          { opType: "Reshape", inputs: ["grey", "flat_shape"], outputs: ["flat"] },
          { opType: "Mul", inputs: ["flat", "per_level"], outputs: ["scaled"] },
          ...body.nodes,
          { opType: "ArgMax", inputs: [body.output], outputs: ["digit"], attributes: [attribute.integer("axis", 1), attribute.integer("keepdims", 0)] },
          { opType: "Softmax", inputs: [body.output], outputs: ["probabilities"], attributes: [attribute.integer("axis", 1)] },
        ],
        initialisers: [int64Tensor("flat_shape", [2], [-1n, 64n]), floatTensor("per_level", [1], [1 / GREY_LEVELS]), ...body.initialisers],
        inputs: [{ name: "image", dtype: ElementType.uint8, dims: ["N", SIDE, SIDE] }],
        outputs: [
          { name: "digit", dtype: ElementType.int64, dims: ["N"] },
          { name: "probabilities", dtype: ElementType.float, dims: ["N", 10] },
        ],
      },
    });
    return {
      onnx,
      evaluation: {
        split: "the first 1,347 images train, the last 450, of other writers, test",
        trainingCases: training.length,
        testCases: test.length,
        model: accuracyOf(predict(roundedToFloat32(network), testImages).map(largest)),
        baselines: {
          "always the most frequent digit": { accuracy: Math.max(...counts) / test.length },
          "linear softmax": accuracyOf(predict(linear, testImages).map(largest)),
        },
      },
      golden: [
        imageBatch(test.slice(0, 1)),
        imageBatch(spread(test, 10)),
        imageBatch(spread(test, 64)),
        imageBatch([
          { pixels: new Array<number>(64).fill(0), digit: 0 },
          { pixels: new Array<number>(64).fill(255), digit: 0 },
        ]),
      ],
    };
  },
};
