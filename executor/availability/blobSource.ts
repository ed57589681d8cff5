import type { Hex32 } from "../domain/ids";
import { failed } from "./hash";
import type { BlobStore, FetchOutcome, ModelSource } from "./ports";

/** Models that were downloaded before. */
export class BlobSource implements ModelSource {
  readonly name: string;
  readonly #store: BlobStore;

  constructor(store: BlobStore, name = "downloads") {
    this.#store = store;
    this.name = name;
  }

  async fetch(modelHash: Hex32): Promise<FetchOutcome> {
    try {
      const read = await this.#store.get(modelHash);
      if (read.ok) return { ok: true, bytes: read.bytes, source: this.name };
      return read.code === "BLOB_MISSING"
        ? failed("MODEL_NOT_FOUND", this.name, "never downloaded")
        : failed("MODEL_HASH_MISMATCH", this.name, "the file was damaged and is removed");
    } catch (error) {
      return failed("MODEL_UNREACHABLE", this.name, error instanceof Error ? error.name : "unknown");
    }
  }
}

/** A source whose finds are kept. That keeping fails (disk full) does not take the find away; `onKeepFailed` is told. */
export class KeepingSource implements ModelSource {
  readonly name: string;
  readonly #inner: ModelSource;
  readonly #store: BlobStore;
  readonly #onKeepFailed: (error: unknown) => void;

  constructor(args: {
    readonly inner: ModelSource;
    readonly store: BlobStore;
    readonly onKeepFailed: (error: unknown) => void;
  }) {
    this.name = args.inner.name;
    this.#inner = args.inner;
    this.#store = args.store;
    this.#onKeepFailed = args.onKeepFailed;
  }

  async fetch(modelHash: Hex32, signal?: AbortSignal): Promise<FetchOutcome> {
    const found = await this.#inner.fetch(modelHash, signal);
    if (found.ok) await this.#store.put(found.bytes).catch(this.#onKeepFailed);
    return found;
  }

  sizeOf(modelHash: Hex32): number | undefined {
    return this.#inner.sizeOf?.(modelHash);
  }
}
