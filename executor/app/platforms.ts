import { loadNitroPlatform } from "../enclave/platform/nitroPlatform";
import { loadPlatform, type Platform } from "../enclave/platform/platform";
import { nitroRootPath, platformRootPath } from "./paths";

/** The platform of a data folder that vouches in a format; its root is made if it is not there. @throws EnclaveError `ENCLAVE_ROOT_UNUSABLE` */
export function platformOf(format: "development" | "nitro", dataDir: string): Platform {
  return format === "nitro" ? loadNitroPlatform(nitroRootPath(dataDir)) : loadPlatform(platformRootPath(dataDir));
}
