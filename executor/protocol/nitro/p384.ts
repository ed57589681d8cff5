import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { ProtocolError } from "../protocolError";

/** What is left to verify of a chain: who signed what. */
export interface P384Signature {
  readonly signed: Uint8Array;
  /** r ‖ s, 48 bytes each. */
  readonly signature: Uint8Array;
  /** x ‖ y of the signer, 48 bytes each. */
  readonly publicKey: Uint8Array;
}

const P = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n;
/** The order of the group and the curve's b (FIPS 186-5 and SP 800-186, section 3.2.1.4). */
const N = BigInt("0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973");
const B = BigInt("0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef");
const BYTES = 48;

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);

/**
 * Verifies ECDSA over P-384 with SHA-384 (FIPS 186-5, section 6.4.2). A high s is accepted: half of AWS's signatures have one. Ranges and the
 * curve are checked here, whatever the library checks: published verifiers took r = s = 0 for a signature of anybody.
 * @throws ProtocolError `P384_SCALAR_OUT_OF_RANGE`, `P384_KEY_INVALID`, `P384_SIGNATURES_INVALID`, with the index of the signature
 */
export function demandSignatures(signatures: readonly P384Signature[]): void {
  for (const [index, { signature }] of signatures.entries()) {
    const scalars = [signature.subarray(0, BYTES), signature.subarray(BYTES)].map(numberOf);
    if (scalars.some((scalar) => scalar === 0n || scalar >= N))
      throw error("P384_SCALAR_OUT_OF_RANGE", index, "r or s is 0, or not below the group's order");
  }
  for (const [index, { signed, signature, publicKey }] of signatures.entries()) {
    if (!isPoint(publicKey)) throw error("P384_KEY_INVALID", index, "the key is not a point of the curve");
    if (!verify("sha384", signed, { key: keyObject(publicKey), dsaEncoding: "ieee-p1363" }, signature))
      throw error("P384_SIGNATURES_INVALID", index, "the signature is not one of this key over these bytes");
  }
}

/** y² = x³ - 3x + b, coordinates below p. */
function isPoint(publicKey: Uint8Array): boolean {
  const [x, y] = [publicKey.subarray(0, BYTES), publicKey.subarray(BYTES)].map(numberOf) as [bigint, bigint];
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const [x, y] = [publicKey.subarray(0, BYTES), publicKey.subarray(BYTES)].map((part) =>
    Buffer.from(part).toString("base64url"),
  ) as [string, string];
  return createPublicKey({ key: { kty: "EC", crv: "P-384", x, y }, format: "jwk" });
}

function error(
  code: "P384_SCALAR_OUT_OF_RANGE" | "P384_KEY_INVALID" | "P384_SIGNATURES_INVALID",
  index: number,
  message: string,
): ProtocolError {
  return new ProtocolError({ code, message, context: { index } });
}
