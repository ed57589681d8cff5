import { existsSync } from "node:fs";
import type { Hex32 } from "../domain/ids";
import { type LevelReport, probeLevels } from "../enclave/levels";
import { measure } from "../enclave/measure/measure";
import type { EnclaveLevel } from "../enclave/ports";
import { locateImage } from "../enclave/sandbox/image";
import { bytesToHex } from "../protocol/bytes";
import { nitroRootPath, platformRootPath } from "./paths";
import { platformOf } from "./platforms";

/** The sandboxes of this machine, each tried by its real command line. */
export function sandboxReports(): Promise<LevelReport[]> {
  return probeLevels(locateImage());
}

/** The measurements of this clone's image at one level. The image id also depends on the root, so it needs a data folder that has one. */
export interface ImageMeasurement {
  readonly level: EnclaveLevel;
  readonly pcr0: string;
  readonly pcr1: string;
  readonly pcr2: string;
  readonly imageId: Hex32 | undefined;
  /** The same under the root of AWS's format. */
  readonly nitroImageId: Hex32 | undefined;
}

/** Measures the image for every level that starts a process; nothing is started, and no root is made. */
export async function measureImages(dataDir: string): Promise<ImageMeasurement[]> {
  const image = locateImage();
  const platform = existsSync(platformRootPath(dataDir)) ? platformOf("development", dataDir) : undefined;
  const nitro = existsSync(nitroRootPath(dataDir)) ? platformOf("nitro", dataDir) : undefined;
  const levels: readonly EnclaveLevel[] = [3, 2, 1];
  return Promise.all(
    levels.map(async (level) => {
      const { pcrs } = await measure(image, level);
      return {
        level,
        pcr0: bytesToHex(pcrs.pcr0),
        pcr1: bytesToHex(pcrs.pcr1),
        pcr2: bytesToHex(pcrs.pcr2),
        imageId: platform?.imageIdOf(pcrs),
        nitroImageId: nitro?.imageIdOf(pcrs),
      };
    }),
  );
}
