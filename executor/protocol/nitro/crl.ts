import { ProtocolError } from "../protocolError";
import { DerReader, Tag } from "./der";
import { ECDSA_SHA384, readSignature } from "./x509";
import { readTime } from "./x509Time";

/** A certificate revocation list, read and not judged. */
export interface RevocationList {
  /** What the signature covers: the whole TBSCertList. */
  readonly tbs: Uint8Array;
  /** r ‖ s, 48 bytes each. */
  readonly signature: Uint8Array;
  /** Seconds since 1970, for people: a list that is old revoked what it revoked. */
  readonly thisUpdate: bigint;
  readonly nextUpdate: bigint | undefined;
  /** Of the revoked certificates, without sign bytes. */
  readonly serials: readonly Uint8Array[];
}

/** INTEGER 1. */
const VERSION_2 = Buffer.from("020101", "hex");
/** issuingDistributionPoint, 2.5.29.28. */
const DISTRIBUTION_POINT = "551d1c";
/** indirectCRL, [4]. */
const INDIRECT = 0x84;
const EXTENSIONS = 0xa0;

/**
 * Reads a list (RFC 5280, section 5) of version 2, signed by ECDSA P-384 with SHA-384: the twin of `X509Crl`. Lists that speak for other issuers, or
 * that only say what changed, are refused: their entries do not mean what they say elsewhere.
 * @throws ProtocolError `X509_CRL_VERSION`, `X509_CRL_EXTENSION`, `X509_SIGNATURE_…`, `X509_TIME_INVALID`, `DER_…`
 */
export function readCrl(der: Uint8Array): RevocationList {
  const whole = new DerReader(der).enterLast(Tag.sequence);
  const tbs = whole.takeWhole(Tag.sequence);
  const signed = new DerReader(tbs).enter(Tag.sequence);
  if (!signed.skipExactly(VERSION_2)) throw error("X509_CRL_VERSION", "not a list of version 2");
  if (!signed.skipExactly(ECDSA_SHA384)) throw error("X509_SIGNATURE_ALGORITHM", "not ecdsa-with-SHA384");
  signed.take(Tag.sequence);
  const thisUpdate = readTime(signed);
  const hasNext = !signed.done && (signed.peek() === Tag.utcTime || signed.peek() === Tag.generalizedTime);
  const nextUpdate = hasNext ? readTime(signed) : undefined;
  const serials = !signed.done && signed.peek() === Tag.sequence ? readEntries(signed.enter(Tag.sequence)) : [];
  if (!signed.done) refuseCritical(signed.enterLast(EXTENSIONS));
  if (!whole.skipExactly(ECDSA_SHA384)) throw error("X509_SIGNATURE_ALGORITHM", "not ecdsa-with-SHA384");
  return { tbs, signature: readSignature(whole), thisUpdate, nextUpdate, serials };
}

/** SEQUENCE { serial, date, extensions OPTIONAL } each. */
function readEntries(list: DerReader): Uint8Array[] {
  const serials: Uint8Array[] = [];
  while (!list.done) {
    const entry = list.enter(Tag.sequence);
    serials.push(entry.takeUnsigned());
    readTime(entry);
    if (!entry.done) refuseCritical(entry);
  }
  return serials;
}

/** Critical extensions are refused, but for a distribution point of this very issuer. */
function refuseCritical(reader: DerReader): void {
  const list = reader.enterLast(Tag.sequence);
  while (!list.done) {
    const extension = list.enter(Tag.sequence);
    const isPoint = Buffer.from(extension.take(Tag.objectIdentifier)).toString("hex") === DISTRIBUTION_POINT;
    if (extension.peek() === Tag.boolean) {
      if (!isPoint) throw error("X509_CRL_EXTENSION", "a critical extension that is not understood");
      extension.take(Tag.boolean);
    }
    const value = extension.take(Tag.octetString);
    extension.end();
    if (isPoint) refuseIndirect(new DerReader(value).enterLast(Tag.sequence));
  }
}

/** IssuingDistributionPoint: tagged parts. */
function refuseIndirect(point: DerReader): void {
  while (!point.done) {
    const tag = point.peek();
    if (tag === INDIRECT) throw error("X509_CRL_EXTENSION", "a list that speaks for other issuers");
    point.take(tag);
  }
}

function error(code: ConstructorParameters<typeof ProtocolError>[0]["code"], message: string): ProtocolError {
  return new ProtocolError({ code, message });
}
