/** Of the transaction, and of the words around the input in its calldata. */
const FLOOR_BASE_GAS = 30_000;
/** What `request` uses with a small input (`npm run bench`, gas.request), rounded up. */
const USED_BASE_GAS = 54_000;

/**
 * Gas of a request with this input: the dearer of the floor that calldata has (10 gas for a zero byte, 40 for another, EIP-7623), and of
 * calldata at its usual price (4 and 16) with what the hub does to it: memory, one copy, one hash, and 8 gas a byte for the event.
 */
export function requestGas(input: Uint8Array): bigint {
  let zeros = 0;
  for (const byte of input) if (byte === 0) zeros += 1;
  const others = input.length - zeros;
  const words = Math.ceil(input.length / 32);
  const floor = FLOOR_BASE_GAS + 10 * zeros + 40 * others;
  const memory = 3 * words + Math.floor(words ** 2 / 512);
  const used = USED_BASE_GAS + 4 * zeros + 16 * others + 8 * input.length + memory + (3 + 6) * words;
  return BigInt(Math.max(floor, used));
}
