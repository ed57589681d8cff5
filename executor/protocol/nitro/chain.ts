import { keccak_256 } from "@noble/hashes/sha3";
import type { Hex32 } from "../../domain/ids";
import { bytesToHex } from "../bytes";
import { ProtocolError } from "../protocolError";
import type { P384Signature } from "./p384";
import { type Certificate, readCertificate } from "./x509";

/** A chain of which everything holds but, as yet, its signatures. */
export interface WalkedChain {
  readonly root: Certificate;
  /** The certificate whose key signs the document. */
  readonly target: Certificate;
  /** Of every certificate under the root, first to last. The root's own says nothing: its bytes are pinned. */
  readonly signatures: readonly P384Signature[];
}

const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

/**
 * Checks a chain by AWS's rules (nsm-api, attestation_process.md) and RFC 5280's, section 6.1, at a time: the pinned root first, names chained
 * byte for byte, every certificate valid (the root too), every CA allowed to sign certificates and as deep as its path length, the target
 * allowed to sign data and no CA.
 * @param ders root first, target last, at least two
 * @param root keccak256 of the root's DER
 * @param at seconds since 1970
 * @throws ProtocolError `NITRO_…`, `X509_…`, `DER_…`
 */
export function walkChain(ders: readonly Uint8Array[], root: Hex32, at: bigint): WalkedChain {
  const chain: Certificate[] = [];
  const last = ders.length - 1;
  for (const [index, der] of ders.entries()) {
    if (index === 0 && bytesToHex(keccak_256(der)) !== root.toLowerCase())
      throw error("NITRO_ROOT_UNKNOWN", index, "the first certificate is not the pinned root");
    const certificate = readCertificate(der);
    demandValid(certificate, index, at);
    if (index === last) demandTarget(certificate, index);
    // CA certificates below this one; the target is none of them.
    else demandCa(certificate, { index, below: last - 1 - index });
    const parent = chain[index - 1];
    if (parent !== undefined) demandIssued(certificate, parent, index);
    chain.push(certificate);
  }
  const signatures = chain.slice(1).map((certificate, i) => ({
    signed: certificate.tbs,
    signature: certificate.signature,
    publicKey: (chain[i] as Certificate).publicKey,
  }));
  return { root: chain[0] as Certificate, target: chain[last] as Certificate, signatures };
}

/** Both bounds belong to the validity. */
function demandValid(certificate: Certificate, index: number, at: bigint): void {
  if (at < certificate.notBefore) throw error("NITRO_NOT_YET_VALID", index, "used before its validity");
  if (at > certificate.notAfter) throw error("NITRO_EXPIRED", index, "used after its validity");
}

function demandCa(certificate: Certificate, { index, below }: { index: number; below: number }): void {
  const { isCa, keyUsage, pathLength } = certificate;
  if (!isCa) throw error("NITRO_NOT_CA", index, "above another certificate, and no CA");
  if ((keyUsage & KEY_CERT_SIGN) === 0) throw error("NITRO_KEY_USAGE", index, "may not sign certificates");
  if (pathLength !== undefined && below > pathLength)
    throw error("NITRO_PATH_LENGTH", index, "more CAs follow than its path length allows");
}

function demandTarget({ isCa, keyUsage, pathLength }: Certificate, index: number): void {
  if (isCa || pathLength !== undefined) throw error("NITRO_TARGET_IS_CA", index, "the target is a CA");
  if ((keyUsage & DIGITAL_SIGNATURE) === 0) throw error("NITRO_KEY_USAGE", index, "may not sign data");
}

function demandIssued(certificate: Certificate, parent: Certificate, index: number): void {
  if (Buffer.compare(certificate.issuer, parent.subject) !== 0)
    throw error("NITRO_NAME_MISMATCH", index, "its issuer is not the subject above, byte for byte");
  // A root in the middle would be its own parent, and no rule about parents would say anything.
  if (Buffer.compare(certificate.issuer, certificate.subject) === 0)
    throw error("NITRO_SELF_ISSUED", index, "names itself as its issuer");
}

function error(
  code: ConstructorParameters<typeof ProtocolError>[0]["code"],
  index: number,
  message: string,
): ProtocolError {
  return new ProtocolError({ code, message: `certificate ${index}: ${message}`, context: { index } });
}
