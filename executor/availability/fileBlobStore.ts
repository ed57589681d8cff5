import { randomBytes } from "node:crypto";
import { access, mkdir, open, readFile, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Hex32, hex32 } from "../domain/ids";
import { sha256Of } from "./hash";
import type { BlobRead, BlobStore } from "./ports";

/** Files under `<folder>/<first two digits>/<hash>`, so that no folder grows without end. Several processes may share it. */
export class FileBlobStore implements BlobStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async get(hash: Hex32): Promise<BlobRead> {
    const path = this.#path(hash);
    let bytes: Uint8Array;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if (isMissing(error)) return { ok: false, code: "BLOB_MISSING" };
      throw error;
    }
    if (sha256Of(bytes) === hash) return { ok: true, bytes };
    await rm(path, { force: true });
    return { ok: false, code: "BLOB_CORRUPT" };
  }

  async put(bytes: Uint8Array): Promise<Hex32> {
    const hash = sha256Of(bytes);
    const path = this.#path(hash);
    const folder = dirname(path);
    await mkdir(folder, { recursive: true });
    const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      const file = await open(temporary, "wx", 0o644);
      try {
        await file.writeFile(bytes);
        // On the disk before it has its name, else a power cut leaves a name without its bytes.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {
        // The first error says more than that there was nothing to clean up.
      });
      throw error;
    }
    const entry = await open(folder, "r");
    try {
      await entry.sync();
    } finally {
      await entry.close();
    }
    return hash;
  }

  async has(hash: Hex32): Promise<boolean> {
    try {
      await access(this.#path(hash));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async delete(hash: Hex32): Promise<void> {
    await rm(this.#path(hash), { force: true });
  }

  #path(hash: Hex32): string {
    // Parsed again, because a path is made of it: a cast elsewhere must not become `../`.
    const digits = hex32(hash).slice(2);
    return join(this.#folder, digits.slice(0, 2), digits);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
