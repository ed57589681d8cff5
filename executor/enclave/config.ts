import { availableParallelism } from "node:os";
import * as z from "zod/mini";
import { address } from "../domain/ids";
import { EnclaveError } from "./errors";
import { type EnclaveLimits, limitsSchema } from "./image/messages";
import type { Platform } from "./platform/platform";
import type { EnclaveLevel } from "./ports";
import type { ImageOverrides } from "./sandbox/image";
import type { Launcher } from "./sandbox/launcher";

/** What an operator decides about an enclave. Everything but `platform` and `image` goes into the sandbox, once. */
export interface EnclaveConfig {
  readonly chainId: bigint;
  readonly registry: string;
  readonly hub: string;
  readonly operator: string;
  readonly payout: string;
  /** Where the operator serves sealed requests, or empty. */
  readonly endpoint: string;
  readonly platform: Platform;
  /** Below this level nothing is started. 0 runs everything in this process and is for unit tests of consumers. */
  readonly minimumLevel: EnclaveLevel;
  /** Only this way of making a sandbox; for tests and diagnosis. */
  readonly launcher?: Launcher["name"];
  readonly limits?: Partial<EnclaveLimits>;
  readonly image?: ImageOverrides;
}

const MIB = 2 ** 20;

export const DEFAULT_ENCLAVE_LIMITS: EnclaveLimits = {
  // One runner computes on one core; one more keeps a second model from evicting the first at every turn.
  maxRunners: Math.max(2, availableParallelism()),
  maxQueuePerRunner: 256,
  loadTimeoutMs: 10_000,
  runTimeoutMs: 5_000,
  maxOutputBytes: 4 * MIB,
  runnerMemoryBytes: 1_024 * MIB,
  // About 25 MB when full; a day of more than one answer per second.
  recordCapacity: 100_000,
};

/** @throws EnclaveError `ENCLAVE_CONFIG_INVALID` */
export function resolveLimits(given: Partial<EnclaveLimits> = {}): EnclaveLimits {
  const parsed = z.safeParse(limitsSchema, { ...DEFAULT_ENCLAVE_LIMITS, ...given });
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map(({ path }) => path.join("."));
  throw new EnclaveError({
    code: "ENCLAVE_CONFIG_INVALID",
    message: `limits out of range: ${fields.join(", ")}`,
    context: { fields },
  });
}

/** The part of the configuration that is sent into the enclave. */
export function configureBody(config: EnclaveConfig, level: EnclaveLevel, pcr0: Uint8Array): ConfigureBody {
  return {
    chainId: config.chainId,
    registry: address(config.registry),
    hub: address(config.hub),
    operator: address(config.operator),
    payout: address(config.payout),
    endpoint: config.endpoint,
    level,
    pcr0: `0x${Buffer.from(pcr0).toString("hex")}`,
    limits: resolveLimits(config.limits),
  };
}

type ConfigureBody = Omit<import("./image/messages").BodyOf<"configure">, "call">;
