import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { join } from "node:path";
import { Chooser } from "../../executor/app/chooser";
import { pipeRunner } from "../../executor/app/pipeRunner";
import { address, type Hex32, hex32, ZERO_32 } from "../../executor/domain/ids";
import { DEFAULT_ENCLAVE_LIMITS } from "../../executor/enclave/config";
import { modelHashOf } from "../../executor/enclave/image/signer/hashing";
import { ephemeralPlatform } from "../../executor/enclave/platform/platform";
import { startEnclave } from "../../executor/enclave/supervisor";
import type { InferenceRunner } from "../../executor/pipe/ports";
import { Resolver } from "../../executor/pipe/resolver";
import { inferenceOf } from "../../executor/protocol/portable";
import { encodeTensorSet } from "../../executor/protocol/tensorSet";
import { DType } from "../../executor/protocol/tensorType";
import { tensorFrom } from "../../executor/protocol/tensorValues";
import { imageModel } from "./enclave";
import { median, timed } from "./statistics";

const FAN = 8;
const RUNS = 3;
const WANTED_MS = 50;
const NOW = 1_000;
const ACCOUNT = address(`0x${"11".repeat(20)}`);
const TERMS = { minTrust: 0, profile: ZERO_32, imageId: ZERO_32 };

let seed = 0;
const question = (modelHash: Hex32) => {
  const x = tensorFrom({ dtype: DType.float, dims: [1], values: [++seed / 1_000] });
  return inferenceOf(modelHash, encodeTensorSet([{ name: "x", tensor: x }]), TERMS);
};

const resolverOf = (runner: InferenceRunner): Resolver =>
  new Resolver({ runner, feeWei: 0n, now: () => NOW, signal: new AbortController().signal });

async function ask(resolver: Resolver, modelHash: Hex32): Promise<void> {
  const { outcome } = await resolver.resolve(question(modelHash), NOW + 600, ACCOUNT);
  if (!outcome.ok) throw new Error(`no answer: ${outcome.reason}`);
}

/** Eight questions at once against eight in a row, median of three. */
async function speedup(runner: InferenceRunner, modelHash: Hex32): Promise<number> {
  const ratios: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const resolver = resolverOf(runner);
    const row = await timed(async () => {
      for (let i = 0; i < FAN; i++) await ask(resolver, modelHash);
    });
    const fan = await timed(() => Promise.all(Array.from({ length: FAN }, () => ask(resolver, modelHash))));
    ratios.push(row / fan);
  }
  return median(ratios);
}

/** What this machine's cores can do at all: the same model in bare onnxruntime, one process for each core, without anything of ours. */
async function ceiling(layers: number, cores: number): Promise<number> {
  const runners = await Promise.all(
    Array.from({ length: cores }, async () => {
      const runner = fork(join(__dirname, "bareRunner.ts"), [String(layers)], {
        execArgv: ["-r", "ts-node/register/transpile-only"],
      });
      await once(runner, "message");
      return runner;
    }),
  );
  const run = async (runner: ChildProcess | undefined, runs: number): Promise<void> => {
    if (runner === undefined) throw new Error("there is no core");
    const done = once(runner, "message");
    runner.send(runs);
    await done;
  };
  try {
    const ratios: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const row = await timed(() => run(runners[0], FAN));
      ratios.push(row / (await timed(() => Promise.all(runners.map((runner) => run(runner, FAN / cores))))));
    }
    return median(ratios);
  } finally {
    for (const runner of runners) runner.disconnect();
  }
}

/** How much faster the inferences of one round are together: real enclaves, one runner for each core, and the scheduling alone with a simulated one. */
export async function measureParallel(): Promise<Record<string, number>> {
  const cores = cpus().length;
  const models = new Map<Hex32, Uint8Array>();
  const enclaves = await Promise.all(
    Array.from({ length: cores }, () =>
      startEnclave({
        chainId: 31337n,
        registry: ACCOUNT,
        hub: ACCOUNT,
        operator: ACCOUNT,
        payout: ACCOUNT,
        endpoint: "",
        platform: ephemeralPlatform(),
        minimumLevel: 1,
      }),
    ),
  );
  try {
    const head = { number: 1, hash: ZERO_32, parentHash: ZERO_32, timestamp: NOW, baseFeePerGas: 0n };
    const active = enclaves.map((enclave) => ({
      enclave,
      operatorId: 1,
      trust: 3,
      epochEnd: NOW + 86_400,
      heartbeatDue: NOW + 86_400,
      counter: 0n,
      signed: 0n,
      draining: false,
    }));
    const chooser = new Chooser({
      config: { memoryBudget: 2 ** 30 },
      fleet: { active },
      clock: { known: head },
      runnersPerEnclave: DEFAULT_ENCLAVE_LIMITS.maxRunners,
      priorityFeeWei: 0n,
      nowMs: Date.now,
    } as never);
    const runner = pipeRunner({
      chooser,
      model: async (hash) => ({ ok: true, bytes: models.get(hash) ?? new Uint8Array() }),
    });
    let modelHash = ZERO_32;
    let oneMs = 0;
    let layers = 3;
    while (oneMs < WANTED_MS) {
      layers += 6;
      const bytes = imageModel(layers, "seed");
      modelHash = hex32(modelHashOf(bytes));
      models.set(modelHash, bytes);
      const resolver = resolverOf(runner);
      // Every enclave loads it first.
      await Promise.all(Array.from({ length: 4 * cores }, () => ask(resolver, modelHash)));
      const times: number[] = [];
      for (let i = 0; i < 5; i++) times.push(await timed(() => ask(resolver, modelHash)));
      oneMs = median(times);
    }
    const simulated: InferenceRunner = {
      run: async ({ inference }) => {
        await new Promise((resolve) => setTimeout(resolve, WANTED_MS));
        const { modelHash: model, inputHash } = inference;
        const expiresAt = NOW + 600;
        const answer = {
          modelHash: model,
          inputHash,
          signer: ACCOUNT,
          trust: 3,
          imageId: ZERO_32,
          runtimeProfile: ZERO_32,
        };
        return {
          ok: true,
          answer: {
            ...answer,
            feeWei: 0n,
            issuedAt: NOW,
            expiresAt,
            output: new Uint8Array(32),
            proof: new Uint8Array(64),
          },
        };
      },
      placeholder: async () => undefined,
    };
    return {
      "pipe.parallelModelMs": oneMs,
      "pipe.parallelSpeedup": (await speedup(runner, modelHash)) / cores,
      "pipe.parallelCeiling": (await ceiling(layers, cores)) / cores,
      "pipe.scheduleSpeedup": await speedup(simulated, modelHash),
    };
  } finally {
    await Promise.all(enclaves.map((enclave) => enclave.close()));
  }
}
