import type { DeploymentRecord } from "../deployment/record";
import { ZERO_32 } from "../domain/ids";
import { argsOf, ChainReader, topicOf } from "../explain/reader";
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
  /** It takes nothing new and is never renewed; usable until `epochEnd`. */
  readonly draining: boolean;
  /** Seconds of block time. */
  readonly epochEnd: number;
}

/** Every key the registry ever took, oldest first, with its standing at the newest block. */
export async function registeredEnclaves(rpc: RpcClient, record: DeploymentRecord): Promise<RegisteredEnclave[]> {
  const { address, block } = record.contracts.EnclaveRegistry;
  const reader = new ChainReader(rpc);
  const head = await reader.block("latest");
  const topics = [topicOf(REGISTRY, "EnclaveRegistered")];
  const logs = await reader.logs({ address, topics, fromBlock: block, toBlock: head.number });
  return Promise.all(
    logs.map(async (log) => {
      const args = argsOf(REGISTRY, log);
      const signer = String(args["signer"]);
      const at = { contract: REGISTRY, at: address };
      const [[code], life] = await Promise.all([
        reader.view(at, "check", [signer, 0, ZERO_32]),
        reader.view(at, "lifeOf", [signer]),
      ]);
      return {
        signer,
        operatorId: Number(args["operatorId"]),
        operator: String(args["operator"]),
        trust: Number(args["trust"]),
        imageId: String(args["imageId"]),
        runtimeProfile: String(args["runtimeProfile"]),
        endpoint: String(args["endpoint"]),
        block: log.blockNumber,
        code: Number(code),
        draining: Boolean(life["draining"]),
        epochEnd: Number(life["epochEnd"]),
      };
    }),
  );
}
