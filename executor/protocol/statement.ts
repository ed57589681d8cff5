import { keccak_256 } from "@noble/hashes/sha3";
import type { Address, Hex32 } from "../domain/ids";
import { hex32 } from "../domain/ids";
import { bytesToHex, concatBytes, hexToBytes } from "./bytes";
import type { Terms } from "./terms";

/** keccak256 of bytes. Pure JavaScript: right for the few hundred bytes hashed here, slow for a large tensor. */
export function keccak256(bytes: Uint8Array): Hex32 {
  return hex32(bytesToHex(keccak_256(bytes)));
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const typeHash = (value: string): Hex32 => keccak256(text(value));

/** EIP-712 type of what an enclave signs for a result (docs/protocol.md, section 4). */
export const RESULT_TYPE =
  "ResultStatement(bytes32 requestId,bytes32 modelHash,bytes32 inputHash,bytes32 outputHash,bytes32 contextRoot,bytes32 runtimeProfile,address requester,uint96 feeWei,uint64 issuedAt,uint64 expiresAt)";
export const REFUSAL_TYPE = "Refusal(bytes32 requestId,uint16 reason,uint64 issuedAt,uint64 expiresAt)";
export const ADMISSION_TYPE = "Admission(bytes32 modelHash,bytes32 signatureHash,uint64 issuedAt,uint64 expiresAt)";
export const HEARTBEAT_TYPE = "Heartbeat(address signer,uint64 counter,uint64 blockNumber,bytes32 blockHash)";
const DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

const TYPE_HASH = {
  result: typeHash(RESULT_TYPE),
  refusal: typeHash(REFUSAL_TYPE),
  admission: typeHash(ADMISSION_TYPE),
  heartbeat: typeHash(HEARTBEAT_TYPE),
  domain: typeHash(DOMAIN_TYPE),
  request: typeHash("assay/request/1"),
} as const;

/** No result is good for longer than a day after it was issued. */
export const MAX_RESULT_LIFETIME_SECONDS = 86_400;
/** How far ahead of the block's time an enclave's clock may be. */
export const CLOCK_SKEW_SECONDS = 120;

/** Left-padded 32-byte words, as `abi.encode` lays out static types. */
function word(value: Hex32 | Address | bigint | number): Uint8Array {
  if (typeof value === "string") return hexToBytes(`0x${value.slice(2).padStart(64, "0")}`);
  return hexToBytes(`0x${BigInt(value).toString(16).padStart(64, "0")}`);
}

function hashWords(...words: (Hex32 | Address | bigint | number)[]): Hex32 {
  return keccak256(concatBytes(...words.map(word)));
}

export interface ResultStatement {
  readonly requestId: Hex32;
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly outputHash: Hex32;
  readonly contextRoot: Hex32;
  readonly runtimeProfile: Hex32;
  readonly requester: Address;
  readonly feeWei: bigint;
  /** Seconds; a claim of the enclave's clock. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Why an enclave will not answer; numbers as on the chain. */
export const REFUSAL_REASON = {
  MODEL_UNKNOWN: 1,
  MODEL_REJECTED: 2,
  INPUT_MALFORMED: 3,
  INPUT_MISMATCH: 4,
  RUN_FAILED: 5,
  RUN_LIMIT: 6,
  OUTPUT_UNSUPPORTED: 7,
} as const;

export type RefusalName = keyof typeof REFUSAL_REASON | "UNKNOWN";

/** The name of a reason; `UNKNOWN` for one that a later version signed. */
export function refusalName(reason: number): RefusalName {
  const names = Object.keys(REFUSAL_REASON) as (keyof typeof REFUSAL_REASON)[];
  return names.find((name) => REFUSAL_REASON[name] === reason) ?? "UNKNOWN";
}
export type RefusalReason = keyof typeof REFUSAL_REASON;

export interface Refusal {
  readonly requestId: Hex32;
  readonly reason: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface Admission {
  readonly modelHash: Hex32;
  readonly signatureHash: Hex32;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface Heartbeat {
  readonly signer: Address;
  readonly counter: bigint;
  readonly blockNumber: bigint;
  readonly blockHash: Hex32;
}

/** The EIP-712 domain separator of a hub (`name` "Assay"), a registry ("AssayRegistry") or a forwarder of intents ("AssayIntentForwarder"). */
export function domainSeparator(args: {
  name: "Assay" | "AssayRegistry" | "AssayIntentForwarder";
  chainId: bigint;
  contract: Address;
}): Hex32 {
  return hashWords(TYPE_HASH.domain, keccak256(text(args.name)), keccak256(text("1")), args.chainId, args.contract);
}

export function hashResult(s: ResultStatement): Hex32 {
  return hashWords(
    TYPE_HASH.result,
    s.requestId,
    s.modelHash,
    s.inputHash,
    s.outputHash,
    s.contextRoot,
    s.runtimeProfile,
    s.requester,
    s.feeWei,
    s.issuedAt,
    s.expiresAt,
  );
}

export function hashRefusal(r: Refusal): Hex32 {
  return hashWords(TYPE_HASH.refusal, r.requestId, r.reason, r.issuedAt, r.expiresAt);
}

export function hashAdmission(a: Admission): Hex32 {
  return hashWords(TYPE_HASH.admission, a.modelHash, a.signatureHash, a.issuedAt, a.expiresAt);
}

export function hashHeartbeat(h: Heartbeat): Hex32 {
  return hashWords(TYPE_HASH.heartbeat, h.signer, h.counter, h.blockNumber, h.blockHash);
}

/** The 32 bytes that are signed: EIP-712's `0x1901 ‖ domain ‖ struct hash`, hashed. */
export function typedDigest(domain: Hex32, structHash: Hex32): Hex32 {
  return keccak256(concatBytes(hexToBytes("0x1901"), hexToBytes(domain), hexToBytes(structHash)));
}

export interface RequestPreimage {
  readonly requester: Address;
  readonly salt: Hex32;
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly terms: Uint8Array;
  readonly rewardWei: bigint;
}

/** The id that `request` gives (docs/protocol.md, section 3); no counter, so a reorg never gives one id two meanings. */
export function requestIdOf(domain: Hex32, r: RequestPreimage): Hex32 {
  return hashWords(
    TYPE_HASH.request,
    domain,
    r.requester,
    r.salt,
    r.modelHash,
    r.inputHash,
    keccak256(r.terms),
    r.rewardWei,
  );
}

/** What is asked, whoever asks. */
export function inferenceKeyOf(k: {
  modelHash: Hex32;
  inputHash: Hex32;
  minTrust: number;
  profile: Hex32;
  imageId: Hex32;
}): Hex32 {
  return hashWords(k.modelHash, k.inputHash, k.minTrust, k.profile, k.imageId);
}

/** The statement for one request: everything that the request fixes is taken from it, never from the operator. */
export function boundStatement(args: {
  requestId: Hex32;
  request: Pick<RequestPreimage, "requester" | "modelHash" | "inputHash">;
  terms: Pick<Terms, "contextRoot">;
  outputHash: Hex32;
  runtimeProfile: Hex32;
  issuedAt: number;
  expiresAt: number;
}): ResultStatement {
  return {
    requestId: args.requestId,
    modelHash: args.request.modelHash,
    inputHash: args.request.inputHash,
    outputHash: args.outputHash,
    contextRoot: args.terms.contextRoot,
    runtimeProfile: args.runtimeProfile,
    requester: args.request.requester,
    feeWei: 0n,
    issuedAt: args.issuedAt,
    expiresAt: args.expiresAt,
  };
}
