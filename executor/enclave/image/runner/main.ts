import { type Frame, FrameType, SectionTag } from "../../../protocol/frames";
import { Native } from "../native";
import { warmUpModel } from "../probeModel";
import { BlockingChannel } from "./blockingChannel";
import { lockDown, lockdownTests } from "./lockdown";
import { OnnxRuntime } from "./onnxruntime";
import { ModelServer } from "./serve";

const CHANNEL_FD = 3;

/**
 * Entry of a runner: `node runner.js <onnxruntime binding> <koffi> <memory bytes>`, fd 3 its socket to the signer.
 * The order is the point: load everything that is measured, give up everything else, then read the first foreign byte.
 */
function main(): void {
  const [binding, koffi, memory] = process.argv.slice(2);
  if (binding === undefined || koffi === undefined || memory === undefined)
    throw new Error("three arguments are needed");
  const runtime = new OnnxRuntime(binding);
  // The first session makes onnxruntime read the processor's features from files, which is refused afterwards.
  runtime.load(warmUpModel());
  const native = new Native(koffi);
  lockDown(native, Number(memory));
  const channel = new BlockingChannel(CHANNEL_FD);
  const ready = Buffer.from(JSON.stringify({ tests: lockdownTests(native) }));
  channel.write({ type: FrameType.runnerReady, sections: new Map([[SectionTag.body, ready]]) });
  const server = new ModelServer(runtime);
  for (let frame: Frame | undefined = channel.read(); frame !== undefined; frame = channel.read()) {
    channel.write(server.handle(frame));
  }
}

main();
