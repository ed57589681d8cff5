/** What `fulfill` uses with a 32-byte output and no callback, rounded up (`npm run bench`, gas.fulfill): what a reward is held against. */
export const FULFILMENT_GAS = 56_000;

/** Gas that one transaction may use at most (EIP-7825). */
export const TRANSACTION_GAS_CAP = 16_777_216n;

/**
 * The longest output that fits into a fulfilment whatever its bytes are: calldata costs 40 gas for a byte that is not zero (EIP-7623), and
 * something is left for the rest of the call. An enclave refuses a longer one by signature; unrefused it could neither land nor end.
 */
export const MAX_LANDING_OUTPUT_BYTES = 400_000;

/** What an access list costs (EIP-2930): 2,400 for each address, 1,900 for each slot. */
export function accessListGas(entries: readonly { readonly storageKeys: readonly unknown[] }[]): bigint {
  return entries.reduce((sum, { storageKeys }) => sum + 2_400n + 1_900n * BigInt(storageKeys.length), 0n);
}
