import { type KeyObject, sign, verify } from "node:crypto";
import { CborReader, cborBytes, Major } from "./cbor";
import { ProtocolError } from "./protocolError";

/** Signature algorithms of attestation documents: ES256 for development roots, ES384 for AWS Nitro (RFC 9053, 2.1). */
export type CoseAlgorithm = "ES256" | "ES384";

interface Profile {
  /** The protected header `{1: alg}` as a byte string, head included. It must match exactly: no other spelling is taken. */
  readonly protectedHeader: Uint8Array;
  readonly signatureBytes: number;
  readonly hash: string;
}

const PROFILES: Readonly<Record<CoseAlgorithm, Profile>> = {
  ES256: { protectedHeader: Uint8Array.of(0x43, 0xa1, 0x01, 0x26), signatureBytes: 64, hash: "sha256" },
  ES384: { protectedHeader: Uint8Array.of(0x44, 0xa1, 0x01, 0x38, 0x22), signatureBytes: 96, hash: "sha384" },
};

const ARRAY_OF_FOUR = Uint8Array.of(0x84);
const EMPTY_MAP = Uint8Array.of(0xa0);
const SIGNATURE1 = Buffer.concat([ARRAY_OF_FOUR, Uint8Array.of(0x6a), Buffer.from("Signature1")]);
const EMPTY_EXTERNAL_AAD = Uint8Array.of(0x40);
/** The bound that AWS documents for the payload. */
export const MAX_PAYLOAD_BYTES = 16_384;

export interface CoseSign1 {
  readonly algorithm: CoseAlgorithm;
  readonly payload: Uint8Array;
  /** r ‖ s, each as wide as the curve's order. */
  readonly signature: Uint8Array;
}

/** Which algorithm a document names: its kind, before anything of it is checked. Undefined for one of neither kind. */
export function coseAlgorithmOf(document: Uint8Array): CoseAlgorithm | undefined {
  const names = Object.keys(PROFILES) as CoseAlgorithm[];
  return names.find((name) => {
    const { protectedHeader } = PROFILES[name];
    return Buffer.compare(document.subarray(1, 1 + protectedHeader.length), protectedHeader) === 0;
  });
}

/**
 * Reads an untagged COSE_Sign1 (RFC 9052, section 4.2) of exactly one spelling: no tag, the algorithm alone in the
 * protected header, nothing in the unprotected one. Whatever is not signed is fixed, so that a payload has one document
 * per signature. The signature is *not* checked here.
 * @throws ProtocolError `COSE_…`, `CBOR_…`
 */
export function decodeCoseSign1(document: Uint8Array, algorithm: CoseAlgorithm): CoseSign1 {
  const { protectedHeader, signatureBytes } = PROFILES[algorithm];
  const reader = new CborReader(document);
  demand(reader, ARRAY_OF_FOUR, "COSE_NOT_SIGN1");
  demand(reader, protectedHeader, "COSE_PROTECTED_HEADER");
  demand(reader, EMPTY_MAP, "COSE_UNPROTECTED_HEADER");
  const payloadBytes = reader.head(Major.bytes);
  if (payloadBytes < 1n || payloadBytes > BigInt(MAX_PAYLOAD_BYTES))
    throw lengthError("COSE_PAYLOAD_LENGTH", payloadBytes);
  const payload = reader.take(Number(payloadBytes));
  const length = reader.head(Major.bytes);
  if (length !== BigInt(signatureBytes)) throw lengthError("COSE_SIGNATURE_LENGTH", length);
  const signature = reader.take(signatureBytes);
  reader.end();
  return { algorithm, payload, signature };
}

/** The bytes that the signature covers: `Sig_structure` of RFC 9052, section 4.4, without external data. */
export function sigStructure(algorithm: CoseAlgorithm, payload: Uint8Array): Uint8Array {
  return Buffer.concat([SIGNATURE1, PROFILES[algorithm].protectedHeader, EMPTY_EXTERNAL_AAD, cborBytes(payload)]);
}

/** True if the signature is one of `publicKey` over the payload. High s is taken, as AWS's own documents have it. */
export function verifyCoseSign1(message: CoseSign1, publicKey: KeyObject): boolean {
  const data = sigStructure(message.algorithm, message.payload);
  return verify(
    PROFILES[message.algorithm].hash,
    data,
    { key: publicKey, dsaEncoding: "ieee-p1363" },
    message.signature,
  );
}

/** A signed document. `key` is the private key on the algorithm's curve (P-256 or P-384). */
export function signCoseSign1(parts: {
  readonly payload: Uint8Array;
  readonly key: KeyObject;
  readonly algorithm?: CoseAlgorithm;
}): Uint8Array {
  const algorithm = parts.algorithm ?? "ES256";
  const { protectedHeader, hash } = PROFILES[algorithm];
  const signature = sign(hash, sigStructure(algorithm, parts.payload), { key: parts.key, dsaEncoding: "ieee-p1363" });
  return Buffer.concat([ARRAY_OF_FOUR, protectedHeader, EMPTY_MAP, cborBytes(parts.payload), cborBytes(signature)]);
}

function demand(
  reader: CborReader,
  expected: Uint8Array,
  code: "COSE_NOT_SIGN1" | "COSE_PROTECTED_HEADER" | "COSE_UNPROTECTED_HEADER",
): void {
  if (!reader.skipExactly(expected)) {
    throw new ProtocolError({
      code,
      message: "not the one accepted form of COSE_Sign1",
      context: { offset: reader.offset },
    });
  }
}

function lengthError(code: "COSE_PAYLOAD_LENGTH" | "COSE_SIGNATURE_LENGTH", length: bigint): ProtocolError {
  return new ProtocolError({
    code,
    message: "a part of the COSE_Sign1 has a length out of bounds",
    context: { length },
  });
}
