import { AssayError, isAssayError } from "../domain/errors";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import { decodeCoseSign1 } from "../protocol/cose";
import { readCrl } from "../protocol/nitro/crl";
import { demandSignatures } from "../protocol/nitro/p384";
import { readCertificate } from "../protocol/nitro/x509";
import { decodeNitroPayload } from "../protocol/nitroDocument";

/** A list that its issuer signed, and what its transaction needs. */
export interface PlannedRevocation {
  /** x ‖ y. */
  readonly issuerKey: Uint8Array;
  /** Of the certificates that it names, without sign bytes. */
  readonly serials: readonly Uint8Array[];
  readonly thisUpdate: bigint;
  readonly gasLimit: bigint;
}

/** One verification, and the transaction itself: measured 2,750,000. */
const BASE_GAS = 3_200_000n;
/** Calldata and SHA-384: measured 270. */
const GAS_PER_BYTE = 330n;
/** A new record and its event: measured 27,000. */
const GAS_PER_ENTRY = 33_000n;

/**
 * Verifies a revocation list as the contract will, before gas is spent.
 * @param issuers certificates in DER and attestation documents: the list is signed by a key of one of them
 * @throws AssayError `REVOCATION_LIST_MALFORMED` with the rule in the context, `REVOCATION_ISSUER_UNREADABLE`, `REVOCATION_ISSUER_UNKNOWN`,
 * `REVOCATION_LIST_EMPTY`, `REVOCATION_LIST_TOO_LARGE`
 */
export function planRevocation(crl: Uint8Array, issuers: readonly Uint8Array[]): PlannedRevocation {
  const { tbs, signature, serials, thisUpdate } = listOf(crl);
  const keys = issuers.flatMap(keysOf);
  const issuerKey = keys.find((publicKey) => isSigned({ signed: tbs, signature, publicKey }));
  if (issuerKey === undefined)
    throw new AssayError({
      code: "REVOCATION_ISSUER_UNKNOWN",
      message: "the list is signed by none of the certificates given; name the one of the CA that issued it",
      context: { certificates: keys.length },
    });
  if (serials.length === 0)
    throw new AssayError({
      code: "REVOCATION_LIST_EMPTY",
      message: "the list revokes nothing; there is nothing to send",
    });
  const gasLimit = BASE_GAS + GAS_PER_BYTE * BigInt(crl.length) + GAS_PER_ENTRY * BigInt(serials.length);
  if (gasLimit > TRANSACTION_GAS_CAP)
    throw new AssayError({
      code: "REVOCATION_LIST_TOO_LARGE",
      message: `a list of ${serials.length} entries fits no transaction, and can not be cut, as it is signed whole`,
      context: { entries: serials.length, bytes: crl.length },
    });
  return { issuerKey, serials, thisUpdate, gasLimit };
}

function listOf(crl: Uint8Array): ReturnType<typeof readCrl> {
  try {
    return readCrl(crl);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new AssayError({
      code: "REVOCATION_LIST_MALFORMED",
      message: `not a revocation list that the chain takes (${error.code}): ${error.message}; it has to be DER, not PEM`,
      context: { ...error.context, rule: error.code },
      cause: error,
    });
  }
}

/** The keys of a certificate, or of every certificate in a document. */
function keysOf(issuer: Uint8Array): Uint8Array[] {
  try {
    const isCertificate = issuer[0] === 0x30;
    return (isCertificate ? [issuer] : certificatesOf(issuer)).map((der) => readCertificate(der).publicKey);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new AssayError({
      code: "REVOCATION_ISSUER_UNREADABLE",
      message: `neither a certificate in DER nor an attestation document (${error.code})`,
      context: { ...error.context, rule: error.code },
      cause: error,
    });
  }
}

function certificatesOf(document: Uint8Array): readonly Uint8Array[] {
  const { cabundle, certificate } = decodeNitroPayload(decodeCoseSign1(document, "ES384").payload);
  return [...cabundle, certificate].filter(({ length }) => length > 0);
}

function isSigned(signature: Parameters<typeof demandSignatures>[0][number]): boolean {
  try {
    demandSignatures([signature]);
    return true;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return false;
  }
}
