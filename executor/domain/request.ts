import type { Terms } from "../protocol/terms";
import type { Address, Hex32 } from "./ids";

/** A block by number and hash; the number alone does not survive a reorg. */
export interface BlockRef {
  readonly number: number;
  readonly hash: Hex32;
}

/** What identifies a job for ever: the same request seen twice is one job. */
export interface JobKey {
  /** Where it was asked: "chain" for an event of the hub; later "order" and "pipe". */
  readonly source: "chain" | "order" | "pipe";
  readonly chainId: bigint;
  readonly contract: Address;
  /** The request id on the chain. */
  readonly externalId: Hex32;
}

/** A request as the chain follower read it; the bytes were checked against the id, so the RPC node can not have changed them. */
export interface InferenceRequest {
  readonly key: JobKey;
  readonly requestId: Hex32;
  readonly requester: Address;
  readonly salt: Hex32;
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly terms: Terms;
  readonly termsBytes: Uint8Array;
  readonly rewardWei: bigint;
  /** The encoded tensor set (`inputKind` 0). */
  readonly input: Uint8Array;
  /** Seconds of block time. */
  readonly requestedAt: number;
  readonly block: BlockRef;
  readonly transactionHash: Hex32;
}

/** What the enclave gave: a signed result or a signed refusal. Both end a request on the chain. */
export type Answer =
  | {
      readonly kind: "result";
      readonly signer: Address;
      readonly output: Uint8Array;
      readonly outputHash: Hex32;
      readonly runtimeProfile: Hex32;
      readonly issuedAt: number;
      readonly expiresAt: number;
      /** 64 bytes, EIP-2098. */
      readonly proof: Uint8Array;
    }
  | {
      readonly kind: "refusal";
      readonly signer: Address;
      readonly reason: number;
      readonly issuedAt: number;
      readonly expiresAt: number;
      readonly proof: Uint8Array;
    };

/** Why the enclave gave no answer at all; nothing was signed. `retryable` says whether another runner or enclave may be tried. */
export interface RunFailure {
  readonly code:
    | "RUNNER_DIED"
    | "RUN_TIMEOUT"
    | "ENCLAVE_GONE"
    | "ENCLAVE_BUSY"
    | "MODEL_UNAVAILABLE"
    | "SIGNER_RECORD_FULL"
    | "ALREADY_SIGNED_OTHER"
    | "ABORTED";
  readonly detail: string;
  readonly retryable: boolean;
}

/** One piece of work for an enclave. Everything that goes into the statement is here; the enclave adds profile and times. */
export interface RunTask {
  readonly requestId: Hex32;
  readonly requester: Address;
  readonly modelHash: Hex32;
  readonly input: Uint8Array;
  readonly contextRoot: Hex32;
  readonly feeWei: bigint;
  /** Seconds; the statement's `expiresAt` is at most this and at most the protocol's lifetime after `issuedAt`. */
  readonly notAfter: number;
  /** Block time now, in seconds, as the executor sees it: bounds the enclave's clock, decides nothing on the chain. */
  readonly chainNow: number;
}

export type RunOutcome =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly failure: RunFailure };
