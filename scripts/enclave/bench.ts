import { readFileSync } from "node:fs";
import { address, hex32, ZERO_32 } from "../../executor/domain/ids";
import { probeInputs, probeModel, warmUpModel } from "../../executor/enclave/image/probeModel";
import { OnnxRuntime } from "../../executor/enclave/image/runner/onnxruntime";
import { modelHashOf } from "../../executor/enclave/image/signer/hashing";
import { ephemeralPlatform } from "../../executor/enclave/platform/platform";
import { hostPath, INSIDE, locateImage } from "../../executor/enclave/sandbox/image";
import type { Launcher } from "../../executor/enclave/sandbox/launcher";
import { startEnclave } from "../../executor/enclave/supervisor";
import { encodeTensorSet, type NamedTensor } from "../../executor/protocol/tensorSet";
import { DType } from "../../executor/protocol/tensorType";
import { tensorFrom } from "../../executor/protocol/tensorValues";
import { descendants } from "../../test/executor/enclave/support/processes";

/**
 * What an answer through the enclave costs beside bare onnxruntime on the same machine, how long a start takes, and how much memory
 * signer and two runners hold: `npx ts-node -T scripts/enclave/bench.ts [launcher]`, one JSON object on the last line.
 */
const WARM_UP = 400;
const SAMPLES = 400;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number; // Never called with none.
}

async function timed(action: () => unknown): Promise<number> {
  const start = process.hrtime.bigint();
  await action();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Proportional resident memory of a process, in MB: shared pages are counted by their share. */
function pssMb(pid: number): number {
  const line = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
    .split("\n")
    .find((text) => text.startsWith("Pss:"));
  return Number(line?.replace(/\D/g, "")) / 1024;
}

async function main(): Promise<void> {
  const launcher = process.argv[2] as Launcher["name"] | undefined;
  const account = address(`0x${"11".repeat(20)}`);
  const config = {
    ...{
      chainId: 31337n,
      registry: account,
      hub: account,
      operator: account,
      payout: account,
      endpoint: "",
      platform: ephemeralPlatform(),
      minimumLevel: 1 as const,
    },
    ...(launcher === undefined ? {} : { launcher }),
  };
  const coldStartMs = await timed(async () => (await startEnclave(config)).close());
  const warmStarts: number[] = [];
  for (let i = 0; i < 5; i++) warmStarts.push(await timed(async () => (await startEnclave(config)).close()));
  const enclave = await startEnclave(config);
  process.env.ORT_DISABLE_TELEMETRY = "1";
  const bare = new OnnxRuntime(hostPath(locateImage(), INSIDE.onnxruntime));
  const tiny: NamedTensor[] = [{ name: "x", tensor: tensorFrom({ dtype: DType.float, dims: [1], values: [1] }) }];
  const cases = [
    { name: "tiny", model: warmUpModel(), set: tiny },
    { name: "probe", model: probeModel(), set: probeInputs() },
  ];
  let id = 1;
  const results: Record<string, unknown> = {};
  for (const { name, model, set } of cases) {
    const loaded = bare.load(model);
    const input = encodeTensorSet(set);
    const task = {
      requester: account,
      modelHash: modelHashOf(model),
      input,
      contextRoot: ZERO_32,
      feeWei: 0n,
      notAfter: 2_000,
      chainNow: 1_000,
    };
    const bareMs: number[] = [];
    const enclaveMs: number[] = [];
    // In turns, so that what else the machine does weighs on both alike.
    for (let i = 0; i < WARM_UP + SAMPLES; i++) {
      const b = await timed(() => loaded.run(set));
      const e = await timed(async () => {
        const outcome = await enclave.run(
          { ...task, requestId: hex32(`0x${(id++).toString(16).padStart(64, "0")}`) },
          model,
        );
        if (!outcome.ok || outcome.answer.kind !== "result") throw new Error("no result");
      });
      if (i < WARM_UP) continue;
      bareMs.push(b);
      enclaveMs.push(e);
    }
    results[name] = {
      bareMs: median(bareMs),
      enclaveMs: median(enclaveMs),
      overheadMs: median(enclaveMs) - median(bareMs),
    };
  }
  const family = descendants(process.pid).filter(
    ({ command }) => command.some((arg) => /(signer|runner)\.js$/.test(arg)) && !command[0]?.endsWith("bwrap"),
  );
  const memory = family.map(({ pid, command }) => ({
    what: command.some((arg) => arg.endsWith("/signer.js")) ? "signer" : "runner",
    pssMb: Math.round(pssMb(pid)),
  }));
  await enclave.close();
  const totalMb = memory.reduce((sum, { pssMb: mb }) => sum + mb, 0);
  console.log(
    JSON.stringify({
      level: enclave.description.level,
      coldStartMs,
      startMs: median(warmStarts),
      ...results,
      memory,
      totalMb,
    }),
  );
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
