import { X509Certificate } from "node:crypto";
import { bytesToHex } from "../protocol/bytes";
import { decodeCoseSign1 } from "../protocol/cose";
import { readCertificate } from "../protocol/nitro/x509";
import { decodeNitroPayload } from "../protocol/nitroDocument";

/**
 * What a document says, as rows of name and value. Nothing of it is verified.
 * @throws ProtocolError `COSE_…`, `CBOR_…`, `NITRO_…`, `X509_…`, `DER_…`
 */
export function documentRows(document: Uint8Array): string[][] {
  const fields = decodeNitroPayload(decodeCoseSign1(document, "ES384").payload);
  const optional = (bytes: Uint8Array): string => (bytes.length === 0 ? "none" : bytesToHex(bytes));
  const chain = fields.certificate.length === 0 ? fields.cabundle : [...fields.cabundle, fields.certificate];
  return [
    // The module id is the document's own word: nothing in it may steer a terminal.
    ["module id", JSON.stringify(fields.moduleId)],
    ["time", timeOf(fields.timestampMs)],
    ...[...fields.pcrs].map(([index, value]) => [`PCR${index}`, bytesToHex(value)]),
    ["public key", optional(fields.publicKey)],
    ["user data", optional(fields.userData)],
    ["nonce", optional(fields.nonce)],
    ...chain.flatMap((der, index) => certificateRows(der, roleOf(index, chain.length))),
  ];
}

function roleOf(index: number, count: number): string {
  if (index === 0) return "root";
  return index === count - 1 ? "enclave" : `CA ${index}`;
}

function certificateRows(der: Uint8Array, role: string): string[][] {
  const { serial, notBefore, notAfter } = readCertificate(der);
  // Only for the text of the names; node:crypto reads more spellings than the verifier does.
  const { subject, issuer } = new X509Certificate(Buffer.from(der));
  const line = (name: string): string => JSON.stringify(name.replaceAll("\n", ", "));
  return [
    [role, line(subject)],
    ["  issuer", line(issuer)],
    ["  valid", `${timeOf(1_000n * notBefore)} to ${timeOf(1_000n * notAfter)}`],
    ["  serial", bytesToHex(serial)],
  ];
}

/** ISO 8601, where JavaScript has a date for it. */
function timeOf(milliseconds: bigint): string {
  const date = new Date(Number(milliseconds));
  return Number.isNaN(date.getTime()) ? `${milliseconds} ms` : date.toISOString();
}
