import type { Address, Hex32 } from "../domain/ids";
import type { RunOutcome, RunTask } from "../domain/request";
import type { Pcrs } from "./measure/pcrs";

/** Software levels, strongest first: 3 namespaces + seccomp, 2 Landlock + seccomp, 1 plain process, 0 in this process. */
export type EnclaveLevel = 0 | 1 | 2 | 3;

/** What a running enclave is. Fixed for its life: another key or measurement is another enclave. */
export interface EnclaveDescription {
  readonly signer: Address;
  /** The signer's secp256k1 key, uncompressed, 65 bytes. */
  readonly publicKey: Uint8Array;
  /** RFC 9458 key configuration without its length prefix, 41 bytes. */
  readonly keyConfig: Uint8Array;
  readonly pcrs: Pcrs;
  readonly imageId: Hex32;
  readonly level: EnclaveLevel;
  /** What the self-tests found in force, one word each: `namespaces`, `seccomp`, `no-proc` … */
  readonly layers: readonly string[];
  readonly runtimeProfile: Hex32;
}

export type AdmitOutcome =
  | {
      readonly ok: true;
      /** The tensor signature of the model, encoded (docs/protocol.md, section 1). */
      readonly signature: Uint8Array;
      readonly signatureHash: Hex32;
      readonly proof: Uint8Array;
      readonly issuedAt: number;
      readonly expiresAt: number;
    }
  | { readonly ok: false; readonly reason: string; readonly detail: string; readonly retryable: boolean };

/** The span a statement is to be good for, in seconds of block time as the executor sees it. */
export interface StatementSpan {
  readonly chainNow: number;
  readonly notAfter: number;
}

export interface RefusalOrder extends StatementSpan {
  readonly requestId: Hex32;
  /** `MODEL_UNKNOWN` is the executor's word; the others the signer signs only for what it saw itself. */
  readonly reason: "MODEL_UNKNOWN" | "RUN_FAILED" | "RUN_LIMIT";
  /** Which run failed, for the last two reasons. */
  readonly run?: { readonly modelHash: Hex32; readonly inputHash: Hex32 };
}

export interface HeartbeatOrder {
  /** Must rise from one heartbeat to the next. */
  readonly counter: bigint;
  readonly blockNumber: bigint;
  readonly blockHash: Hex32;
}

export interface EnclaveStatus {
  /** Hashes of the models whose runners are up. */
  readonly models: readonly Hex32[];
  readonly inFlight: number;
  /** The most runners at a time. */
  readonly capacity: number;
  readonly signed: number;
  readonly recordCapacity: number;
}

/** One running enclave, as the app and the matching of requests see it. */
export interface Enclave {
  readonly description: EnclaveDescription;
  /** A signed document of the platform for this key. `nonce` is 40 bytes (block number and hash) or absent. */
  attest(args?: { readonly nonce?: Uint8Array }): Promise<Uint8Array>;
  /**
   * Runs a task and returns a signed answer, or why there is none. `model` is the whole file; it is sent only when the enclave has no
   * runner for it. Several runs may be in flight; those of one model queue. Never rejects: an enclave that is gone is a failure too.
   */
  run(task: RunTask, model: Uint8Array, signal?: AbortSignal): Promise<RunOutcome>;
  admit(args: StatementSpan & { readonly modelHash: Hex32; readonly model: Uint8Array }): Promise<AdmitOutcome>;
  /** @throws EnclaveError `ENCLAVE_REFUSED` when the signer has no ground for this refusal or has signed another answer for the id */
  signRefusal(order: RefusalOrder): Promise<{
    readonly proof: Uint8Array;
    readonly reason: number;
    readonly issuedAt: number;
    readonly expiresAt: number;
  }>;
  /** @throws EnclaveError `ENCLAVE_REFUSED` when the counter does not rise */
  heartbeat(order: HeartbeatOrder): Promise<Uint8Array>;
  status(): Promise<EnclaveStatus>;
  /** Resolves, once, with why the enclave ended. */
  readonly exited: Promise<string>;
  close(): Promise<void>;
}
