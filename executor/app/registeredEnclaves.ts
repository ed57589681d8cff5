import type { DeploymentRecord } from "../deployment/record";
import { ZERO_32 } from "../domain/ids";
import type { RpcClient } from "../rpc/client";
import { REGISTRY } from "./registryAbi";

/** A key that was registered once, and whether the registry lets it act now. */
export interface RegisteredEnclave {
  readonly signer: string;
  readonly operatorId: number;
  readonly operator: string;
  readonly trust: number;
  readonly imageId: string;
  readonly runtimeProfile: string;
  readonly endpoint: string;
  readonly block: number;
  /** 0: usable now; else the registry's code (`contracts/libraries/Codes.sol`). */
  readonly code: number;
}

/** Every key the registry ever took, oldest first, with its standing at the newest block. */
export async function registeredEnclaves(rpc: RpcClient, record: DeploymentRecord): Promise<RegisteredEnclave[]> {
  const { address, block } = record.contracts.EnclaveRegistry;
  const topic = REGISTRY.getEvent("EnclaveRegistered")?.topicHash;
  const logs = await rpc.call<{ topics: string[]; data: string; blockNumber: string }[]>("eth_getLogs", [
    { address, topics: [topic], fromBlock: `0x${block.toString(16)}`, toBlock: "latest" },
  ]);
  return Promise.all(
    logs.map(async (log) => {
      const args = REGISTRY.parseLog(log)?.args;
      const signer = String(args?.signer);
      const data = REGISTRY.encodeFunctionData("check", [signer, 0, ZERO_32]);
      const answer = await rpc.call<string>("eth_call", [{ to: address, data }, "latest"]);
      const [code] = REGISTRY.decodeFunctionResult("check", answer);
      return {
        signer,
        operatorId: Number(args?.operatorId),
        operator: String(args?.operator),
        trust: Number(args?.trust),
        imageId: String(args?.imageId),
        runtimeProfile: String(args?.runtimeProfile),
        endpoint: String(args?.endpoint),
        block: Number(log.blockNumber),
        code: Number(code),
      };
    }),
  );
}
