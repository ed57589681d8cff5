import type { Hex32 } from "../domain/ids";
import { measure } from "../enclave/measure/measure";
import type { Platform } from "../enclave/platform/platform";
import type { EnclaveLevel } from "../enclave/ports";
import { locateImage } from "../enclave/sandbox/image";

export interface ApprovedImage {
  readonly level: EnclaveLevel;
  readonly imageId: Hex32;
}

/** The image ids of this clone under a root: one for each level that starts a process, since how it is started is measured too. */
export async function approvedImages(platform: Pick<Platform, "imageIdOf">): Promise<ApprovedImage[]> {
  const image = locateImage();
  const levels: readonly EnclaveLevel[] = [3, 2, 1];
  return Promise.all(
    levels.map(async (level) => ({ level, imageId: platform.imageIdOf((await measure(image, level)).pcrs) })),
  );
}
