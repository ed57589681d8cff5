import type { HexBytes } from "../domain/ids";
import { hexToBytes } from "../protocol/bytes";
import { keccak256 } from "../protocol/statement";

/**
 * Whether a block's bloom filter admits that the block holds a log with this address or topic: "no" is certain, "yes" is not.
 * A node that answers "no logs" for a block whose filter says "perhaps" is asked again by block hash before it is believed.
 * @see Ethereum Yellow Paper, section 4.3.1: three 11-bit positions from keccak256
 */
export function bloomMayContain(bloom: HexBytes, value: HexBytes): boolean {
  const filter = hexToBytes(bloom);
  if (filter.length !== 256) return true;
  const hash = hexToBytes(keccak256(hexToBytes(value)));
  return [0, 2, 4].every((i) => {
    const bit = (((hash[i] as number) << 8) | (hash[i + 1] as number)) & 2047;
    return ((filter[255 - (bit >> 3)] as number) & (1 << (bit & 7))) !== 0;
  });
}
