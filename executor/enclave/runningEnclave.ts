import { isAssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { RunFailure, RunOutcome, RunTask } from "../domain/request";
import { SectionTag } from "../protocol/frames";
import { keccak256 } from "../protocol/statement";
import type { SignerConnection } from "./connection";
import { EnclaveError } from "./errors";
import { type BodyOf, type MessageOf, section } from "./image/messages";
import type { Platform } from "./platform/platform";
import type {
  AdmitOutcome,
  Enclave,
  EnclaveDescription,
  EnclaveStatus,
  HeartbeatOrder,
  RefusalOrder,
  StatementSpan,
} from "./ports";

/** A model that has just been loaded may be evicted before its run gets there; more rounds than this mean too little capacity. */
const LOAD_ROUNDS = 3;

/** The host's side of a running enclave. It moves bytes; every promise about them is the signer's. */
export class RunningEnclave implements Enclave {
  readonly description: EnclaveDescription;
  readonly exited: Promise<string>;
  readonly #connection: SignerConnection;
  readonly #platform: Platform;
  #inFlight = 0;

  constructor(parts: {
    readonly connection: SignerConnection;
    readonly platform: Platform;
    readonly configured: MessageOf<"configured">;
    readonly pcrs: EnclaveDescription["pcrs"];
    readonly level: EnclaveDescription["level"];
    readonly layers: readonly string[];
  }) {
    const { configured, pcrs, level, layers, platform } = parts;
    this.#connection = parts.connection;
    this.#platform = platform;
    this.exited = parts.connection.ended;
    this.description = Object.freeze({
      signer: configured.body.signer,
      publicKey: section(configured, SectionTag.publicKey),
      keyConfig: section(configured, SectionTag.keyConfig),
      pcrs,
      imageId: platform.imageIdOf(pcrs),
      level,
      layers,
      runtimeProfile: configured.body.runtimeProfile,
    });
  }

  async attest({ nonce }: { readonly nonce?: Uint8Array } = {}): Promise<Uint8Array> {
    if (nonce !== undefined && nonce.length !== 40) {
      throw new EnclaveError({
        code: "ENCLAVE_CONFIG_INVALID",
        message: "a nonce has 40 bytes",
        context: { length: nonce.length },
      });
    }
    const reply = await this.#connection.ask("attest", {});
    return this.#platform.document({
      pcrs: this.description.pcrs,
      publicKey: section(reply, SectionTag.publicKey),
      userData: section(reply, SectionTag.userData),
      ...(nonce === undefined ? {} : { nonce }),
      nowMs: Date.now(),
    });
  }

  async run(task: RunTask, model: Uint8Array, signal?: AbortSignal): Promise<RunOutcome> {
    this.#inFlight++;
    try {
      return await this.#run(task, model, signal);
    } catch (error) {
      if (isAssayError(error, "ENCLAVE_GONE")) return failed("ENCLAVE_GONE", error.message, true);
      if (isAssayError(error, "FRAME_LENGTH"))
        return failed("MODEL_UNAVAILABLE", "the model or the input is larger than a frame may be", false);
      if (isAssayError(error, "ENCLAVE_REFUSED")) return failed("ABORTED", error.message, true);
      throw error;
    } finally {
      this.#inFlight--;
    }
  }

  async #run(task: RunTask, model: Uint8Array, signal: AbortSignal | undefined): Promise<RunOutcome> {
    const { requestId, requester, modelHash, contextRoot, feeWei, chainNow, notAfter, input } = task;
    const body = { requestId, requester, modelHash, contextRoot, feeWei, chainNow, notAfter };
    for (let round = 0; round < LOAD_ROUNDS; round++) {
      if (signal?.aborted === true) return failed("ABORTED", "the caller gave up", true);
      const reply = await this.#connection.ask("run", body, [[SectionTag.input, input]]);
      const { outcome } = reply.body;
      if (outcome.kind === "modelNeeded") {
        const loaded = await this.#load(modelHash, model);
        // A rejected model is asked for once more: the signer then refuses the request with its signature.
        // No input was near a runner that did not come up: it must not be counted against one.
        if (loaded.kind === "failure" && (loaded.code === "RUNNER_DIED" || loaded.code === "RUN_TIMEOUT"))
          return failed("ENCLAVE_BUSY", loaded.detail, true);
        if (loaded.kind === "failure") return failed(loaded.code, loaded.detail, loaded.retryable);
        continue;
      }
      return this.#outcome(outcome, reply);
    }
    return failed("ENCLAVE_BUSY", "the model was evicted again before it could run", true);
  }

  #outcome(outcome: Exclude<BodyOf<"ran">["outcome"], { kind: "modelNeeded" }>, reply: MessageOf<"ran">): RunOutcome {
    if (outcome.kind === "failure") return failed(outcome.code, outcome.detail, outcome.retryable);
    const { signer, runtimeProfile } = this.description;
    const { issuedAt, expiresAt } = outcome;
    const proof = section(reply, SectionTag.proof);
    if (outcome.kind === "refusal")
      return { ok: true, answer: { kind: "refusal", signer, reason: outcome.reason, issuedAt, expiresAt, proof } };
    const output = section(reply, SectionTag.output);
    return {
      ok: true,
      answer: {
        kind: "result",
        signer,
        output,
        outputHash: outcome.outputHash,
        runtimeProfile,
        issuedAt,
        expiresAt,
        proof,
      },
    };
  }

  async #load(modelHash: Hex32, model: Uint8Array): Promise<BodyOf<"loaded">["outcome"]> {
    const reply = await this.#connection.ask("load", { modelHash }, [[SectionTag.model, model]]);
    return reply.body.outcome;
  }

  async admit(args: StatementSpan & { readonly modelHash: Hex32; readonly model: Uint8Array }): Promise<AdmitOutcome> {
    const { modelHash, model, chainNow, notAfter } = args;
    const outcome = await this.#load(modelHash, model);
    if (outcome.kind === "rejected")
      return { ok: false, reason: outcome.reason, detail: outcome.detail, retryable: false };
    if (outcome.kind === "failure")
      return { ok: false, reason: outcome.code, detail: outcome.detail, retryable: outcome.retryable };
    const reply = await this.#connection.ask("sign", { order: { kind: "admission", modelHash, chainNow, notAfter } });
    const signature = section(reply, SectionTag.signature);
    const { issuedAt, expiresAt } = reply.body;
    return {
      ok: true,
      signature,
      signatureHash: keccak256(signature),
      proof: section(reply, SectionTag.proof),
      issuedAt,
      expiresAt,
    };
  }

  async signRefusal(
    order: RefusalOrder,
  ): Promise<{ proof: Uint8Array; reason: number; issuedAt: number; expiresAt: number }> {
    const reply = await this.#connection.ask("sign", { order: { kind: "refusal", run: undefined, ...order } });
    const { reason, issuedAt, expiresAt } = reply.body;
    return { proof: section(reply, SectionTag.proof), reason, issuedAt, expiresAt };
  }

  async heartbeat(order: HeartbeatOrder): Promise<Uint8Array> {
    return section(await this.#connection.ask("sign", { order: { kind: "heartbeat", ...order } }), SectionTag.proof);
  }

  async status(): Promise<EnclaveStatus> {
    const { models, capacity, signed, recordCapacity } = (await this.#connection.ask("status", {})).body;
    return { models, inFlight: this.#inFlight, capacity, signed, recordCapacity };
  }

  async close(): Promise<void> {
    this.#connection.kill("closed");
    await this.exited;
  }
}

function failed(code: RunFailure["code"], detail: string, retryable: boolean): RunOutcome {
  return { ok: false, failure: { code, detail, retryable } };
}
