import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { bitString, der, integer, octets, raw, sequence, set, text } from "../../protocol/nitro/derWriter";

/** What a certificate of the AWS profile says (RFC 5280); `issuerKey` signs it. */
export interface CertificateOrder {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly serial: bigint;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Undefined for a certificate that is no CA's; `pathLength` undefined for a root. */
  readonly ca: { readonly pathLength?: number } | undefined;
}

const OID = {
  country: "550406",
  organisation: "55040a",
  unit: "55040b",
  commonName: "550403",
  basicConstraints: "551d13",
  keyUsage: "551d0f",
} as const;
const PRINTABLE = 0x13;
const UTF8 = 0x0c;
const ECDSA_SHA384 = raw("300a06082a8648ce3d040303");
const P384_KEY = raw("301006072a8648ce3d020106052b81040022");
const VERSION_3 = raw("a003020102");
const TRUE = raw("0101ff");
/** digitalSignature and nonRepudiation; digitalSignature, keyCertSign and cRLSign. */
const TARGET_USE = raw("030206c0");
const CA_USE = raw("03020186");
/** From here on RFC 5280 demands GeneralizedTime. */
const FIRST_YEAR_OF_FOUR_DIGITS = 2050;

/** Writes a certificate as AWS's are: X.509 v3, P-384, ecdsa-with-SHA384, basicConstraints and keyUsage. */
export function writeCertificate(order: CertificateOrder): Uint8Array {
  const { ca } = order;
  const constraints =
    ca === undefined ? [] : [TRUE, ...(ca.pathLength === undefined ? [] : [integer(BigInt(ca.pathLength))])];
  const extensions = [
    extension(OID.basicConstraints, true, sequence(...constraints)),
    extension(OID.keyUsage, ca !== undefined, ca === undefined ? TARGET_USE : CA_USE),
  ];
  const tbs = sequence(
    VERSION_3,
    integer(order.serial),
    ECDSA_SHA384,
    nameOf(order.issuer),
    sequence(timeOf(order.notBefore), timeOf(order.notAfter)),
    nameOf(order.subject),
    sequence(P384_KEY, bitString(0, pointOf(order.publicKey))),
    der(0xa3, sequence(...extensions)),
  );
  return sequence(tbs, ECDSA_SHA384, bitString(0, sign("sha384", tbs, order.issuerKey)));
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(der(0x06, raw(oid)), ...(critical ? [TRUE] : []), octets(value));
}

function nameOf(commonName: string): Uint8Array {
  const parts: readonly (readonly [string, number, string])[] = [
    [OID.country, PRINTABLE, "US"],
    [OID.organisation, UTF8, "Assay"],
    [OID.unit, UTF8, "Development"],
    [OID.commonName, UTF8, commonName],
  ];
  return sequence(...parts.map(([oid, tag, value]) => set(sequence(der(0x06, raw(oid)), text(tag, value)))));
}

/** UTCTime, or from 2050 on GeneralizedTime. */
function timeOf(seconds: number): Uint8Array {
  const date = new Date(1_000 * seconds);
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, "Z")
    .replaceAll(/[-:T]/g, "");
  return date.getUTCFullYear() < FIRST_YEAR_OF_FOUR_DIGITS ? text(0x17, digits.slice(2)) : text(0x18, digits);
}

/** 04 ‖ x ‖ y */
function pointOf(key: KeyObject): Uint8Array {
  return Buffer.concat([Uint8Array.of(4), rawP384Key(key)]);
}

/** x ‖ y of a P-384 key, 96 bytes. */
export function rawP384Key(key: KeyObject): Uint8Array {
  const { x, y } = (key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" });
  return Buffer.concat([Buffer.from(x ?? "", "base64url"), Buffer.from(y ?? "", "base64url")]);
}
