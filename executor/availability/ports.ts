import type { Hex32 } from "../domain/ids";

/** Where the bytes of a content hash come from. What is returned was hashed and matches; undefined: this source does not have them. */
export interface ModelSource {
  get(hash: Hex32): Promise<Uint8Array | undefined>;
}
