/**
 * What a caller may do after an error.
 * `never`: the same call fails again. `later`: the same call may pass when the world has moved.
 * `unknown`: the effect may or may not have happened; look before doing anything.
 */
export type RetryClass = "never" | "later" | "unknown";

export interface AssayErrorInit {
  readonly code: string;
  readonly message: string;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly retry?: RetryClass;
  readonly cause?: unknown;
}

/**
 * The one error base. `code` is the API and is matched on; `message` is for people and may change.
 * A code begins with the word of its stage: `STORE_LOCKED`, `POSTING_NONCE_TAKEN`.
 */
export class AssayError extends Error {
  readonly code: string;
  readonly context: Readonly<Record<string, unknown>>;
  readonly retry: RetryClass;

  constructor(init: AssayErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = "AssayError";
    this.code = init.code;
    this.context = init.context ?? {};
    this.retry = init.retry ?? "never";
  }
}

/** True for an `AssayError`, narrowed to the code when one is given. */
export function isAssayError(error: unknown, code?: string): error is AssayError {
  return error instanceof AssayError && (code === undefined || error.code === code);
}
