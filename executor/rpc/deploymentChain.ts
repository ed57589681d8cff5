import type { DeploymentChain } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { hex32 } from "../domain/ids";
import { parseHeader } from "./chainSource";
import type { RpcClient } from "./client";

/** What the deployment check reads, through JSON-RPC. */
export function rpcDeploymentChain(rpc: RpcClient): DeploymentChain {
  return {
    chainId: async () => {
      const answer = await rpc.call("eth_chainId");
      if (typeof answer === "string" && /^0x[0-9a-f]{1,64}$/i.test(answer)) return BigInt(answer);
      throw new AssayError({
        code: "RPC_ANSWER_MALFORMED",
        message: "the node's chain id is no number",
        context: { answer },
        retry: "later",
      });
    },
    genesisHash: async () => {
      const header = parseHeader(await rpc.call("eth_getBlockByNumber", ["0x0", false]));
      if (header === undefined)
        throw new AssayError({
          code: "RPC_ANSWER_MALFORMED",
          message: "the node has no genesis block",
          retry: "later",
        });
      return hex32(header.hash);
    },
    code: (account) => rpc.call("eth_getCode", [account, "latest"]),
  };
}
