import { createHash } from "node:crypto";
import { type Hex32, hex32, ZERO_32 } from "../../../domain/ids";
import { concatBytes, hexToBytes } from "../../../protocol/bytes";
import {
  domainSeparator,
  hashAdmission,
  hashHeartbeat,
  hashRefusal,
  hashResult,
  keccak256,
  MAX_RESULT_LIFETIME_SECONDS,
  REFUSAL_REASON,
  type RefusalReason,
  type ResultStatement,
  typedDigest,
} from "../../../protocol/statement";
import { encodeUserData } from "../../../protocol/userData";
import type { BodyOf } from "../messages";
import type { EnclaveKeys } from "./keys";
import { type RecordVerdict, SigningRecord } from "./record";

export type Configuration = Omit<BodyOf<"configure">, "call">;
export interface Times {
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/**
 * The times of a statement. `issuedAt` is the block time that the executor reports: an enclave has no clock that a chain an hour ahead or
 * behind would agree with. That trusts the executor with nothing. A model's answer does not change with time, so a false `issuedAt` only
 * moves the window of at most a day in which the chain, by its own clock, takes the signature (`issuedAt <= now + 120`,
 * `now < expiresAt`), and the key's epoch ends on the chain whatever a statement says.
 * @returns undefined if the window would be empty
 */
export function timesOf(span: { readonly chainNow: number; readonly notAfter: number }): Times | undefined {
  const expiresAt = Math.min(span.notAfter, span.chainNow + MAX_RESULT_LIFETIME_SECONDS);
  return expiresAt > span.chainNow ? { issuedAt: span.chainNow, expiresAt } : undefined;
}

export type Signed =
  | { readonly ok: true; readonly proof: Uint8Array }
  | { readonly ok: false; readonly verdict: Extract<RecordVerdict, "other" | "full"> };

/** Everything that the enclave's key signs, and the record that bounds it. Nothing in here waits: a claim and its signature are one step. */
export class StatementSigner {
  readonly #keys: EnclaveKeys;
  readonly #configuration: Configuration;
  readonly #hubDomain: Hex32;
  readonly #registryDomain: Hex32;
  readonly #record: SigningRecord;
  readonly #runtimeProfile: Hex32;
  #lastHeartbeat = -1n;

  constructor(parts: { keys: EnclaveKeys; configuration: Configuration; runtimeProfile: Hex32 }) {
    const { chainId, hub, registry, limits } = parts.configuration;
    this.#keys = parts.keys;
    this.#configuration = parts.configuration;
    this.#runtimeProfile = parts.runtimeProfile;
    this.#hubDomain = domainSeparator({ name: "Assay", chainId, contract: hub });
    this.#registryDomain = domainSeparator({ name: "AssayRegistry", chainId, contract: registry });
    this.#record = new SigningRecord(limits.recordCapacity);
  }

  get runtimeProfile(): Hex32 {
    return this.#runtimeProfile;
  }

  get recorded(): number {
    return this.#record.size;
  }

  /** True if a first answer for this id would still be recorded. Saves running a model whose answer could not be signed. */
  hasRoomFor(requestId: Hex32): boolean {
    return requestId === ZERO_32 || this.#record.peek(requestId) !== "full";
  }

  signResult(statement: Omit<ResultStatement, "runtimeProfile">): Signed {
    const complete: ResultStatement = { ...statement, runtimeProfile: this.#runtimeProfile };
    // Without the times: the same answer may be signed again when its first window has passed.
    const { modelHash, inputHash, outputHash, contextRoot, requester, feeWei } = complete;
    const answer = fingerprint("result", modelHash, inputHash, outputHash, contextRoot, requester, String(feeWei));
    return this.#signOnce(statement.requestId, answer, hashResult(complete));
  }

  signRefusal(refusal: Times & { readonly requestId: Hex32; readonly reason: RefusalReason }): Signed {
    const reason = REFUSAL_REASON[refusal.reason];
    const { requestId, issuedAt, expiresAt } = refusal;
    const answer = fingerprint("refusal", String(reason));
    return this.#signOnce(requestId, answer, hashRefusal({ requestId, reason, issuedAt, expiresAt }));
  }

  signAdmission(admission: Times & { readonly modelHash: Hex32; readonly encodedSignature: Uint8Array }): Uint8Array {
    const { modelHash, encodedSignature, issuedAt, expiresAt } = admission;
    const structHash = hashAdmission({ modelHash, signatureHash: keccak256(encodedSignature), issuedAt, expiresAt });
    return this.#keys.sign(typedDigest(this.#hubDomain, structHash));
  }

  /** Undefined if the counter does not rise: an old heartbeat must not be made fresh with another block. */
  signHeartbeat(beat: {
    readonly counter: bigint;
    readonly blockNumber: bigint;
    readonly blockHash: Hex32;
  }): Uint8Array | undefined {
    if (beat.counter <= this.#lastHeartbeat) return undefined;
    this.#lastHeartbeat = beat.counter;
    const { counter, blockNumber, blockHash } = beat;
    return this.#keys.sign(
      typedDigest(this.#registryDomain, hashHeartbeat({ signer: this.#keys.signer, counter, blockNumber, blockHash })),
    );
  }

  /** What the platform puts into the document beside the measurements. A software level says so itself. */
  userData(): Uint8Array {
    const { chainId, registry, operator, payout, endpoint, level } = this.#configuration;
    return encodeUserData({
      level,
      hardwareRooted: false,
      chainId,
      registry,
      hubDomain: this.#hubDomain,
      operator,
      payout,
      endpointHash: keccak256(Buffer.from(endpoint, "utf8")),
      keyConfigHash: keccak256(this.#keys.keyConfig),
      runtimeProfile: this.#runtimeProfile,
    });
  }

  #signOnce(requestId: Hex32, answer: Hex32, structHash: Hex32): Signed {
    // A portable statement is for nobody's request; there is no id that could get two answers.
    if (requestId !== ZERO_32) {
      const verdict = this.#record.claim(requestId, answer);
      if (verdict === "other" || verdict === "full") return { ok: false, verdict };
    }
    return { ok: true, proof: this.#keys.sign(typedDigest(this.#hubDomain, structHash)) };
  }
}

/** Tells one answer from another within this process; every part has a fixed alphabet without the separator. */
function fingerprint(...parts: readonly string[]): Hex32 {
  return hex32(`0x${createHash("sha256").update(parts.join("|")).digest("hex")}`);
}

/** keccak256(PCR0 ‖ session options as JSON ‖ hash of the probe's outputs): inside one profile outputs are bit-equal. */
export function runtimeProfileOf(parts: { pcr0: string; sessionOptions: unknown; probeHash: Hex32 }): Hex32 {
  const options = new TextEncoder().encode(JSON.stringify(parts.sessionOptions));
  return keccak256(concatBytes(hexToBytes(parts.pcr0), options, hexToBytes(parts.probeHash)));
}
