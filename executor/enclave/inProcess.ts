import { dirname, join } from "node:path";
import type { Frame } from "../protocol/frames";
import { configureBody, type EnclaveConfig } from "./config";
import { SignerConnection, type SignerLink } from "./connection";
import { toFrame } from "./image/messages";
import { type NativeBinding, OnnxRuntime } from "./image/runner/onnxruntime";
import { ModelServer } from "./image/runner/serve";
import { SignerCore } from "./image/signer/core";
import { Keccak } from "./image/signer/hashing";
import { EnclaveKeys } from "./image/signer/keys";
import type { Exchanged, RunnerPort } from "./image/signer/runnerPort";
import { measure } from "./measure/measure";
import type { Enclave } from "./ports";
import { RunningEnclave } from "./runningEnclave";
import { locateImage } from "./sandbox/image";

let runtime: OnnxRuntime | undefined;

/** A runner that is this process: the same code, and nothing around it. */
class InProcessRunner implements RunnerPort {
  readonly #server: ModelServer;
  alive = true;

  constructor(shared: OnnxRuntime) {
    this.#server = new ModelServer(shared);
  }

  ready(): Promise<Exchanged> {
    return Promise.resolve({ ok: true, frame: toFrame("runnerReady", { tests: {} }) });
  }

  async exchange(frame: Frame): Promise<Exchanged> {
    // As over a socket, the answer never comes within the question.
    await Promise.resolve();
    if (!this.alive) return { ok: false, fault: { code: "RUNNER_DIED", detail: "killed" }, reached: false };
    return { ok: true, frame: this.#server.handle(frame) };
  }

  kill(): void {
    this.alive = false;
  }
}

/**
 * onnxruntime as the rest of this process has it. Its environment may be initialised once in a process, and the second time ends it, so a
 * consumer whose own tests use onnxruntime-node must share it with level 0.
 */
function sharedBinding(): NativeBinding {
  const module = join(dirname(require.resolve("onnxruntime-node")), "binding.js");
  const { binding, initOrt } = require(module) as { binding: NativeBinding; initOrt: () => void };
  initOrt();
  return binding;
}

/**
 * Level 0: signer and runners in this process, for unit tests of contracts. The statements and documents are real, the isolation is not,
 * and the document says so: a registry takes level 0 on development chains only.
 */
export async function startInProcess(config: EnclaveConfig): Promise<Enclave> {
  const image = locateImage(config.image);
  const { pcrs } = await measure(image, 0);
  process.env.ORT_DISABLE_TELEMETRY = "1";
  runtime ??= new OnnxRuntime(sharedBinding());
  const shared = runtime;
  let deliver: (frame: Frame) => void = () => undefined;
  let end: (how: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  const core = new SignerCore({
    factory: () => new InProcessRunner(shared),
    keccak: await Keccak.create(),
    keys: await EnclaveKeys.create(),
    send: (frame) => deliver(frame),
  });
  const link: SignerLink = {
    send: (frame) => core.handle(frame),
    listen: (onFrame, onBreach) => {
      deliver = (frame) => {
        try {
          onFrame(frame);
        } catch (error) {
          onBreach(error);
        }
      };
    },
    ended,
    kill: () => end("closed"),
  };
  const connection = new SignerConnection(link);
  const configured = await connection.ask("configure", configureBody(config, 0, pcrs.pcr0));
  return new RunningEnclave({ connection, platform: config.platform, configured, pcrs, level: 0, layers: [] });
}
