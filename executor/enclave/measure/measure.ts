import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import type { Hex32 } from "../../domain/ids";
import { imageIdOf } from "../../protocol/nitroDocumentVerify";
import { EnclaveError } from "../errors";
import type { EnclaveLevel } from "../ports";
import { bootManifest } from "../sandbox/bootPlan";
import type { EnclaveImage, ImageFile } from "../sandbox/image";
import type { Pcrs } from "./pcrs";

/** What makes a file the same one as before, as far as the file system tells. */
interface Identity {
  readonly host: string;
  readonly key: string;
}

const CHUNK_BYTES = 4 * 1024 * 1024;
/**
 * Hashes by identity, those under way included: enclaves that start together do not hash the same 150 MB each. Lives as long as the process:
 * across processes a file's times prove nothing.
 */
const known = new Map<string, Promise<string>>();

function identityOf(stat: { dev: bigint; ino: bigint; mtimeNs: bigint; ctimeNs: bigint; size: bigint }): string {
  return [stat.dev, stat.ino, stat.mtimeNs, stat.ctimeNs, stat.size].join(":");
}

async function sha384Of(host: string): Promise<{ hash: string; identity: Identity }> {
  const fd = openSync(host, "r");
  try {
    const key = identityOf(fstatSync(fd, { bigint: true }));
    let hashing = known.get(key);
    if (hashing === undefined) {
      hashing = hashOf(fd);
      known.set(key, hashing);
      // What could not be read is read again by the next who asks.
      hashing.catch(() => known.delete(key));
    }
    return { hash: await hashing, identity: { host, key } };
  } finally {
    closeSync(fd);
  }
}

async function hashOf(fd: number): Promise<string> {
  const hasher = createHash("sha384");
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const count = readSync(fd, chunk, 0, CHUNK_BYTES, null);
    if (count === 0) return hasher.digest("hex");
    hasher.update(chunk.subarray(0, count));
    // The enclave boots meanwhile; its frames are not to wait for 150 MB of hashing.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** An image, measured. */
export interface Measurement {
  readonly pcrs: Pcrs;
  /** @throws EnclaveError `ENCLAVE_IMAGE_CHANGED` if a file is not the one that was hashed */
  assertUnchanged(): void;
}

/** One line per file: hash, then place inside; sorted by place. Neither this machine's paths nor owners or times are in it. */
async function manifest(files: readonly ImageFile[]): Promise<{ text: string; identities: Identity[] }> {
  const lines: string[] = [];
  const identities: Identity[] = [];
  for (const { inside, host } of [...files].sort((a, b) => (a.inside < b.inside ? -1 : 1))) {
    const { hash, identity } = await sha384Of(host);
    lines.push(`${hash}  ${inside}\n`);
    identities.push(identity);
  }
  return { text: lines.join(""), identities };
}

/**
 * Measures an image as it would be started at a level: PCR0 and PCR2 are SHA-384 of a manifest, PCR1 of the boot plan.
 * The same clone gives the same three on the same platform, in any folder and for any user.
 */
export async function measure(image: EnclaveImage, level: EnclaveLevel): Promise<Measurement> {
  const runtime = await manifest(image.runtime);
  const application = await manifest(image.application);
  const sha384 = (text: string): Uint8Array => createHash("sha384").update(text).digest();
  const pcrs: Pcrs = {
    pcr0: sha384(runtime.text),
    pcr1: sha384(bootManifest(image, level)),
    pcr2: sha384(application.text),
  };
  const identities = [...runtime.identities, ...application.identities];
  return {
    pcrs,
    assertUnchanged: () => {
      const changed = identities.find(({ host, key }) => identityOf(statSync(host, { bigint: true })) !== key);
      if (changed === undefined) return;
      throw new EnclaveError({
        code: "ENCLAVE_IMAGE_CHANGED",
        message: `${changed.host} changed while the enclave started`,
        context: { host: changed.host },
      });
    },
  };
}

/** The id of an image under a root: `keccak256(rootId ‖ pcr0 ‖ pcr1 ‖ pcr2)`. */
export function imageIdFor(rootId: Hex32, pcrs: Pcrs): Hex32 {
  return imageIdOf({ rootId, pcrs: pcrMap(pcrs) });
}

export function pcrMap({ pcr0, pcr1, pcr2 }: Pcrs): ReadonlyMap<number, Uint8Array> {
  return new Map([
    [0, pcr0],
    [1, pcr1],
    [2, pcr2],
  ]);
}
