/** Chains that exist on one machine for one day; the same list as in `contracts/libraries/DevelopmentChains.sol`. */
const DEVELOPMENT_CHAINS: ReadonlySet<bigint> = new Set([31_337n, 1_337n]);

/** Whether raw keys, level 0 and losses are tolerable there. */
export function isDevelopmentChain(chainId: bigint): boolean {
  return DEVELOPMENT_CHAINS.has(chainId);
}
