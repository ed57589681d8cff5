import { configureBody, type EnclaveConfig } from "./config";
import { startInProcess } from "./inProcess";
import { startStrongest } from "./levels";
import { measure } from "./measure/measure";
import type { Enclave } from "./ports";
import { RunningEnclave } from "./runningEnclave";
import { locateImage } from "./sandbox/image";

/**
 * Starts an enclave: locates and measures the image, makes the strongest sandbox at or above the demanded level, hands in the configuration and
 * waits until keys are born and the probe has run.
 * @throws EnclaveError any code; nothing is left running then
 */
export async function startEnclave(config: EnclaveConfig, signal?: AbortSignal): Promise<Enclave> {
  signal?.throwIfAborted();
  if (config.minimumLevel === 0) return startInProcess(config);
  const image = locateImage(config.image);
  const starting = startStrongest(image, {
    minimumLevel: config.minimumLevel,
    ...(config.launcher === undefined ? {} : { only: config.launcher }),
    ...(signal === undefined ? {} : { signal }),
  });
  // Hashing 150 MB takes as long as the sandbox needs to come up; both go on at once. The runtime's hashes do not depend on the level.
  const hashing = measure(image, 3);
  hashing.catch(() => undefined); // Awaited below; a failed start must not leave it unhandled.
  const started = await starting;
  const { connection, launcher, launched, layers } = started;
  try {
    await hashing;
    const measurement = await measure(image, launcher.level);
    measurement.assertUnchanged();
    const configured = await connection.ask("configure", configureBody(config, launcher.level, measurement.pcrs.pcr0));
    const enclave = new RunningEnclave({
      connection,
      platform: config.platform,
      configured,
      pcrs: measurement.pcrs,
      level: launcher.level,
      layers,
    });
    const close = (): void => void enclave.close();
    signal?.addEventListener("abort", close, { once: true });
    // A daemon outlives many enclaves; each would leave its listener behind.
    void enclave.exited.then(() => signal?.removeEventListener("abort", close));
    return enclave;
  } catch (error) {
    connection.kill("the start failed");
    await launched.ended;
    throw error;
  }
}
