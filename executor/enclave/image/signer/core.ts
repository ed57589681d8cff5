import { isAssayError } from "../../../domain/errors";
import { type Hex32, ZERO_32, ZERO_ADDRESS } from "../../../domain/ids";
import { type Frame, SectionTag } from "../../../protocol/frames";
import { REFUSAL_REASON, type RefusalReason } from "../../../protocol/statement";
import { hasCanonicalNans } from "../../../protocol/tensorNan";
import { decodeTensorSet, encodeTensorSet, type NamedTensor } from "../../../protocol/tensorSet";
import { matchSignature } from "../../../protocol/tensorSignature";
import { type BodyOf, type EnclaveLimits, fromFrame, type MessageOf, section, toFrame } from "../messages";
import { probeInputs, probeModel } from "../probeModel";
import { SESSION_OPTIONS } from "../runner/onnxruntime";
import type { Keccak } from "./hashing";
import type { EnclaveKeys } from "./keys";
import { ModelPool, read, type ServedModel } from "./pool";
import type { RunnerFactory, RunnerFault } from "./runnerPort";
import { runtimeProfileOf, StatementSigner, type Times, timesOf } from "./statements";

const ACCEPTED = ["configure", "load", "run", "sign", "attest", "status"] as const;
type Question = { [N in (typeof ACCEPTED)[number]]: MessageOf<N> }[(typeof ACCEPTED)[number]];
type RanOutcome = BodyOf<"ran">["outcome"];
type RunFailureCode = Extract<RanOutcome, { kind: "failure" }>["code"];

/** A run that fails this often is the input's doing; the signer then signs a refusal for it if asked to. */
const STRIKES_TO_REFUSE = 2;
const MAX_STRIKES = 4_096;
const PROBE_OUTPUT_BYTES = 128 * 1024;

export interface SignerParts {
  readonly factory: RunnerFactory;
  readonly keccak: Keccak;
  /** Born for this enclave, used by nobody else. */
  readonly keys: EnclaveKeys;
  readonly send: (frame: Frame) => void;
}

/** What exists once the operator's configuration has come; it comes once. */
interface Configured {
  readonly pool: ModelPool;
  readonly signer: StatementSigner;
  readonly limits: EnclaveLimits;
}

/**
 * The signer's behaviour, without the process around it: takes frames, gives frames. It believes its supervisor nothing but the
 * configuration, and that only once: what it signs it has hashed, run and checked itself.
 */
export class SignerCore {
  readonly #parts: SignerParts;
  readonly #keys: EnclaveKeys;
  readonly #strikes = new Map<string, number>();
  #configuring = false;
  #configured: Configured | undefined;

  constructor(parts: SignerParts) {
    this.#parts = parts;
    this.#keys = parts.keys;
  }

