import { isAssayError } from "../../../domain/errors";
import type { Hex32 } from "../../../domain/ids";
import { type Frame, SectionTag } from "../../../protocol/frames";
import type { TensorSignature } from "../../../protocol/tensorSignature";
import { type EnclaveLimits, fromFrame, type MessageOf, toFrame } from "../messages";
import { admitStatically, compareMetadata } from "./admission";
import { modelHashOf } from "./hashing";
import type { Exchanged, RunnerFactory, RunnerFault, RunnerPort } from "./runnerPort";

/** A model whose runner is up. `pending` counts its queued and running requests. */
export interface ServedModel {
  readonly modelHash: Hex32;
  readonly signature: TensorSignature;
  readonly encodedSignature: Uint8Array;
  readonly port: RunnerPort;
  pending: number;
  lastUse: number;
}

export interface Rejection {
  readonly reason: string;
  readonly detail: string;
}

export type LoadOutcome =
  | { readonly kind: "admitted"; readonly model: ServedModel }
  | ({ readonly kind: "rejected" } & Rejection)
  | {
      readonly kind: "failure";
      readonly code: "RUNNER_DIED" | "RUN_TIMEOUT" | "ENCLAVE_BUSY" | "MODEL_UNAVAILABLE";
      readonly detail: string;
      readonly retryable: boolean;
    };

/** Verdicts are kept for convenience only: a forgotten one is found again from the bytes. */
const MAX_VERDICTS = 1_024;
/** Above what the answer carries: head, sections, the error text of a refusing runner. */
const REPLY_SLACK_BYTES = 256 * 1024;
/** A model that kills this many throw-away runners in a row is refused. */
const LOAD_ATTEMPTS = 2;

/** The runners of an enclave: one per model, for its whole life; the one idle for longest gives way. */
export class ModelPool {
  readonly #factory: RunnerFactory;
  readonly #limits: EnclaveLimits;
  readonly #served = new Map<Hex32, ServedModel>();
  readonly #loading = new Map<Hex32, Promise<LoadOutcome>>();
  readonly #admitted = new Map<Hex32, Uint8Array>();
  readonly #rejected = new Map<Hex32, Rejection>();
  #clock = 0;
  #starting = 0;

  constructor(factory: RunnerFactory, limits: EnclaveLimits) {
    this.#factory = factory;
    this.#limits = limits;
  }

