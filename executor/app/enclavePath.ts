import { createHash } from "node:crypto";
import type { InferencePath } from "../conformance/run";
import { hex32, ZERO_32, ZERO_ADDRESS } from "../domain/ids";
import { ephemeralPlatform } from "../enclave/platform/platform";
import type { EnclaveLevel } from "../enclave/ports";
import { startEnclave } from "../enclave/supervisor";
import { refusalName } from "../protocol/statement";
import { decodeTensorSet, encodeTensorSet } from "../protocol/tensorSet";

const NOW = { chainNow: 1_000, notAfter: 4_000 };

/** The real enclave of this machine, at its strongest level, without a chain around it: portable statements of a root that lives as long as the run. */
export async function openEnclavePath(
  minimumLevel: EnclaveLevel,
): Promise<InferencePath & { readonly level: EnclaveLevel; close(): Promise<void> }> {
  const enclave = await startEnclave({
    chainId: 31337n,
    registry: ZERO_ADDRESS,
    hub: ZERO_ADDRESS,
    operator: ZERO_ADDRESS,
    payout: ZERO_ADDRESS,
    endpoint: "",
    platform: ephemeralPlatform(),
    minimumLevel,
  });
  return {
    level: enclave.description.level,
    run: async (model, inputs) => {
      const outcome = await enclave.run(
        {
          requestId: ZERO_32,
          requester: ZERO_ADDRESS,
          modelHash: hex32(`0x${createHash("sha256").update(model).digest("hex")}`),
          input: encodeTensorSet(inputs),
          contextRoot: ZERO_32,
          feeWei: 0n,
          ...NOW,
        },
        model,
      );
      if (!outcome.ok) return { kind: "failed", reason: `${outcome.failure.code}: ${outcome.failure.detail}` };
      const { answer } = outcome;
      if (answer.kind === "result") return { kind: "answered", outputs: decodeTensorSet(answer.output) };
      return { kind: "refused", reason: refusalName(answer.reason) };
    },
    close: () => enclave.close(),
  };
}
