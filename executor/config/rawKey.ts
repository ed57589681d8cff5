import { ConfigError } from "./errors";
import type { Config } from "./loadConfig";
import { variableOf } from "./names";

/** Chains that exist only on one machine: Hardhat and anvil (31337), Ganache and geth --dev (1337). */
export const DEVELOPMENT_CHAIN_IDS: readonly bigint[] = [31337n, 1337n];

/**
 * To be called once the chain id is known, before a raw key is used: a key in the environment is readable by
 * every child process and by crash reports, which is fine for play money only.
 * @throws ConfigError `CONFIG_SOURCE_REFUSED`
 */
export function assertRawKeysAllowed(config: Config, chainId: bigint): void {
  if (DEVELOPMENT_CHAIN_IDS.includes(chainId)) return;
  for (const name of ["operatorPrivateKey", "posterPrivateKey"] as const) {
    if (config[name] === undefined) continue;
    throw new ConfigError([
      {
        code: "CONFIG_SOURCE_REFUSED",
        name: variableOf(name),
        detail: `chain ${chainId} is not a development chain; use a keystore`,
      },
    ]);
  }
}
