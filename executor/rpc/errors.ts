import { AssayError, type RetryClass } from "../domain/errors";

/**
 * Codes of this layer.
 * - `RPC_UNREACHABLE`, `RPC_TIMEOUT`, `RPC_HTTP_STATUS`, `RPC_MALFORMED`: no usable answer came; nothing is known.
 * - `RPC_REFUSED`: the node answered with a JSON-RPC error; its code and data are in the context.
 * - `RPC_WRONG_CHAIN`, `RPC_WRONG_GENESIS`, `RPC_CODE_MISMATCH`, `RPC_CODE_MISSING`: not the chain of the deployment.
 * - `RPC_DISAGREEMENT`: two answers contradict each other.
 * - `RPC_ABORTED`: the caller's signal.
 */
export type RpcCode =
  | "RPC_UNREACHABLE"
  | "RPC_TIMEOUT"
  | "RPC_HTTP_STATUS"
  | "RPC_MALFORMED"
  | "RPC_REFUSED"
  | "RPC_WRONG_CHAIN"
  | "RPC_WRONG_GENESIS"
  | "RPC_CODE_MISMATCH"
  | "RPC_CODE_MISSING"
  | "RPC_DISAGREEMENT"
  | "RPC_NO_ENDPOINT"
  | "RPC_ABORTED";

const RETRY: Readonly<Record<RpcCode, RetryClass>> = {
  RPC_UNREACHABLE: "later",
  RPC_TIMEOUT: "unknown",
  RPC_HTTP_STATUS: "unknown",
  RPC_MALFORMED: "unknown",
  RPC_REFUSED: "later",
  RPC_WRONG_CHAIN: "never",
  RPC_WRONG_GENESIS: "never",
  RPC_CODE_MISMATCH: "never",
  RPC_CODE_MISSING: "never",
  RPC_DISAGREEMENT: "later",
  RPC_NO_ENDPOINT: "never",
  RPC_ABORTED: "later",
};

export function rpcError(code: RpcCode, message: string, more: { context?: Record<string, unknown>; cause?: unknown } = {}): AssayError {
  return new AssayError({
    code,
    message,
    retry: RETRY[code],
    ...(more.context === undefined ? {} : { context: more.context }),
    ...(more.cause === undefined ? {} : { cause: more.cause }),
  });
}

/** An address for logs: without user, password and path, which often hold an API key. */
export function redactUrl(url: string): string {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}`;
  } catch {
    return "(not a URL)";
  }
}
