import { keccak_256 } from "@noble/hashes/sha3";
import type { Hex32 } from "../../domain/ids";
import { bytesToHex } from "../bytes";
import { decodeCoseSign1, sigStructure } from "../cose";
import { decodeNitroPayload } from "../nitroDocument";
import { type AttestationClaims, rootIdOf } from "../nitroDocumentVerify";
import { ProtocolError } from "../protocolError";
import { walkChain } from "./chain";
import { demandSignatures } from "./p384";

/** Whether a document is genuine, and if not, which rule it breaks. */
export type NitroVerdict =
  | { readonly ok: true; readonly claims: AttestationClaims }
  | {
      readonly ok: false;
      /** The name of the error that the Solidity verifier reverts with. */
      readonly rule: string;
      readonly context: Readonly<Record<string, unknown>>;
    };

/**
 * Verifies a document of AWS Nitro wholly: the twin of `NitroAttestationVerifier`, for before gas is spent. Not checked, as on the chain: whether it
 * is fresh or spent, its image approved, the enclave in debug mode, its user data meant for this registry. Not checked either, because only the
 * chain knows: revocations.
 * A wrong document is a verdict, never an exception.
 */
export function verifyNitroDocument(parts: {
  readonly document: Uint8Array;
  /** keccak256 of the DER of the pinned root certificate. */
  readonly root: Hex32;
  /** Seconds since 1970. */
  readonly at: bigint;
}): NitroVerdict {
  try {
    return { ok: true, claims: claimsOf(parts) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { ok: false, rule: ruleOf(error.code), context: error.context };
  }
}

function claimsOf({ document, root, at }: Parameters<typeof verifyNitroDocument>[0]): AttestationClaims {
  const { payload, signature } = decodeCoseSign1(document, "ES384");
  const fields = decodeNitroPayload(payload);
  // Optional for the reader, because development documents have neither.
  if (fields.certificate.length === 0)
    throw new ProtocolError({ code: "NITRO_CERTIFICATE_MISSING", message: "no certificate of the signing key" });
  if (fields.cabundle.length === 0)
    throw new ProtocolError({ code: "NITRO_BUNDLE_MISSING", message: "no chain above the certificate" });
  const chain = walkChain([...fields.cabundle, fields.certificate], root, at);
  const own = { signed: sigStructure("ES384", payload), signature, publicKey: chain.target.publicKey };
  demandSignatures([...chain.signatures, own]);
  const payloadHash = bytesToHex(keccak_256(payload)) as Hex32;
  return { ...fields, rootId: rootIdOf(chain.root.publicKey), payloadHash };
}

/** The name of a rule in Solidity: `NITRO_NOT_YET_VALID` is `NitroNotYetValid`. */
export function ruleOf(code: string): string {
  return code
    .split("_")
    .map((word) => `${word[0]}${word.slice(1).toLowerCase()}`)
    .join("");
}
