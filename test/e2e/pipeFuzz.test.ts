import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { TransactionReceipt } from "ethers";
import { packageRoot } from "../../executor/deployment/artifacts";
import { seededRandom } from "../../scripts/models/train/random";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { bareRun } from "../executor/conformance/bareRuntime";
import { deployProgram, digestOf, programInterface, runCall, type Splice, type Step, wallet } from "./support/pipe";
import { committedModel, encoded, goldenSets, openWorld, type World } from "./support/world";

/** Programs per run; more by ASSAY_FUZZ_PROGRAMS, others by ASSAY_FUZZ_SEED. */
const PROGRAMS = Number(process.env.ASSAY_FUZZ_PROGRAMS ?? 10);
const SEED = Number(process.env.ASSAY_FUZZ_SEED ?? 11);
const MAX_STEPS = 6;
// The daemon inherits this environment and refuses variables that it does not know.
for (const name of ["ASSAY_FUZZ_PROGRAMS", "ASSAY_FUZZ_SEED"]) delete process.env[name];

/** Models of one float input and one float output, so that any answer can be put into any question. */
const MODELS = ["eth_volatility", "liquidation_risk"].map((name) => {
  const [set] = goldenSets(name);
  return {
    hash: committedModel(name).hash,
    file: readFileSync(join(packageRoot(), "models", name, `${name}.onnx`)),
    set: set?.inputs ?? [],
    input: encoded(set?.inputs ?? []),
    output: encoded(set?.outputs ?? []),
  };
});

/** A program that nobody knows before it is sent: questions in a row and in one another, by every way of asking. */
function randomProgram(random: () => number): { steps: Step[]; models: number[] } {
  const pick = (n: number): number => Math.floor(random() * n);
  const models = Array.from({ length: 1 + pick(MAX_STEPS) }, () => pick(MODELS.length));
  const steps = models.map((m, i): Step => {
    const model = MODELS[m] as (typeof MODELS)[number];
    const input = Uint8Array.from(model.input);
    const features = model.set[0]?.tensor.dims.at(-1) ?? 1;
    const at = (): number => input.length - 4 * (1 + pick(features));
    new DataView(input.buffer).setFloat32(at(), random(), true);
    const splices: Splice[] = [];
    for (let s = pick(3); s > 0 && i > 0; s--) {
      const source = pick(i);
      const from = (MODELS[models[source] ?? 0]?.output.length ?? 4) - 4;
      splices.push({ source, from, to: at(), length: 4 });
    }
    return { kind: pick(4) as Step["kind"], modelHash: model.hash, input, splices };
  });
  return { steps, models };
}

/** The same program evaluated by onnxruntime alone, as the contract would with a model on the chain. */
async function evaluate({ steps, models }: ReturnType<typeof randomProgram>): Promise<string> {
  const outputs: Uint8Array[] = [];
  for (const [i, { kind, input, splices }] of steps.entries()) {
    const model = MODELS[models[i] ?? 0] as (typeof MODELS)[number];
    const bytes = Uint8Array.from(input);
    for (const { source, from, to, length } of splices) {
      const earlier = outputs[source] ?? new Uint8Array();
      // What was caught has three bytes, and nothing to take from: the contract fails there, as here.
      if (from + length > earlier.length) return "fails";
      bytes.set(earlier.subarray(from, from + length), to);
    }
    const [first] = model.set;
    const { tensor } = first as (typeof model.set)[number];
    if (tensor.dtype === 8) throw new Error("the models take floats");
    const data = bytes.slice(bytes.length - tensor.data.length);
    const answer = encoded(await bareRun(model.file, [{ name: first?.name ?? "", tensor: { ...tensor, data } }]));
    const isOdd = ((answer.at(-1) ?? 0) & 1) === 1;
    outputs.push(kind === 3 && isOdd ? new TextEncoder().encode("odd") : answer);
  }
  return digestOf(outputs);
}

describe("programs that nobody knows before they are sent", function () {
  this.timeout(120_000);
  let world: World;
  let daemon: DaemonProcess;
  let program: string;
  before(async () => {
    world = await openWorld("anvil");
    daemon = await world.start([], undefined, { pipe: ["--pipe-simulations-per-minute", "100000"] });
    program = await deployProgram(world);
  });
  after(() => world.end());

  const random = seededRandom(SEED);
  for (let i = 0; i < PROGRAMS; i++) {
    const made = randomProgram(random);
    const kinds = made.steps.map(({ kind, splices }) => `${"itsc"[kind]}${splices.length}`).join(" ");
    it(`${i}: ${kinds}`, async () => {
      const wanted = await evaluate(made);
      const user = wallet(daemon.pipeUrl, 6);
      const sent: Promise<TransactionReceipt | null> = user
        .sendTransaction({ to: program, data: runCall(made.steps), gasLimit: 2_400_000 })
        .then((tx) => tx.wait());
      const receipt = await sent.catch((error: unknown) => {
        if (wanted === "fails") return null;
        throw error;
      });
      const log = receipt?.logs[0];
      const found = log === undefined ? "fails" : programInterface().parseLog(log)?.args.digest;
      expect(found).to.equal(wanted);
    });
  }
});
