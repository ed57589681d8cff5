import { BrowserProvider } from "ethers";
import { createProvider } from "hardhat/internal/core/providers/construction";
import type { HardhatRuntimeEnvironment } from "hardhat/types";

/**
 * Opens an in-process chain apart from the one of `hre.network`: nobody else's blocks, accounts at nonce 0, and any chain
 * id. Gas figures are the same in every run only on such a chain, and rules for chains that are not for development can
 * only be tried on one.
 */
export async function openChain(hre: HardhatRuntimeEnvironment, chainId = 31337): Promise<BrowserProvider> {
  const hardhat = { ...hre.config.networks.hardhat, chainId };
  const config = { ...hre.config, networks: { ...hre.config.networks, hardhat } };
  const provider = await createProvider(config, "hardhat", hre.artifacts);
  return new BrowserProvider(provider, chainId, { cacheTimeout: -1 });
}
