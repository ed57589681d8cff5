import { Native } from "../../executor/enclave/image/native";
import { warmUpModel } from "../../executor/enclave/image/probeModel";
import { BlockingChannel } from "../../executor/enclave/image/runner/blockingChannel";
import { lockDown } from "../../executor/enclave/image/runner/lockdown";
import { OnnxRuntime } from "../../executor/enclave/image/runner/onnxruntime";
import { ModelServer } from "../../executor/enclave/image/runner/serve";
import { type Frame, FrameType, SectionTag } from "../../executor/protocol/frames";
import { FATAL_BEHIND_FILTER, runAttacks } from "./attacks";
import type { AttackTargets } from "./targets";

/** Put in by the bundler: a sandbox gets no argument, variable or file from outside. */
declare const ATTACK_TARGETS: AttackTargets;

/**
 * Stands in for the runner in a test image: attacks with native code first as whatever the sandbox is given to run, then once more behind
 * the runner's own filter, reports both, and serves honestly so that the enclave comes up.
 */
async function main(): Promise<void> {
  const [binding, koffi, memory] = process.argv.slice(2) as [string, string, string];
  const runtime = new OnnxRuntime(binding);
  runtime.load(warmUpModel());
  const native = new Native(koffi);
  const context = { native, targets: ATTACK_TARGETS, self: __filename };
  const sandbox = await runAttacks(context, FATAL_BEHIND_FILTER);
  lockDown(native, Number(memory));
  const runner = await runAttacks(context, FATAL_BEHIND_FILTER);
  const prefixed = (prefix: string, outcomes: Record<string, string>) =>
    Object.fromEntries(Object.entries(outcomes).map(([name, value]) => [`${prefix}/${name}`, value]));
  const tests = { ...prefixed("sandbox", sandbox), ...prefixed("runner", runner) };
  const channel = new BlockingChannel(3);
  channel.write({
    type: FrameType.runnerReady,
    sections: new Map([[SectionTag.body, Buffer.from(JSON.stringify({ tests }))]]),
  });
  const server = new ModelServer(runtime);
  for (let frame: Frame | undefined = channel.read(); frame !== undefined; frame = channel.read())
    channel.write(server.handle(frame));
  process.exit(0);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