  get models(): Hex32[] {
    return [...this.#served.values()].filter(({ port }) => port.alive).map(({ modelHash }) => modelHash);
  }

  get inFlight(): number {
    return [...this.#served.values()].reduce((sum, { pending }) => sum + pending, 0);
  }

  rejectionOf(modelHash: Hex32): Rejection | undefined {
    return this.#rejected.get(modelHash);
  }

  /** The signature hash's preimage of a model that this enclave has admitted, loaded now or not. */
  admittedSignature(modelHash: Hex32): Uint8Array | undefined {
    return this.#admitted.get(modelHash);
  }

  get(modelHash: Hex32): ServedModel | undefined {
    const model = this.#served.get(modelHash);
    if (model === undefined || model.port.alive) return model;
    this.#served.delete(modelHash);
    return undefined;
  }

  /** Admits a model and gives it a runner. Concurrent calls for one model share one loading. */
  load(modelHash: Hex32, bytes: Uint8Array): Promise<LoadOutcome> {
    const served = this.get(modelHash);
    if (served !== undefined) return Promise.resolve({ kind: "admitted", model: served });
    const known = this.#rejected.get(modelHash);
    if (known !== undefined) return Promise.resolve({ kind: "rejected", ...known });
    const running = this.#loading.get(modelHash);
    if (running !== undefined) return running;
    const loading = this.#load(modelHash, bytes).finally(() => this.#loading.delete(modelHash));
    this.#loading.set(modelHash, loading);
    return loading;
  }

  /** Puts a request into the model's queue; undefined when the queue is full. */
  exchange(model: ServedModel, frame: Frame): Promise<Exchanged> | undefined {
    if (model.pending >= this.#limits.maxQueuePerRunner) return undefined;
    model.pending++;
    model.lastUse = ++this.#clock;
    return model.port.exchange(frame, this.#limits.runTimeoutMs).finally(() => {
      model.pending--;
    });
  }

  /** Starts a runner and waits until it has locked itself down and shown it. */
  async start(): Promise<
    { ok: true; port: RunnerPort; tests: Readonly<Record<string, string>> } | { ok: false; fault: RunnerFault }
  > {
    const maxReplyBytes = this.#limits.maxOutputBytes + REPLY_SLACK_BYTES;
    let port: RunnerPort;
    try {
      port = this.#factory({ memoryBytes: this.#limits.runnerMemoryBytes, maxReplyBytes });
    } catch (error) {
      // No process or no memory to be had: a want of this moment, not a bug.
      return { ok: false, fault: { code: "RUNNER_DIED", detail: `spawn: ${String(error)}`.slice(0, 500) } };
    }
    const ready = await port.ready(this.#limits.loadTimeoutMs);
    if (!ready.ok) return ready;
    const message = read(port, ready.frame, ["runnerReady"]);
    if (!message.ok) return message;
    const { tests } = message.value.body;
    const open = Object.entries(tests).filter(([, outcome]) => outcome === "OK");
    if (open.length > 0) {
      const detail = `a runner is not locked down: ${open.map(([name]) => name).join(", ")}`;
      port.kill(detail);
      return { ok: false, fault: { code: "RUNNER_DIED", detail } };
    }
    return { ok: true, port, tests };
  }

  async #load(modelHash: Hex32, bytes: Uint8Array): Promise<LoadOutcome> {
    // The hash is taken of the very bytes that are written into the runner's socket below.
    if (modelHashOf(bytes) !== modelHash) {
      return {
        kind: "failure",
        code: "MODEL_UNAVAILABLE",
        detail: "the bytes do not have the model's hash",
        retryable: false,
      };
    }
    const verdict = admitStatically(bytes);
    if (!verdict.ok) return this.#reject(modelHash, { reason: verdict.reason, detail: verdict.detail });
    if (!this.#admitted.has(modelHash)) {
      const trial = await this.#tryOut(verdict.signature, bytes);
      if (trial.kind === "rejected") return this.#reject(modelHash, trial);
      if (trial.kind === "failure") return trial;
      remember(this.#admitted, modelHash, verdict.encoded);
    }
    if (!this.#makeRoom())
      return { kind: "failure", code: "ENCLAVE_BUSY", detail: "every runner is at work", retryable: true };
    this.#starting++;
    try {
      const loaded = await this.#startWith(bytes);
      if (!loaded.ok) return { kind: "failure", ...loaded.fault, retryable: true };
      if (loaded.message.name === "runnerFailed") {
        loaded.port.kill("the model did not load");
        return { kind: "failure", code: "RUNNER_DIED", detail: loaded.message.body.detail, retryable: true };
      }
      const model: ServedModel = {
        modelHash,
        signature: verdict.signature,
        encodedSignature: verdict.encoded,
        port: loaded.port,
        pending: 0,
        lastUse: ++this.#clock,
      };
      this.#served.set(modelHash, model);
      return { kind: "admitted", model };
    } finally {
      this.#starting--;
    }
  }

  /** Loads a new model into a runner that is thrown away, where it can do no harm whatever it does. */
  async #tryOut(
    signature: TensorSignature,
    bytes: Uint8Array,
  ): Promise<{ kind: "fine" } | Exclude<LoadOutcome, { kind: "admitted" }>> {
    let fault: RunnerFault | undefined;
    for (let attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
      const loaded = await this.#startWith(bytes);
      if (!loaded.ok) {
        // A runner that does not come up at all says nothing about the model.
        if (loaded.stage === "start") return { kind: "failure", ...loaded.fault, retryable: true };
        fault = loaded.fault;
        continue;
      }
      loaded.port.kill("it was a trial");
      const { message } = loaded;
      if (message.name === "runnerFailed")
        return { kind: "rejected", reason: "LOAD_FAILED", detail: message.body.detail };
      const difference = compareMetadata(signature, message.body);
      return difference === undefined
        ? { kind: "fine" }
        : { kind: "rejected", reason: "METADATA_DIFFERS", detail: difference };
    }
    const reason = fault?.code === "RUN_TIMEOUT" ? "LOAD_TIMEOUT" : "LOAD_KILLED_RUNNER";
    return { kind: "rejected", reason, detail: fault?.detail ?? "" };
  }

  async #startWith(
    bytes: Uint8Array,
  ): Promise<
    | { ok: true; port: RunnerPort; message: MessageOf<"runnerLoaded"> | MessageOf<"runnerFailed"> }
    | { ok: false; stage: "start" | "load"; fault: RunnerFault }
  > {
    const started = await this.start();
    if (!started.ok) return { ok: false, stage: "start", fault: started.fault };
    const { port } = started;
    const order = toFrame("runnerLoad", { maxOutputBytes: this.#limits.maxOutputBytes }, [[SectionTag.model, bytes]]);
    const reply = await port.exchange(order, this.#limits.loadTimeoutMs);
    if (!reply.ok) return { ok: false, stage: "load", fault: reply.fault };
    const message = read(port, reply.frame, ["runnerLoaded", "runnerFailed"]);
    return message.ok ? { ok: true, port, message: message.value } : { ok: false, stage: "load", fault: message.fault };
  }

  #reject(modelHash: Hex32, { reason, detail }: Rejection): LoadOutcome {
    const rejection = { reason, detail };
    remember(this.#rejected, modelHash, rejection);
    return { kind: "rejected", ...rejection };
  }

  /** True if another runner may be started, if need be after ending the one that was idle for longest. */
  #makeRoom(): boolean {
    for (const modelHash of [...this.#served.keys()]) this.get(modelHash);
    if (this.#served.size + this.#starting < this.#limits.maxRunners) return true;
    const idle = [...this.#served.values()]
      .filter(({ pending }) => pending === 0)
      .sort((a, b) => a.lastUse - b.lastUse)[0];
    if (idle === undefined) return false;
    idle.port.kill("it gave way to another model");
    this.#served.delete(idle.modelHash);
    return true;
  }
}

/** Reads a runner's frame; one that is no message of a runner kills it. */
export function read<N extends "runnerReady" | "runnerLoaded" | "runnerRan" | "runnerFailed">(
  port: RunnerPort,
  frame: Frame,
  accepted: readonly N[],
): { ok: true; value: { [K in N]: MessageOf<K> }[N] } | { ok: false; fault: RunnerFault } {
  try {
    return { ok: true, value: fromFrame(frame, accepted) };
  } catch (error) {
    if (!isAssayError(error, "FRAME_MESSAGE")) throw error;
    const detail = "it broke the protocol: FRAME_MESSAGE";
    port.kill(detail);
    return { ok: false, fault: { code: "RUNNER_DIED", detail } };
  }
}

function remember<T>(map: Map<Hex32, T>, key: Hex32, value: T): void {
  map.set(key, value);
  if (map.size > MAX_VERDICTS) map.delete(map.keys().next().value as Hex32); // Not empty: something was just set.
}
