import { createHash } from "node:crypto";
import { type Hex32, hex32 } from "../domain/ids";
import type { FetchFailure, FetchFailureCode, FetchOutcome } from "./ports";

export function sha256Of(bytes: Uint8Array): Hex32 {
  return hex32(`0x${createHash("sha256").update(bytes).digest("hex")}`);
}

const RETRYABLE: Readonly<Record<FetchFailureCode, boolean>> = {
  MODEL_NOT_FOUND: true,
  MODEL_HASH_MISMATCH: false,
  MODEL_TOO_LARGE: false,
  MODEL_TIMEOUT: true,
  MODEL_UNREACHABLE: true,
  MODEL_REDIRECT_REFUSED: false,
  MODEL_ABORTED: true,
};

/** One source's failure as an outcome. A file that is missing may be put there later, so asking again makes sense. */
export function failed(code: FetchFailureCode, source: string, detail: string): FetchOutcome {
  const failure: FetchFailure = { code, source, detail, retryable: RETRYABLE[code] };
  return { ok: false, failure, attempts: [failure] };
}
