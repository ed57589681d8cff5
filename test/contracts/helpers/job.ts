import { concat, hexlify, id, keccak256, type SigningKey, toBeHex, type TypedDataDomain } from "ethers";
import { PROFILE } from "./world";
import { REFUSAL, type RequestData, RESULT, requestIdOf, type Statement, sign, statement, structHash } from "./statements";

export const MODEL = id("model");
/** 96 bytes without a zero, the dearest input of that length. */
export const INPUT = hexlify(new Uint8Array(96).map((_, i) => i + 1));
export const OUTPUT = toBeHex(BigInt(id("output")), 32);

/** A request, its id, and how results for it are made. */
export class Job {
  readonly data: RequestData;
  readonly requestId: string;

  constructor(
    readonly domain: TypedDataDomain,
    q: {
      readonly requester: string;
      readonly terms: string;
      readonly salt?: string;
      readonly modelHash?: string;
      readonly input?: string;
      readonly rewardWei?: bigint;
    },
  ) {
    this.data = {
      requester: q.requester,
      salt: q.salt ?? id("salt"),
      modelHash: q.modelHash ?? MODEL,
      inputHash: keccak256(q.input ?? INPUT),
      terms: q.terms,
      rewardWei: q.rewardWei ?? 1_000_000n,
    };
    this.requestId = requestIdOf(domain, this.data);
  }

  /** The whole signed struct of a result issued at a time; fields can be changed to make it wrong. */
  statement(issuedAt: bigint, change: Partial<Statement> = {}, output = OUTPUT): Statement {
    return statement({
      requestId: this.requestId,
      modelHash: this.data.modelHash,
      inputHash: this.data.inputHash,
      outputHash: keccak256(output),
      requester: this.data.requester,
      runtimeProfile: PROFILE,
      issuedAt,
      expiresAt: issuedAt + 3600n,
      ...change,
    });
  }

  /** What `fulfill` takes, signed. `change` alters what is signed *and* handed in where that is possible. */
  result(key: SigningKey, issuedAt: bigint, options: { change?: Partial<Statement>; output?: string } = {}) {
    const output = options.output ?? OUTPUT;
    const signed = this.statement(issuedAt, options.change, output);
    return {
      statement: {
        request: this.data,
        runtimeProfile: signed.runtimeProfile,
        issuedAt: signed.issuedAt,
        expiresAt: signed.expiresAt,
      },
      output,
      proof: sign(key, this.domain, RESULT, signed),
      hash: structHash(RESULT, signed),
    };
  }

  /** What `refuse` takes, signed. */
  refusal(key: SigningKey, issuedAt: bigint, reason = 3, expiresAt = issuedAt + 3600n) {
    const value = { requestId: this.requestId, reason, issuedAt, expiresAt };
    return [this.data, reason, issuedAt, expiresAt, sign(key, this.domain, REFUSAL, value)] as const;
  }
}

/** The arguments of `fulfill` in order. */
export const args = (r: ReturnType<Job["result"]>) => [r.statement, r.output, r.proof] as const;

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Half the group order of secp256k1: the largest s that is low. */
export const HALF_ORDER = ORDER / 2n;

/**
 * The other signature of the same statement, with high s, in 65 bytes; and cut to 64, where the top bit of s falls on the
 * parity, so that it reads as a signature of somebody else.
 */
export function highS(proof: string): { readonly compact: string; readonly full: string } {
  const r = proof.slice(0, 66);
  const vs = BigInt(`0x${proof.slice(66)}`);
  const parity = vs >> 255n;
  const s = toBeHex(ORDER - (vs & ((1n << 255n) - 1n)), 32);
  return { compact: concat([r, s]), full: concat([r, s, toBeHex(28n - parity, 1)]) };
}
