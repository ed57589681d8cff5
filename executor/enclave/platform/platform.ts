import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Hex32 } from "../../domain/ids";
import { signCoseSign1 } from "../../protocol/cose";
import { encodeNitroPayload } from "../../protocol/nitroDocument";
import { rawP256Key, rootIdOf } from "../../protocol/nitroDocumentVerify";
import { imageIdFor, pcrMap } from "../measure/measure";
import type { Pcrs } from "../measure/pcrs";
import { secretFile, unusableRoot } from "./rootFile";

const PCR_COUNT = 16;
const PCR_BYTES = 48;

/** Plays the hypervisor of software enclaves: it, not the enclave, vouches for what was started. */
export interface Platform {
  /** Under which a chain approves images. */
  readonly rootId: Hex32;
  imageIdOf(pcrs: Pcrs): Hex32;
  /** A signed document for a running enclave. */
  document(parts: DocumentParts): Uint8Array;
}

export interface DocumentParts {
  readonly pcrs: Pcrs;
  readonly publicKey: Uint8Array;
  readonly userData: Uint8Array;
  readonly nonce?: Uint8Array;
  /** The clock of this machine: a claim that the chain bounds. */
  readonly nowMs: number;
}

/** All PCRs of a document: 16 as on Nitro, 3 to 15 zero. */
export function allPcrs(measured: Pcrs): ReadonlyMap<number, Uint8Array> {
  const pcrs = new Map(pcrMap(measured));
  for (let index = pcrs.size; index < PCR_COUNT; index++) pcrs.set(index, new Uint8Array(PCR_BYTES));
  return pcrs;
}

/**
 * Documents by one P-256 key, the development root. Whoever has that key can vouch for anything, which is why a chain accepts it for software
 * levels only.
 */
export class DevelopmentPlatform implements Platform {
  readonly #root: KeyObject;
  /** x ‖ y of the root, 64 bytes: what a chain pins. */
  readonly rootKey: Uint8Array;
  readonly rootId: Hex32;

  constructor(root: KeyObject) {
    this.#root = root;
    this.rootKey = rawP256Key(root);
    this.rootId = rootIdOf(this.rootKey);
  }

  imageIdOf(pcrs: Pcrs): Hex32 {
    return imageIdFor(this.rootId, pcrs);
  }

  document(parts: DocumentParts): Uint8Array {
    const payload = encodeNitroPayload({
      moduleId: `assay-${this.imageIdOf(parts.pcrs).slice(2, 18)}`,
      timestampMs: BigInt(parts.nowMs),
      pcrs: allPcrs(parts.pcrs),
      certificate: new Uint8Array(),
      cabundle: [],
      publicKey: parts.publicKey,
      userData: parts.userData,
      nonce: parts.nonce ?? new Uint8Array(),
    });
    return signCoseSign1({ payload, key: this.#root });
  }
}

/** A platform whose root lives in memory only: for tests and level 0. */
export function ephemeralPlatform(): DevelopmentPlatform {
  return new DevelopmentPlatform(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/**
 * The platform whose root is in a file (PKCS #8, PEM), made if it is not there.
 * @throws EnclaveError `ENCLAVE_ROOT_UNUSABLE`
 */
export function loadPlatform(path: string): DevelopmentPlatform {
  const text = secretFile(path, () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  });
  try {
    return new DevelopmentPlatform(createPrivateKey(text));
  } catch (error) {
    throw unusableRoot(path, "it holds no private P-256 key", error);
  }
}
