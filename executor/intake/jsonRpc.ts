import { AssayError, isAssayError } from "../domain/errors";
import { bytesToHex } from "../protocol/bytes";

/** JSON-RPC 2.0 (https://www.jsonrpc.org/specification), with the error codes that Ethereum nodes add to it (EIP-1474). */
export type RpcId = string | number | null;

export interface RpcCall {
  /** Undefined: a notification, which is answered by nothing. */
  readonly id: RpcId | undefined;
  readonly method: string;
  readonly params: readonly unknown[] | object | undefined;
}

export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type RpcOutcome = { readonly result: unknown } | { readonly error: RpcErrorObject };
export type RpcAnswer = { readonly jsonrpc: "2.0"; readonly id: RpcId } & RpcOutcome;

/** A member of a message: a call, or the answer to something that is none. */
export type RpcMember = { readonly call: RpcCall } | { readonly refused: RpcAnswer };

export interface RpcMessage {
  readonly batch: boolean;
  readonly members: readonly RpcMember[];
}

export const PARSE_ERROR = -32_700;
export const INVALID_REQUEST = -32_600;
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
export const INTERNAL_ERROR = -32_603;
const SERVER_ERROR = -32_000;
/** What nodes answer to a call that reverts; `data` is then the revert data and nothing else, which is where clients look for it. */
const REVERTED = 3;

export function answerOf(id: RpcId, outcome: RpcOutcome): RpcAnswer {
  return { jsonrpc: "2.0", id, ...outcome };
}

export function refusalOf(id: RpcId, code: number, message: string): RpcAnswer {
  return answerOf(id, { error: { code, message } });
}

/** Reads a message. What is no call is answered in its place, so that the rest of a batch is served. */
export function parseMessage(body: string, maxBatch: number): RpcMessage {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return alone(refusalOf(null, PARSE_ERROR, "this is no JSON"));
  }
  if (!Array.isArray(value)) return { batch: false, members: [memberOf(value)] };
  if (value.length === 0) return alone(refusalOf(null, INVALID_REQUEST, "the batch is empty"));
  if (value.length > maxBatch)
    return alone(refusalOf(null, INVALID_REQUEST, `a batch takes at most ${maxBatch} calls; none of these was made`));
  return { batch: true, members: value.map(memberOf) };
}

const alone = (refused: RpcAnswer): RpcMessage => ({ batch: false, members: [{ refused }] });

function memberOf(value: unknown): RpcMember {
  if (typeof value !== "object" || value === null)
    return { refused: refusalOf(null, INVALID_REQUEST, "a call is an object") };
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  const isId = id === undefined || id === null || typeof id === "string" || typeof id === "number";
  const invalid = (why: string): RpcMember => ({
    refused: refusalOf(isId && id !== undefined ? id : null, INVALID_REQUEST, why),
  });
  if (!isId) return invalid("an id is a text, a number or null");
  if (jsonrpc !== "2.0") return invalid('"jsonrpc" must be "2.0"');
  if (typeof method !== "string") return invalid("the method is missing");
  if (params !== undefined && (typeof params !== "object" || params === null))
    return invalid("params are a list or an object");
  return { call: { id, method, params: params as RpcCall["params"] } };
}

/** The text of what is sent, with bytes as hex and numbers that JSON has not as hex quantities. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === "bigint") return `0x${inner.toString(16)}`;
    return inner instanceof Uint8Array ? bytesToHex(inner) : inner;
  });
}

/** Errors of ours that JSON-RPC has numbers for. */
const NUMBERS: Readonly<Record<string, number>> = {
  INTAKE_PARAMS_INVALID: INVALID_PARAMS,
  INTAKE_METHOD_FORBIDDEN: METHOD_NOT_FOUND,
  INTAKE_UPSTREAM_MALFORMED: INTERNAL_ERROR,
};

/**
 * The words that nodes use for these, in front of ours: wallets and libraries (ethers, viem) tell errors of a sent transaction by them,
 * because JSON-RPC has no codes for them.
 */
const WORDS_OF_NODES: Readonly<Record<string, string>> = {
  PIPE_NONCE_TOO_LOW: "nonce too low",
  PIPE_NONCE_GAP: "nonce too high",
  PIPE_BALANCE_TOO_LOW: "insufficient funds for gas * price + value",
  PIPE_REPLACEMENT_UNDERPRICED: "replacement transaction underpriced",
  PIPE_TRANSACTION_UNPROTECTED: "only replay-protected (EIP-155) transactions allowed over RPC",
  PIPE_MAX_FEE_TOO_LOW: "max fee per gas less than block base fee",
  PIPE_TRANSACTION_REVERTS: "execution reverted",
};

/**
 * An error as JSON-RPC has it: our code, context and retry class in `data`, but of a revert whose data is known only that data, under code 3.
 * What is not typed is a bug of ours: its asker learns that it happened, and that the effect is unknown.
 */
export function errorOf(error: unknown): RpcErrorObject {
  if (!isAssayError(error)) {
    const data = { code: "INTAKE_FAILED", context: {}, retry: "unknown" };
    return { code: INTERNAL_ERROR, message: "internal error; whether it took effect is not known", data };
  }
  const { code, context, retry } = error;
  const words = WORDS_OF_NODES[code];
  const message = words === undefined ? error.message : `${words}: ${error.message}`;
  const revert = context.data;
  if (code === "PIPE_TRANSACTION_REVERTS" && typeof revert === "string")
    return { code: REVERTED, message, data: revert };
  return { code: NUMBERS[code] ?? SERVER_ERROR, message, data: { code, context, retry } };
}

/** @returns an error of the caller's params, for whoever throws it */
export function paramsInvalid(method: string, why: string): AssayError {
  return new AssayError({ code: "INTAKE_PARAMS_INVALID", message: `${method}: ${why}`, context: { method } });
}
