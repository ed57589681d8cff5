import { expect } from "chai";
import type { DevelopmentPlatform } from "../../../executor/enclave/platform/platform";
import type { Enclave } from "../../../executor/enclave/ports";
import { startEnclave } from "../../../executor/enclave/supervisor";
import { verifyDevelopmentDocument } from "../../../executor/protocol/nitroDocumentVerify";
import { BASE_MODELS } from "../../fixtures/baseModels";
import { FUZZ_MODELS, FUZZ_SEED } from "../../fixtures/fuzzSize";
import { type Mutant, mutant } from "../../fixtures/mutatedModels";
import { enclaveConfig, requestId } from "./support/enclave";
import { type Ending, endingOf, expectHonestService } from "./support/endings";
import { runnerPids } from "./support/processes";

const LIMITS = { maxRunners: 4, loadTimeoutMs: 10_000, runTimeoutMs: 2_000, runnerMemoryBytes: 512 * 2 ** 20 };
/** Two runners at the least are up while a model is tried; more at a time would only wait for a core. */
const AT_ONCE = 2;
const HONEST_EVERY = 10;
const HONEST_IDS = 10_000_000;
/** A model is tried twice at most and then served; each time a runner starts and loads it. And then it runs, once. */
const LONGEST_MS = 3 * 2 * LIMITS.loadTimeoutMs + LIMITS.runTimeoutMs;

/** How a mutant may end besides the refusals of the strict reader; nothing here is the signer's end or an error that nobody foresaw. */
const ENDINGS = [
  ...["SIGNATURE_UNSUPPORTED", "LOAD_FAILED", "LOAD_TIMEOUT", "LOAD_KILLED_RUNNER", "METADATA_DIFFERS"],
  ...["result", "INPUT_MISMATCH", "RUN_FAILED", "RUN_LIMIT", "OUTPUT_UNSUPPORTED", "RUNNER_DIED", "RUN_TIMEOUT"],
];

/** What onnxruntime itself does not survive; each is told by name, so that it can be looked at alone. */
const DEADLY = ["LOAD_TIMEOUT", "LOAD_KILLED_RUNNER", "RUNNER_DIED", "RUN_TIMEOUT"];

interface Tried extends Ending {
  readonly index: number;
  readonly name: string;
  readonly level: Mutant["level"];
}

describe("mutated models in an enclave at the strongest level of this machine", function () {
  this.timeout(120_000 + FUZZ_MODELS * 1_000);
  let enclave: Enclave;
  let ended: string | undefined;
  const config = enclaveConfig({ limits: LIMITS });

  before(async () => {
    enclave = await startEnclave(config);
    void enclave.exited.then((how) => {
      ended = how;
    });
  });
  after(async () => enclave?.close());

  it("are made of models that are served", async () => {
    for (const [i, { name, build }] of BASE_MODELS.entries()) {
      const { code, detail } = await endingOf(enclave, build(), requestId(2 * HONEST_IDS + i));
      expect(`${name}: ${code} ${detail}`).to.equal(`${name}: result `);
    }
  });

  it(`each end in a typed outcome, and the same signer serves honest requests: ${FUZZ_MODELS} of seed ${FUZZ_SEED}`, async () => {
    const tried: Tried[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let index = next++; index < FUZZ_MODELS; index = next++) {
        tried.push(await tryOne(index));
        if (index % HONEST_EVERY === HONEST_EVERY - 1) await expectHonestService(enclave, HONEST_IDS + index);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    console.log(tableOf(tried).join("\n"));

    expect(ended).to.equal(undefined);
    await expectHonestService(enclave, HONEST_IDS + FUZZ_MODELS);
    const status = await enclave.status();
    expect([status.inFlight, status.capacity]).to.deep.equal([0, LIMITS.maxRunners]);
    expect(runnerPids().length).to.be.at.most(LIMITS.maxRunners);
    const { publicKey } = verifyDevelopmentDocument(
      await enclave.attest(),
      (config.platform as DevelopmentPlatform).rootKey,
    );
    expect(Buffer.from(publicKey)).to.deep.equal(Buffer.from(enclave.description.publicKey));
    // A run whose mutants all fell at the first byte, or were all harmless, would prove little.
    const share = (is: (one: Tried) => boolean): number => tried.filter(is).length / FUZZ_MODELS;
    expect(share(({ reachedRuntime }) => reachedRuntime)).to.be.within(0.4, 0.9);
    expect(share(({ code }) => code === "result")).to.be.within(0.1, 0.6);
    expect(share(({ code }) => code === "LOAD_FAILED")).to.be.within(0.1, 0.6);
  });

  async function tryOne(index: number): Promise<Tried> {
    const { name, level, bytes } = mutant(FUZZ_SEED, index);
    try {
      const ending = await endingOf(enclave, bytes, requestId(index + 1));
      if (!ENDINGS.includes(ending.code)) expect(ending.code).to.match(/^ONNX_/);
      expect(ending.milliseconds).to.be.below(LONGEST_MS);
      return { ...ending, index, name, level };
    } catch (error) {
      throw new Error(`mutant(${FUZZ_SEED}, ${index}), ${name}`, { cause: error });
    }
  }
});

/** How often each ending came, by what was changed, and how long the slowest mutant took. */
function tableOf(tried: readonly Tried[]): string[] {
  const levels = ["bytes", "fields", "meaning"] as const;
  const count = (code: string, level: Mutant["level"]): number =>
    tried.filter((one) => one.code === code && one.level === level).length;
  const row = (cells: readonly (string | number)[]): string =>
    `      ${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(30) : String(cell).padStart(8))).join("")}`;
  const codes = [...new Set(tried.map(({ code }) => code))];
  const times = (code: string): number => tried.filter((one) => one.code === code).length;
  codes.sort((a, b) => times(b) - times(a));
  const seen = tried.filter(({ reachedRuntime }) => reachedRuntime).length;
  const slowest = Math.max(0, ...tried.map(({ milliseconds }) => milliseconds));
  return [
    row(["ending", ...levels, "all"]),
    ...codes.map((code) => row([code, ...levels.map((level) => count(code, level)), times(code)])),
    row(["seen by onnxruntime", "", "", "", seen]),
    row(["slowest, ms", "", "", "", Math.round(slowest)]),
    ...tried
      .filter(({ code }) => DEADLY.includes(code))
      .map(({ index, name, code, detail }) => `      mutant ${index}, ${name}: ${code}, ${detail}`),
  ];
}
