import { mkdirSync } from "node:fs";
import { join } from "node:path";
import hre from "hardhat";
import { approvedImages } from "../executor/app/images";
import { platformRootPath } from "../executor/app/paths";
import { packageRoot } from "../executor/deployment/artifacts";
import { deployAssay } from "../executor/deployment/deploy";
import { writeDeployment } from "../executor/deployment/record";
import { loadPlatform } from "../executor/enclave/platform/platform";

/**
 * Deploys Assay on the network Hardhat was started with and writes `deployments/<network>.json`.
 * The development root is made in the data folder (ASSAY_DATA_DIR, default `.assay`) if it is not there; the images of this clone, one per
 * sandbox level, are live at once.
 */
async function main(): Promise<void> {
  const dataDir = process.env.ASSAY_DATA_DIR ?? join(packageRoot(), ".assay");
  mkdirSync(dataDir, { recursive: true });
  const platform = loadPlatform(platformRootPath(dataDir));
  const images = await approvedImages(platform);
  const [deployer] = await hre.ethers.getSigners();
  if (deployer === undefined) throw new Error(`the network ${hre.network.name} has no account to deploy with`);
  const record = await deployAssay({
    network: hre.network.name,
    deployer,
    rootPublicKey: platform.rootKey,
    images: images.map(({ imageId }) => imageId),
  });
  const file = join(packageRoot(), "deployments", `${hre.network.name}.json`);
  writeDeployment(file, record);
  console.log(`deployed on chain ${record.chainId}`);
  for (const [name, { address }] of Object.entries(record.contracts)) console.log(`  ${name.padEnd(30)} ${address}`);
  for (const { level, imageId } of images) console.log(`  image at sandbox level ${level}        ${imageId}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
