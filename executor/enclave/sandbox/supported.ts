import { EnclaveError } from "../errors";

/** @throws EnclaveError `ENCLAVE_PLATFORM_UNSUPPORTED` where the filters' numbers do not hold */
export function demandSupportedPlatform(): void {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new EnclaveError({
      code: "ENCLAVE_PLATFORM_UNSUPPORTED",
      message: `the sandbox knows Linux on x86_64 only, not ${process.platform} on ${process.arch}`,
      context: { platform: process.platform, arch: process.arch },
    });
  }
}
