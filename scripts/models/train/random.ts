/** Numbers in [0, 1) with 32 bits each. */
export type Random = () => number;

/** A small seeded generator (mulberry32, public domain): the same seed gives the same model. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fisher-Yates in place. */
export function shuffle(indices: Int32Array, random: Random): void {
  for (let i = indices.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const kept = indices[i] as number; // i and j are below the length.
    indices[i] = indices[j] as number;
    indices[j] = kept;
  }
}
