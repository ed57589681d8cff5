import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import type { Hex32 } from "../../domain/ids";
import { signCoseSign1 } from "../../protocol/cose";
import { encodeNitroPayload } from "../../protocol/nitroDocument";
import { keccak256 } from "../../protocol/statement";
import { imageIdFor } from "../measure/measure";
import type { Pcrs } from "../measure/pcrs";
import { rawP384Key, writeCertificate } from "./certificate";
import { allPcrs, type DocumentParts, type Platform } from "./platform";
import { secretFile, unusableRoot } from "./rootFile";

/** A CA: its key and its certificate. */
interface Authority {
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
}

/** Common names and path lengths of root, region, zone and instance, as in AWS's chains. */
const AUTHORITIES = [
  { name: "assay.nitro-enclaves", pathLength: undefined },
  { name: "region.assay.nitro-enclaves", pathLength: 2 },
  { name: "zone.region.assay.nitro-enclaves", pathLength: 1 },
  { name: "instance.region.assay.nitro-enclaves", pathLength: 0 },
] as const;
const INSTANCE = AUTHORITIES[AUTHORITIES.length - 1] as (typeof AUTHORITIES)[number];
const HOUR = 3_600;
const DAY = 24 * HOUR;
const YEARS_OF_A_ROOT = 20;

/**
 * Vouches for software enclaves by documents of exactly AWS Nitro's format: COSE_Sign1 with ES384, under root, three CAs and a certificate that
 * lives three hours. The root is a development root as the other is: whoever has its file can vouch for anything, a deployment knows it as one, and
 * what it vouches for never has the hardware-rooted level. AWS's CAs live for days; these live as long as their root, as nobody renews them.
 */
export class NitroFormatPlatform implements Platform {
  readonly rootId: Hex32;
  /** keccak256 of the root's DER: what a chain pins. */
  readonly certificateHash: Hex32;

  constructor(private readonly authorities: readonly Authority[]) {
    const [root] = authorities as readonly [Authority];
    this.rootId = keccak256(rawP384Key(root.key));
    this.certificateHash = keccak256(root.certificate);
  }

  imageIdOf(pcrs: Pcrs): Hex32 {
    return imageIdFor(this.rootId, pcrs);
  }

  document(parts: DocumentParts): Uint8Array {
    const { privateKey, publicKey } = newKey();
    const issuer = this.authorities[this.authorities.length - 1] as Authority;
    const id = keccak256(parts.publicKey).slice(2);
    const moduleId = `i-${id.slice(0, 17)}-enc${id.slice(17, 33)}`;
    const now = Math.floor(parts.nowMs / 1_000);
    const certificate = writeCertificate({
      subject: `${moduleId}.region.assay`,
      issuer: INSTANCE.name,
      publicKey,
      issuerKey: issuer.key,
      serial: newSerial(),
      // The chain's clock may be behind this machine's.
      notBefore: now - HOUR,
      notAfter: now + 2 * HOUR,
      ca: undefined,
    });
    const payload = encodeNitroPayload({
      moduleId,
      timestampMs: BigInt(parts.nowMs),
      pcrs: allPcrs(parts.pcrs),
      certificate,
      cabundle: this.authorities.map((authority) => authority.certificate),
      publicKey: parts.publicKey,
      userData: parts.userData,
      nonce: parts.nonce ?? new Uint8Array(),
    });
    return signCoseSign1({ payload, key: privateKey, algorithm: "ES384" });
  }
}

/**
 * The platform whose root and CAs are in a file (keys and certificates in turn, PEM), made if it is not there.
 * @throws EnclaveError `ENCLAVE_ROOT_UNUSABLE`
 */
export function loadNitroPlatform(path: string): NitroFormatPlatform {
  const text = secretFile(path, () =>
    newAuthorities(Math.floor(Date.now() / 1_000))
      .map(pemOf)
      .join(""),
  );
  const blocks = text.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----\n/g) ?? [];
  if (blocks.length !== 2 * AUTHORITIES.length) throw unusableRoot(path, "it does not hold a root and three CAs");
  try {
    const authorities = AUTHORITIES.map((_, i) => ({
      key: createPrivateKey(blocks[2 * i] as string),
      certificate: new Uint8Array(new X509Certificate(blocks[2 * i + 1] as string).raw),
    }));
    return new NitroFormatPlatform(authorities);
  } catch (error) {
    throw unusableRoot(path, "it holds no private P-384 keys with their certificates", error);
  }
}

function newAuthorities(now: number): Authority[] {
  const made: Authority[] = [];
  for (const [i, { name, pathLength }] of AUTHORITIES.entries()) {
    const { privateKey, publicKey } = newKey();
    const certificate = writeCertificate({
      subject: name,
      issuer: AUTHORITIES[Math.max(0, i - 1)]?.name ?? name,
      publicKey,
      issuerKey: made[i - 1]?.key ?? privateKey,
      serial: newSerial(),
      notBefore: now - DAY,
      notAfter: now + YEARS_OF_A_ROOT * 365 * DAY,
      ca: pathLength === undefined ? {} : { pathLength },
    });
    made.push({ key: privateKey, certificate });
  }
  return made;
}

const newKey = (): { privateKey: KeyObject; publicKey: KeyObject } =>
  generateKeyPairSync("ec", { namedCurve: "P-384" });

/** 16 bytes, and never 0. */
const newSerial = (): bigint => (1n << 126n) | BigInt(`0x${randomBytes(15).toString("hex")}`);

function pemOf({ key, certificate }: Authority): string {
  return `${key.export({ type: "pkcs8", format: "pem" })}${new X509Certificate(Buffer.from(certificate)).toString()}`;
}
