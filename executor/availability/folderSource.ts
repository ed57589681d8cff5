import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Hex32, hex32 } from "../domain/ids";
import { failed, sha256Of } from "./hash";
import type { FetchOutcome, ModelSource } from "./ports";

interface Indexed {
  readonly path: string;
  readonly size: number;
  /** Size and times of the file when it was hashed: the same stamp need not be hashed again. */
  readonly stamp: string;
  readonly hash: Hex32;
}

const DEEPEST = 8;

/**
 * A folder of .onnx files, found by content whatever their names. The folder is read again when a hash is not in the index,
 * so that a file dropped in is found without a restart. Links are not followed: they could lead anywhere.
 */
export class FolderSource implements ModelSource {
  readonly name: string;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #byPath = new Map<string, Indexed>();
  #byHash = new Map<Hex32, Indexed>();
  #scanning: Promise<void> | undefined;

  constructor(args: { readonly folder: string; readonly maxBytes: number; readonly name?: string }) {
    this.#folder = args.folder;
    this.#maxBytes = args.maxBytes;
    this.name = args.name ?? "folder";
  }

  sizeOf(modelHash: Hex32): number | undefined {
    return this.#byHash.get(modelHash)?.size;
  }

  async fetch(modelHash: Hex32, signal?: AbortSignal): Promise<FetchOutcome> {
    try {
      if (!this.#byHash.has(modelHash)) await this.scan();
      for (let rescanned = false; ; rescanned = true) {
        const found = this.#byHash.get(modelHash);
        if (found === undefined) return failed("MODEL_NOT_FOUND", this.name, "no file of the folder has this hash");
        if (found.size > this.#maxBytes)
          return failed("MODEL_TOO_LARGE", this.name, `${found.size} bytes, at most ${this.#maxBytes}`);
        const bytes = await read(found.path, signal);
        if (bytes !== undefined && sha256Of(bytes) === modelHash) return { ok: true, bytes, source: this.name };
        // Changed since it was indexed: look once whether the content has moved to another name.
        this.#byHash.delete(modelHash);
        this.#byPath.delete(found.path);
        if (rescanned) return failed("MODEL_HASH_MISMATCH", this.name, "the file changes while it is read");
        await this.scan();
      }
    } catch (error) {
      if (signal?.aborted === true) return failed("MODEL_ABORTED", this.name, "aborted");
      return failed("MODEL_UNREACHABLE", this.name, codeOf(error));
    }
  }

  /** Reads the folder again. Callers at the same time share one reading. */
  scan(): Promise<void> {
    this.#scanning ??= this.#scanNow().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scanNow(): Promise<void> {
    const byHash = new Map<Hex32, Indexed>();
    const seen = new Set<string>();
    for (const path of await onnxFiles(this.#folder, 0)) {
      const indexed = await this.#index(path);
      if (indexed === undefined) continue;
      seen.add(path);
      this.#byPath.set(path, indexed);
      // Of two equal files the first by name counts, so that every scan gives the same answer.
      if (!byHash.has(indexed.hash)) byHash.set(indexed.hash, indexed);
    }
    for (const path of this.#byPath.keys()) if (!seen.has(path)) this.#byPath.delete(path);
    this.#byHash = byHash;
  }

  async #index(path: string): Promise<Indexed | undefined> {
    try {
      const { size, mtimeMs, ctimeMs, ino } = await stat(path);
      const stamp = `${size} ${mtimeMs} ${ctimeMs} ${ino}`;
      const known = this.#byPath.get(path);
      return known?.stamp === stamp ? known : { path, size, stamp, hash: await hashFile(path) };
    } catch (error) {
      // Gone or unreadable between listing and hashing: one bad file must not hide the others.
      if (["ENOENT", "EACCES", "EPERM"].includes(codeOf(error))) return undefined;
      throw error;
    }
  }
}

async function onnxFiles(folder: string, depth: number): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isFile() && entry.name.endsWith(".onnx")) files.push(path);
    else if (entry.isDirectory() && depth < DEEPEST && entry.name !== "node_modules")
      files.push(...(await onnxFiles(path, depth + 1)));
  }
  return files;
}

/** In pieces, because a folder may hold files that are larger than memory. */
async function hashFile(path: string): Promise<Hex32> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hex32(`0x${hash.digest("hex")}`);
}

/** undefined if the file is gone. */
async function read(path: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path, signal === undefined ? {} : { signal });
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "UNKNOWN";
}
