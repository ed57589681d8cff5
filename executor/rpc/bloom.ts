import type { HexBytes } from "../domain/ids";
import { hexToBytes } from "../protocol/bytes";
import { keccak256 } from "../protocol/statement";

/** The three bits that a value sets in a header's 2,048-bit bloom filter (Yellow Paper, section 4.3.1). */
function bitsOf(value: HexBytes): number[] {
  const hash = hexToBytes(keccak256(hexToBytes(value)));
  return [0, 2, 4].map((i) => (((hash[i] as number) << 8) | (hash[i + 1] as number)) & 2047);
}

const cache = new Map<HexBytes, number[]>();

function cachedBitsOf(value: HexBytes): number[] {
  const known = cache.get(value);
  if (known !== undefined) return known;
  const bits = bitsOf(value);
  // Only the hub's address and topics are ever asked for; the bound is against misuse, not against load.
  if (cache.size < 256) cache.set(value, bits);
  return bits;
}

/** False: the block has no log with this address or topic. True: it may have one. */
export function bloomMayContain(logsBloom: HexBytes, value: HexBytes): boolean {
  return cachedBitsOf(value).every((bit) => {
    // Bit 0 is the lowest bit of the last of 256 bytes; each hex digit holds four.
    const digit = logsBloom.length - 1 - (bit >> 2);
    return (Number.parseInt(logsBloom[digit] ?? "0", 16) & (1 << (bit & 3))) !== 0;
  });
}

/** True if the block may hold an event of `contract` with one of these first topics. */
export function bloomMayContainEvent(logsBloom: HexBytes, event: { contract: HexBytes; topics: readonly HexBytes[] }): boolean {
  return bloomMayContain(logsBloom, event.contract) && event.topics.some((topic) => bloomMayContain(logsBloom, topic));
}
