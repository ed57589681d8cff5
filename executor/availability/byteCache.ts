import type { Hex32 } from "../domain/ids";

/** The files used last, up to a number of bytes. One that is larger than the whole cache is not kept. */
export class ByteCache {
  readonly #maxBytes: number;
  readonly #files = new Map<Hex32, Uint8Array>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(hash: Hex32): Uint8Array | undefined {
    const found = this.#files.get(hash);
    if (found === undefined) return undefined;
    // The order of a Map is that of insertion: the one used longest ago stands first.
    this.#files.delete(hash);
    this.#files.set(hash, found);
    return found;
  }

  /** The size of a file without counting as its use. */
  sizeOf(hash: Hex32): number | undefined {
    return this.#files.get(hash)?.length;
  }

  set(hash: Hex32, bytes: Uint8Array): void {
    if (bytes.length > this.#maxBytes) return;
    this.#bytes += bytes.length - (this.#files.get(hash)?.length ?? 0);
    this.#files.delete(hash);
    this.#files.set(hash, bytes);
    for (const [oldest, file] of this.#files) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#files.delete(oldest);
      this.#bytes -= file.length;
    }
  }
}
