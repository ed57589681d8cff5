import { ProtocolError } from "../protocolError";
import { DerReader, Tag } from "./der";
import { type CertificateUse, readExtensions } from "./extensions";
import { readTime } from "./x509Time";

/** A certificate of the AWS profile, read and not judged. Byte fields are views. */
export interface Certificate extends CertificateUse {
  /** What the signature covers: the whole TBSCertificate. */
  readonly tbs: Uint8Array;
  /** Without a sign byte, 1 to 20 bytes. */
  readonly serial: Uint8Array;
  /** Whole Names, head included, because they are compared byte for byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Seconds since 1970; both belong to the validity. */
  readonly notBefore: bigint;
  readonly notAfter: bigint;
  /** x ‖ y, 96 bytes; whether that is a point is not checked here. */
  readonly publicKey: Uint8Array;
  /** r ‖ s, 48 bytes each; ranges are not checked here. */
  readonly signature: Uint8Array;
}

const hex = (text: string): Uint8Array => Buffer.from(text, "hex");
/** [0] { INTEGER 2 } */
const VERSION_3 = hex("a003020102");
/** SEQUENCE { ecdsa-with-SHA384 }, without parameters (RFC 5758, section 3.2). */
export const ECDSA_SHA384 = hex("300a06082a8648ce3d040303");
/** SEQUENCE { SEQUENCE { id-ecPublicKey, secp384r1 }, BIT STRING { no unused bits, 04 ‖ … } } (RFC 5480, section 2). */
const P384_KEY = hex("3076301006072a8648ce3d020106052b8104002203620004");
const COORDINATE_BYTES = 48;
const MAX_SERIAL_BYTES = 20;

/**
 * Reads an X.509 v3 certificate (RFC 5280) that uses ECDSA P-384 with SHA-384 throughout, as all of AWS Nitro's do. No unique ids, no other
 * algorithm, extensions mandatory.
 * @throws ProtocolError `X509_…`, `DER_…`
 */
export function readCertificate(der: Uint8Array): Certificate {
  const whole = new DerReader(der).enterLast(Tag.sequence);
  const tbs = whole.takeWhole(Tag.sequence);
  const signed = new DerReader(tbs).enter(Tag.sequence);

  if (!signed.skipExactly(VERSION_3)) throw error("X509_VERSION", "not version 3");
  const serial = signed.takeUnsigned();
  if (serial.length > MAX_SERIAL_BYTES || serial[0] === 0)
    throw error("X509_SERIAL_INVALID", "a serial number of 0 or above 20 bytes");
  demandAlgorithm(signed);
  const issuer = signed.takeWhole(Tag.sequence);
  const validity = signed.enter(Tag.sequence);
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  validity.end();
  const subject = signed.takeWhole(Tag.sequence);
  const publicKey = signed.skipExactly(P384_KEY) ? signed.raw(2 * COORDINATE_BYTES) : undefined;
  if (publicKey === undefined) throw error("X509_KEY_ALGORITHM", "not an uncompressed point of P-384");
  const use = readExtensions(signed);

  demandAlgorithm(whole);
  const signature = readSignature(whole);
  return { tbs, serial, issuer, subject, notBefore, notAfter, publicKey, signature, ...use };
}

/** Both places that name the algorithm have to name this one, so that the outer, unsigned one says nothing of its own. */
function demandAlgorithm(reader: DerReader): void {
  if (!reader.skipExactly(ECDSA_SHA384)) throw error("X509_SIGNATURE_ALGORITHM", "not ecdsa-with-SHA384");
}

/** BIT STRING { no unused bits, SEQUENCE { r, s } } (RFC 3279, section 2.2.3), the last part of a certificate or a list. */
export function readSignature(whole: DerReader): Uint8Array {
  const bits = whole.enterLast(Tag.bitString);
  if (bits.peek() !== 0) throw encodingError();
  bits.raw(1);
  const pair = bits.enterLast(Tag.sequence);
  const numbers = [readScalar(pair), readScalar(pair)];
  pair.end();
  return Buffer.concat(numbers);
}

function readScalar(pair: DerReader): Uint8Array {
  const digits = pair.takeUnsigned();
  if (digits.length > COORDINATE_BYTES) throw encodingError();
  return Buffer.concat([new Uint8Array(COORDINATE_BYTES - digits.length), digits]);
}

const encodingError = (): ProtocolError => error("X509_SIGNATURE_ENCODING", "unused bits, or a number above 48 bytes");

function error(code: ConstructorParameters<typeof ProtocolError>[0]["code"], message: string): ProtocolError {
  return new ProtocolError({ code, message });
}