  /**
   * Takes one frame of the supervisor; answers come through `send`, in any order.
   * @throws FrameError when the frame is no question, after which the process must end
   */
  handle(frame: Frame): void {
    const message: Question = fromFrame(frame, ACCEPTED);
    void this.#answer(message).then(
      (reply) => this.#parts.send(reply),
      // Whatever was not foreseen is a bug; it is told, and answers nothing.
      (error: unknown) =>
        this.#parts.send(refuse(message.body.call, "SIGNER_BUG", error instanceof Error ? error.message : "")),
    );
  }

  async #answer(message: Question): Promise<Frame> {
    const { call } = message.body;
    if (message.name === "configure") return this.#configure(message.body);
    const configured = this.#configured;
    if (configured === undefined) return refuse(call, "NOT_CONFIGURED", "the first question is the configuration");
    switch (message.name) {
      case "load":
        return this.#load(configured, message);
      case "run":
        return this.#run(configured, message);
      case "sign":
        return this.#sign(configured, message.body);
      case "attest":
        return toFrame("attested", { call }, [
          [SectionTag.publicKey, this.#keys.publicKey],
          [SectionTag.userData, configured.signer.userData()],
        ]);
      case "status": {
        const { pool, signer, limits } = configured;
        const body = {
          call,
          models: pool.models,
          inFlight: pool.inFlight,
          capacity: limits.maxRunners,
          signed: signer.recorded,
          recordCapacity: limits.recordCapacity,
        };
        return toFrame("statusReply", body);
      }
    }
  }

  async #configure({ call, ...configuration }: BodyOf<"configure">): Promise<Frame> {
    // First wins: a second configuration could bind the same key to another operator or hub.
    if (this.#configuring) return refuse(call, "ALREADY_CONFIGURED", "the configuration is immutable");
    this.#configuring = true;
    const { limits } = configuration;
    const pool = new ModelPool(this.#parts.factory, limits);
    const probe = await this.#probe(pool, limits);
    if (!probe.ok) return refuse(call, "PROBE_FAILED", probe.detail);
    const runtimeProfile = runtimeProfileOf({
      pcr0: configuration.pcr0,
      sessionOptions: SESSION_OPTIONS,
      probeHash: probe.hash,
    });
    const signer = new StatementSigner({ keys: this.#keys, configuration, runtimeProfile });
    this.#configured = { pool, signer, limits };
    return toFrame("configured", { call, signer: this.#keys.signer, runtimeProfile, runnerTests: { ...probe.tests } }, [
      [SectionTag.publicKey, this.#keys.publicKey],
      [SectionTag.keyConfig, this.#keys.keyConfig],
    ]);
  }

  /** Runs the fixed graphs in a fresh runner: shows that runners work and locks down, and names the arithmetic of this machine. */
  async #probe(
    pool: ModelPool,
    limits: EnclaveLimits,
  ): Promise<{ ok: true; hash: Hex32; tests: Readonly<Record<string, string>> } | { ok: false; detail: string }> {
    const started = await pool.start();
    if (!started.ok) return { ok: false, detail: started.fault.detail };
    const { port, tests } = started;
    try {
      // The operator's limit on outputs is for models; the probe's own size is known.
      const order = toFrame("runnerLoad", { maxOutputBytes: PROBE_OUTPUT_BYTES }, [[SectionTag.model, probeModel()]]);
      const loaded = await port.exchange(order, limits.loadTimeoutMs);
      if (!loaded.ok) return { ok: false, detail: loaded.fault.detail };
      const ran = await port.exchange(
        toFrame("runnerRun", {}, [[SectionTag.input, encodeTensorSet(probeInputs())]]),
        limits.runTimeoutMs,
      );
      if (!ran.ok) return { ok: false, detail: ran.fault.detail };
      const message = read(port, ran.frame, ["runnerRan", "runnerFailed"]);
      if (!message.ok) return { ok: false, detail: message.fault.detail };
      if (message.value.name === "runnerFailed") return { ok: false, detail: message.value.body.detail };
      return { ok: true, hash: await this.#parts.keccak.hash(section(message.value, SectionTag.output)), tests };
    } finally {
      port.kill("the probe is over");
    }
  }

  async #load({ pool }: Configured, message: MessageOf<"load">): Promise<Frame> {
    const { call, modelHash } = message.body;
    const outcome = await pool.load(modelHash, section(message, SectionTag.model));
    return toFrame("loaded", { call, outcome: outcome.kind === "admitted" ? { kind: "admitted" } : clip(outcome) });
  }

  async #run(configured: Configured, message: MessageOf<"run">): Promise<Frame> {
    const task = message.body;
    const input = section(message, SectionTag.input);
    const times = timesOf(task);
    if (times === undefined) return ran(task.call, failure("ABORTED", "the statement's window is already over", false));
    const portable = task.requestId === ZERO_32;
    // A bound result costs its escrow; a portable one is for anybody, so nobody's address or memory may be in it.
    if (portable ? task.requester !== ZERO_ADDRESS || task.contextRoot !== ZERO_32 : task.feeWei !== 0n) {
      return ran(task.call, failure("ABORTED", "the task is neither a bound nor a portable one", false));
    }
    const { pool, signer } = configured;
    const model = pool.get(task.modelHash);
    if (model === undefined) {
      if (pool.rejectionOf(task.modelHash) === undefined) return ran(task.call, { kind: "modelNeeded" });
      return this.#refuse(signer, task, times, "MODEL_REJECTED");
    }
    const inputs = decodeOrUndefined(input);
    if (inputs === undefined) return this.#refuse(signer, task, times, "INPUT_MALFORMED");
    if (!matchSignature(model.signature.inputs, inputs).ok) return this.#refuse(signer, task, times, "INPUT_MISMATCH");
    if (!signer.hasRoomFor(task.requestId)) return ran(task.call, RECORD_FULL);
    const exchange = pool.exchange(model, toFrame("runnerRun", {}, [[SectionTag.input, input]]));
    if (exchange === undefined) return ran(task.call, failure("ENCLAVE_BUSY", "the model's queue is full", true));
    // Hashed while the runner computes. It is the memory that was handed to the socket, and nobody writes to it.
    const [reply, inputHash] = await Promise.all([exchange, this.#parts.keccak.hash(input)]);
    // An input that the runner never came to is not to blame for its end: a striker must not spoil the requests behind it.
    if (!reply.ok && !reply.reached) return ran(task.call, failure("ENCLAVE_BUSY", "the runner ended first", true));
    if (!reply.ok) return ran(task.call, this.#strike({ modelHash: task.modelHash, inputHash }, reply.fault));
    const answer = read(model.port, reply.frame, ["runnerRan", "runnerFailed"]);
    if (!answer.ok) return ran(task.call, this.#strike({ modelHash: task.modelHash, inputHash }, answer.fault));
    if (answer.value.name === "runnerFailed")
      return this.#refuse(signer, task, times, REASON_OF[answer.value.body.code]);
    const output = section(answer.value, SectionTag.output);
    const breach = outputBreach(model, output);
    if (breach !== undefined) {
      model.port.kill(breach);
      const fault = { code: "RUNNER_DIED", detail: breach } as const;
      return ran(task.call, this.#strike({ modelHash: task.modelHash, inputHash }, fault));
    }
    // It ran: whatever ended its runners before was not this input.
    this.#strikes.delete(runKey({ modelHash: task.modelHash, inputHash }));
    const outputHash = await this.#parts.keccak.hash(output);
    const { requestId, modelHash, contextRoot, requester, feeWei } = task;
    const signed = signer.signResult({
      requestId,
      modelHash,
      inputHash,
      outputHash,
      contextRoot,
      requester,
      feeWei,
      ...times,
    });
    if (!signed.ok) return ran(task.call, signed.verdict === "full" ? RECORD_FULL : OTHER_ANSWER);
    return ran(task.call, { kind: "result", outputHash, ...times }, [
      [SectionTag.output, output],
      [SectionTag.proof, signed.proof],
    ]);
  }

  #refuse(signer: StatementSigner, task: BodyOf<"run">, times: Times, reason: RefusalReason): Frame {
    const signed = signer.signRefusal({ requestId: task.requestId, reason, ...times });
    if (!signed.ok) return ran(task.call, signed.verdict === "full" ? RECORD_FULL : OTHER_ANSWER);
    return ran(task.call, { kind: "refusal", reason: REFUSAL_REASON[reason], ...times }, [
      [SectionTag.proof, signed.proof],
    ]);
  }

  #sign({ pool, signer }: Configured, { call, order }: BodyOf<"sign">): Frame {
    if (order.kind === "heartbeat") {
      const proof = signer.signHeartbeat(order);
      if (proof === undefined) return refuse(call, "COUNTER_NOT_RISING", "a heartbeat's counter must rise");
      return toFrame("signed", { call, issuedAt: 0, expiresAt: 0, reason: 0 }, [[SectionTag.proof, proof]]);
    }
    const times = timesOf(order);
    if (times === undefined) return refuse(call, "WINDOW_OVER", "the statement's window is already over");
    if (order.kind === "admission") {
      const encodedSignature = pool.admittedSignature(order.modelHash);
      if (encodedSignature === undefined)
        return refuse(call, "NOT_ADMITTED", "this enclave has not admitted the model");
      const proof = signer.signAdmission({ modelHash: order.modelHash, encodedSignature, ...times });
      return toFrame("signed", { call, ...times, reason: 0 }, [
        [SectionTag.proof, proof],
        [SectionTag.signature, encodedSignature],
      ]);
    }
    if (
      order.reason !== "MODEL_UNKNOWN" &&
      (order.run === undefined || (this.#strikes.get(runKey(order.run)) ?? 0) < STRIKES_TO_REFUSE)
    ) {
      return refuse(call, "NOT_SEEN", "this enclave has not seen that run fail often enough");
    }
    const signed = signer.signRefusal({ requestId: order.requestId, reason: order.reason, ...times });
    if (!signed.ok) return refuse(call, signed.verdict === "full" ? "SIGNER_RECORD_FULL" : "ALREADY_SIGNED_OTHER", "");
    return toFrame("signed", { call, ...times, reason: REFUSAL_REASON[order.reason] }, [
      [SectionTag.proof, signed.proof],
    ]);
  }

  #strike(run: { modelHash: Hex32; inputHash: Hex32 }, { code, detail }: RunnerFault): RanOutcome {
    const key = runKey(run);
    this.#strikes.set(key, (this.#strikes.get(key) ?? 0) + 1);
    // Forgetting the oldest only means that a refusal needs to be earned again.
    if (this.#strikes.size > MAX_STRIKES) this.#strikes.delete(this.#strikes.keys().next().value as string);
    return failure(code, detail, true);
  }
}

const REASON_OF: Record<BodyOf<"runnerFailed">["code"], RefusalReason> = {
  LOAD_FAILED: "RUN_FAILED",
  RUN_FAILED: "RUN_FAILED",
  OUTPUT_TOO_LARGE: "RUN_LIMIT",
  OUTPUT_UNSUPPORTED: "OUTPUT_UNSUPPORTED",
};
const RECORD_FULL = failure(
  "SIGNER_RECORD_FULL",
  "this key has signed as many answers as it may; a new enclave is needed",
  true,
);
const OTHER_ANSWER = failure("ALREADY_SIGNED_OTHER", "this key has signed another answer for the request", false);

function failure(code: RunFailureCode, detail: string, retryable: boolean): Extract<RanOutcome, { kind: "failure" }> {
  return { kind: "failure", code, detail: detail.slice(0, 500), retryable };
}

function ran(call: number, outcome: RanOutcome, sections: readonly (readonly [SectionTag, Uint8Array])[] = []): Frame {
  return toFrame("ran", { call, outcome }, sections);
}

function refuse(call: number, reason: string, detail: string): Frame {
  return toFrame("failed", { call, reason, detail: detail.slice(0, 500) });
}

function clip<T extends { readonly detail: string }>(outcome: T): T {
  return { ...outcome, detail: outcome.detail.slice(0, 500) };
}

function runKey(run: { modelHash: Hex32; inputHash: Hex32 }): string {
  return run.modelHash + run.inputHash;
}

function decodeOrUndefined(bytes: Uint8Array): NamedTensor[] | undefined {
  try {
    return decodeTensorSet(bytes);
  } catch (error) {
    if (isAssayError(error)) return undefined;
    throw error;
  }
}

/**
 * What an output breaks that an honest runner never breaks: the one encoding, canonical NaNs, the declared names, order and types.
 * Shapes are not compared: onnxruntime itself returns what it computed where a file declares otherwise.
 */
function outputBreach(model: ServedModel, output: Uint8Array): string | undefined {
  const set = decodeOrUndefined(output);
  if (set === undefined) return "the output is not a canonical tensor set";
  const { outputs } = model.signature;
  const fits =
    set.length === outputs.length &&
    set.every(({ name, tensor }, i) => name === outputs[i]?.name && tensor.dtype === outputs[i]?.dtype);
  if (!fits) return "the output is not what the model declares";
  return set.every(({ tensor }) => hasCanonicalNans(tensor)) ? undefined : "a NaN of the output is not canonical";
}
