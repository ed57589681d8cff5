import type { Hex32 } from "../domain/ids";
import type { ModelSource } from "./ports";

/**
 * Asks sources in order and keeps what was used last, up to a number of bytes. Equal requests that come together are asked once.
 */
export function layered(args: { sources: readonly ModelSource[]; cacheBytes: number }): ModelSource {
  const cache = new Map<Hex32, Uint8Array>();
  const asking = new Map<Hex32, Promise<Uint8Array | undefined>>();
  let cached = 0;

  const remember = (hash: Hex32, bytes: Uint8Array): void => {
    if (bytes.length > args.cacheBytes) return;
    cache.set(hash, bytes);
    cached += bytes.length;
    // A Map keeps the order of insertion, and a hit is inserted anew: the first entry is the one used longest ago.
    for (const [old, content] of cache) {
      if (cached <= args.cacheBytes) break;
      cache.delete(old);
      cached -= content.length;
    }
  };
  const ask = async (hash: Hex32): Promise<Uint8Array | undefined> => {
    for (const source of args.sources) {
      const bytes = await source.get(hash);
      if (bytes === undefined) continue;
      remember(hash, bytes);
      return bytes;
    }
    return undefined;
  };
  return {
    get: (hash) => {
      const hit = cache.get(hash);
      if (hit !== undefined) {
        cache.delete(hash);
        cache.set(hash, hit);
        return Promise.resolve(hit);
      }
      const running = asking.get(hash) ?? ask(hash).finally(() => asking.delete(hash));
      asking.set(hash, running);
      return running;
    },
  };
}
