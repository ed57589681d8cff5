import { ProtocolError } from "../protocolError";
import { type DerReader, Tag } from "./der";

/** What a certificate may be used for. */
export interface CertificateUse {
  /** basicConstraints are critical and say cA. Those that are not critical make no CA (RFC 5280, section 4.2.1.9; AWS's rules). */
  readonly isCa: boolean;
  /** How many CA certificates may follow; undefined if it does not say. */
  readonly pathLength: number | undefined;
  /** The first eight bits of keyUsage, digitalSignature highest; 0 without the extension. */
  readonly keyUsage: number;
}

/** 2.5.29.19 and 2.5.29.15. */
const BASIC_CONSTRAINTS = "551d13";
const KEY_USAGE = "551d0f";
const TRUE = 0xff;

/**
 * Reads the extensions, the last part of a TBSCertificate. The two that decide about a chain are understood; another one that is critical is
 * refused, one that is not is passed over (key identifiers, CRL distribution points).
 * @throws ProtocolError `X509_EXTENSION_…`, `X509_BASIC_CONSTRAINTS`, `X509_KEY_USAGE`, `DER_…`
 */
export function readExtensions(tbs: DerReader): CertificateUse {
  const list = tbs.enterLast(Tag.extensions).enterLast(Tag.sequence);
  let basic: { readonly ca: boolean; readonly pathLength: number | undefined; readonly critical: boolean } | undefined;
  let keyUsage: number | undefined;
  while (!list.done) {
    const { id, critical, value } = readExtension(list.enter(Tag.sequence));
    if (id === BASIC_CONSTRAINTS) {
      if (basic !== undefined) throw repeated(id);
      basic = { ...readBasicConstraints(value), critical };
    } else if (id === KEY_USAGE) {
      if (keyUsage !== undefined) throw repeated(id);
      keyUsage = readKeyUsage(value);
    } else if (critical) {
      throw new ProtocolError({
        code: "X509_EXTENSION_CRITICAL",
        message: "a critical extension that is not understood",
        context: { id },
      });
    }
  }
  return {
    isCa: basic?.ca === true && basic.critical,
    pathLength: basic?.pathLength,
    keyUsage: keyUsage ?? 0,
  };
}

function readExtension(reader: DerReader): { id: string; critical: boolean; value: DerReader } {
  const id = Buffer.from(reader.take(Tag.objectIdentifier)).toString("hex");
  const critical = reader.peek() === Tag.boolean;
  // FALSE is the default, which DER leaves out; and TRUE has one spelling.
  if (critical && !isTrue(reader.take(Tag.boolean))) {
    throw new ProtocolError({ code: "X509_EXTENSION_FLAG", message: "a critical flag that is not true" });
  }
  return { id, critical, value: reader.enterLast(Tag.octetString) };
}

/** SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER (0..MAX) OPTIONAL } */
function readBasicConstraints(value: DerReader): { ca: boolean; pathLength: number | undefined } {
  const reader = value.enterLast(Tag.sequence);
  if (reader.done) return { ca: false, pathLength: undefined };
  if (!isTrue(reader.take(Tag.boolean))) throw basicConstraintsError();
  if (reader.done) return { ca: true, pathLength: undefined };
  const [pathLength, ...more] = reader.take(Tag.integer);
  // One byte without a sign bit is above any chain already; a longer number could only wrap around somewhere.
  if (pathLength === undefined || more.length > 0 || pathLength >= 0x80 || !reader.done) throw basicConstraintsError();
  return { ca: true, pathLength };
}

/** BIT STRING of named bits: at least one set, and those after the last set one are cut off (X.690, section 11.2.2). */
function readKeyUsage(value: DerReader): number {
  const content = value.take(Tag.bitString);
  value.end();
  const [unused, bits] = content;
  const lowest = bits === undefined ? 0 : bits & -bits;
  if (content.length !== 2 || unused === undefined || unused > 7 || bits === undefined || lowest !== 1 << unused) {
    throw new ProtocolError({ code: "X509_KEY_USAGE", message: "keyUsage is not one byte of named bits" });
  }
  return bits;
}

const isTrue = (content: Uint8Array): boolean => content.length === 1 && content[0] === TRUE;

function repeated(id: string): ProtocolError {
  return new ProtocolError({ code: "X509_EXTENSION_REPEATED", message: "an extension comes twice", context: { id } });
}

function basicConstraintsError(): ProtocolError {
  return new ProtocolError({
    code: "X509_BASIC_CONSTRAINTS",
    message: "cA spelled as false, or a path length that is none",
  });
}
