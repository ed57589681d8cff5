import { AssayError } from "../domain/errors";
import type { Address, Hex32 } from "../domain/ids";
import { address, hex32, ZERO_32, ZERO_ADDRESS } from "../domain/ids";
import { bytesToHex, hexToBytes } from "./bytes";

/** The conditions of a request (docs/protocol.md, section 2). Times are seconds of block time. */
export interface Terms {
  readonly version: 1;
  readonly deadline: number;
  /** Until when a failed callback may be run again; 0 = not at all. */
  readonly retryUntil: number;
  /** Gas the callback gets, at most 5,000,000; 0 = no callback. */
  readonly callbackGas: number;
  readonly minTrust: number;
  /** 0 = the signature of one enclave. */
  readonly proofKind: number;
  /** 0 inline, 1 by content id, 2 sealed. */
  readonly inputKind: number;
  /** 0 = any operator. */
  readonly assignedOperator: number;
  readonly refusalFeeWei: bigint;
  /** Zero = any runtime profile. */
  readonly profile: Hex32;
  /** Zero = any approved image. */
  readonly imageId: Hex32;
  /** Zero = no memory is read or written. */
  readonly contextRoot: Hex32;
  /** Zero = the requester. */
  readonly refundTo: Address;
}

export const MAX_CALLBACK_GAS = 5_000_000;
const HEAD_BYTES = 32;

function bad(code: string, message: string, context: Record<string, unknown> = {}): AssayError {
  return new AssayError({ code, message, context });
}

/** A field of the head: its name and width in bytes, in order. One table serves both directions. */
const HEAD: readonly (readonly [keyof Terms, number])[] = [
  ["version", 1],
  ["deadline", 5],
  ["retryUntil", 5],
  ["callbackGas", 4],
  ["minTrust", 1],
  ["proofKind", 1],
  ["inputKind", 1],
  ["assignedOperator", 4],
  ["refusalFeeWei", 9],
];

const TAIL: readonly (readonly ["profile" | "imageId" | "contextRoot" | "refundTo", number])[] = [
  ["profile", 32],
  ["imageId", 32],
  ["contextRoot", 32],
  ["refundTo", 20],
];

/**
 * The one byte string of these terms, 32 to 148 bytes.
 * @throws AssayError `TERMS_FIELD_OUT_OF_RANGE`, `TERMS_RETRY_BEFORE_DEADLINE`, `TERMS_RETRY_WITHOUT_CALLBACK`, `TERMS_CALLBACK_GAS_TOO_HIGH`
 */
export function encodeTerms(terms: Terms): Uint8Array {
  checkTerms(terms);
  const parts: Uint8Array[] = [new Uint8Array(HEAD_BYTES)];
  const head = parts[0] as Uint8Array;
  let offset = 0;
  for (const [name, width] of HEAD) {
    let value = BigInt(terms[name] as number | bigint);
    if (value < 0n || value >= 1n << BigInt(8 * width)) {
      throw bad("TERMS_FIELD_OUT_OF_RANGE", `${name} does not fit ${width} bytes`, { name, value });
    }
    for (let i = width - 1; i >= 0; i--) {
      head[offset + i] = Number(value & 0xffn);
      value >>= 8n;
    }
    offset += width;
  }
  TAIL.forEach(([name], bit) => {
    const value = terms[name];
    if (value !== ZERO_32 && value !== ZERO_ADDRESS) {
      head[HEAD_BYTES - 1] = (head[HEAD_BYTES - 1] as number) | (1 << bit);
      parts.push(hexToBytes(value));
    }
  });
  return Buffer.concat(parts);
}

/**
 * Reads terms and demands their one canonical form.
 * @throws AssayError `TERMS_MALFORMED` and the codes of `encodeTerms`
 */
export function decodeTerms(bytes: Uint8Array): Terms {
  if (bytes.length < HEAD_BYTES)
    throw bad("TERMS_MALFORMED", "terms are shorter than their head", { length: bytes.length });
  const head: Record<string, number | bigint> = {};
  let offset = 0;
  for (const [name, width] of HEAD) {
    const value = BigInt(bytesToHex(bytes.subarray(offset, offset + width)));
    head[name] = name === "refusalFeeWei" ? value : Number(value);
    offset += width;
  }
  const flags = bytes[offset] as number;
  if (flags >> TAIL.length !== 0) throw bad("TERMS_MALFORMED", "unknown flag in terms", { flags });
  const tail: Record<string, Hex32 | Address> = {};
  offset = HEAD_BYTES;
  TAIL.forEach(([name, width], bit) => {
    const zero = width === 32 ? ZERO_32 : ZERO_ADDRESS;
    if ((flags & (1 << bit)) === 0) {
      tail[name] = zero;
      return;
    }
    if (bytes.length < offset + width) throw bad("TERMS_MALFORMED", "terms are cut short", { name });
    const hex = bytesToHex(bytes.subarray(offset, offset + width));
    const value = width === 32 ? hex32(hex) : address(hex);
    if (value === zero) throw bad("TERMS_MALFORMED", "a part that is present must not be zero", { name });
    tail[name] = value;
    offset += width;
  });
  if (offset !== bytes.length) throw bad("TERMS_MALFORMED", "bytes after the terms", { extra: bytes.length - offset });
  const terms = Object.freeze({ ...head, ...tail }) as unknown as Terms;
  checkTerms(terms);
  return terms;
}

function checkTerms(t: Terms): void {
  if (t.version !== 1)
    throw bad("TERMS_VERSION_UNKNOWN", "terms have a version this code does not know", { version: t.version });
  if (t.callbackGas > MAX_CALLBACK_GAS)
    throw bad("TERMS_CALLBACK_GAS_TOO_HIGH", `callbackGas is at most ${MAX_CALLBACK_GAS}`, {
      callbackGas: t.callbackGas,
    });
  if (t.retryUntil !== 0 && t.retryUntil < t.deadline)
    throw bad("TERMS_RETRY_BEFORE_DEADLINE", "retryUntil is 0 or not before the deadline", {
      retryUntil: t.retryUntil,
    });
  if (t.retryUntil !== 0 && t.callbackGas === 0)
    throw bad("TERMS_RETRY_WITHOUT_CALLBACK", "retryUntil needs a callback", {});
}

/** Terms with every optional field at its default; only the deadline has none. */
export function standardTerms(fields: Partial<Terms> & Pick<Terms, "deadline">): Terms {
  return {
    version: 1,
    retryUntil: 0,
    callbackGas: 0,
    minTrust: 1,
    proofKind: 0,
    inputKind: 0,
    assignedOperator: 0,
    refusalFeeWei: 0n,
    profile: ZERO_32,
    imageId: ZERO_32,
    contextRoot: ZERO_32,
    refundTo: ZERO_ADDRESS,
    ...fields,
  };
}
