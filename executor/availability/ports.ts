import type { Hex32 } from "../domain/ids";

/** Why a source has no bytes for a hash. A failed look is never an absence: only `MODEL_NOT_FOUND` says that there is no such file. */
export const FETCH_FAILURES = {
  MODEL_NOT_FOUND: "the source does not have the file",
  MODEL_HASH_MISMATCH: "what the source gave is another file",
  MODEL_TOO_LARGE: "the file is larger than allowed",
  MODEL_TIMEOUT: "the source took too long",
  MODEL_UNREACHABLE: "the source could not be asked, or failed",
  MODEL_REDIRECT_REFUSED: "the source points to a place that must not be asked",
  MODEL_ABORTED: "the caller did not want it any more",
} as const;
export type FetchFailureCode = keyof typeof FETCH_FAILURES;

export interface FetchFailure {
  readonly code: FetchFailureCode;
  /** Which source said so. */
  readonly source: string;
  readonly detail: string;
  readonly retryable: boolean;
}

export type FetchOutcome =
  | {
      readonly ok: true /** Shared with other callers: read only. */;
      readonly bytes: Uint8Array;
      readonly source: string;
    }
  | {
      readonly ok: false /** What decided; of several sources the one that leaves most hope. */;
      readonly failure: FetchFailure;
      readonly attempts: readonly FetchFailure[];
    };

/** Where the bytes of a model come from. Implementations hash what they give: `ok` means that sha-256 of `bytes` is `modelHash`. */
export interface ModelSource {
  readonly name: string;
  fetch(modelHash: Hex32, signal?: AbortSignal): Promise<FetchOutcome>;
  /** The size of a file that this source has now, without fetching it; undefined says nothing. */
  sizeOf?(modelHash: Hex32): number | undefined;
}

export type BlobRead =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: "BLOB_MISSING" | "BLOB_CORRUPT" };

/** Files by their sha-256. What was put is there after a crash, whole or not at all. */
export interface BlobStore {
  /** A corrupt file is removed, so that putting it again repairs it. */
  get(hash: Hex32): Promise<BlobRead>;
  put(bytes: Uint8Array): Promise<Hex32>;
  has(hash: Hex32): Promise<boolean>;
  delete(hash: Hex32): Promise<void>;
}
