import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import type { Hex32 } from "../../domain/ids";
import { signCoseSign1 } from "../../protocol/cose";
import { encodeNitroPayload } from "../../protocol/nitroDocument";
import { rawP256Key, rootIdOf } from "../../protocol/nitroDocumentVerify";
import { EnclaveError } from "../errors";
import { imageIdFor, pcrMap } from "../measure/measure";
import type { Pcrs } from "../measure/pcrs";

/** PCRs of a document: 16 as on Nitro, 3 to 15 zero. */
const PCR_COUNT = 16;
const PCR_BYTES = 48;

/**
 * Plays the hypervisor of software enclaves: it, not the enclave, vouches for what was started. It holds the development root; whoever
 * has that key can vouch for anything, which is why a chain accepts it for software levels only.
 */
export class Platform {
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

  /** A signed document for a running enclave. `nowMs` is the clock of this machine: a claim that the chain bounds. */
  document(parts: {
    readonly pcrs: Pcrs;
    readonly publicKey: Uint8Array;
    readonly userData: Uint8Array;
    readonly nonce?: Uint8Array;
    readonly nowMs: number;
  }): Uint8Array {
    const pcrs = new Map(pcrMap(parts.pcrs));
    for (let index = pcrs.size; index < PCR_COUNT; index++) pcrs.set(index, new Uint8Array(PCR_BYTES));
    const payload = encodeNitroPayload({
      moduleId: `assay-${this.imageIdOf(parts.pcrs).slice(2, 18)}`,
      timestampMs: BigInt(parts.nowMs),
      pcrs,
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
export function ephemeralPlatform(): Platform {
  return new Platform(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/**
 * The platform whose root is in a file (PKCS #8, PEM); the file is made if it is not there, readable by its owner only, and never
 * written over: of two processes that start together one makes it and both use it.
 * @throws EnclaveError `ENCLAVE_ROOT_UNUSABLE`
 */
export function loadPlatform(path: string): Platform {
  try {
    const fd = openSync(path, "wx", 0o600);
    try {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeSync(fd, privateKey.export({ type: "pkcs8", format: "pem" }) as string);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unusable(path, "it can not be created", error);
  }
  if ((statSync(path).mode & 0o077) !== 0) throw unusable(path, "it is open to others; its mode must be 0600");
  try {
    return new Platform(createPrivateKey(readFileSync(path)));
  } catch (error) {
    throw unusable(path, "it holds no private P-256 key", error);
  }
}

function unusable(path: string, why: string, cause?: unknown): EnclaveError {
  return new EnclaveError({
    code: "ENCLAVE_ROOT_UNUSABLE",
    message: `the development root ${path} is of no use: ${why}`,
    context: { path },
    cause,
  });
}
