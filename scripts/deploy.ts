import { mkdirSync } from "node:fs";
import { join } from "node:path";
import hre from "hardhat";
import { approvedImages } from "../executor/app/images";
import { nitroRootPath, platformRootPath } from "../executor/app/paths";
import { packageRoot } from "../executor/deployment/artifacts";
import { deployAssay } from "../executor/deployment/deploy";
import { writeDeployment } from "../executor/deployment/record";
import { loadNitroPlatform } from "../executor/enclave/platform/nitroPlatform";
import { loadPlatform } from "../executor/enclave/platform/platform";

/**
 * Deploys Assay on the network Hardhat was started with and writes `deployments/<network>.json`.
 * The development root is made in the data folder (ASSAY_DATA_DIR, default `.assay`) if it is not there; the images of this clone, one per
 * sandbox level, are live at once. With ASSAY_ATTESTATION_FORMAT=nitro the verifier of AWS's format pins a development root of that format instead
 * of AWS's, for executors with `--attestation-format nitro`; the verifier itself refuses that outside development chains.
 */
async function main(): Promise<void> {
  const dataDir = process.env.ASSAY_DATA_DIR ?? join(packageRoot(), ".assay");
  mkdirSync(dataDir, { recursive: true });
  const platform = loadPlatform(platformRootPath(dataDir));
  const nitroRoot =
    process.env.ASSAY_ATTESTATION_FORMAT === "nitro" ? loadNitroPlatform(nitroRootPath(dataDir)) : undefined;
  const images = await approvedImages(nitroRoot ?? platform);
  const [deployer] = await hre.ethers.getSigners();
  if (deployer === undefined) throw new Error(`the network ${hre.network.name} has no account to deploy with`);
  const record = await deployAssay({
    network: hre.network.name,
    deployer,
    rootPublicKey: platform.rootKey,
    images: images.map(({ imageId }) => imageId),
    ...(nitroRoot === undefined ? {} : { nitroRoot }),
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
