import { keccak256 as ethersKeccak } from "ethers";
import type { Address, Hex32 } from "../domain/ids";
import { hex32 } from "../domain/ids";
import { CALL, headerIn, unwrap } from "./call";
import { rpcError } from "./errors";
import { bytesSchema, parseResult, quantitySchema } from "./schemas";
import type { Rpc, RpcOptions } from "./types";

/** What of `deployments/<network>.json` proves that an address is on the chain that was meant. */
export interface DeploymentIdentity {
  readonly chainId: bigint;
  readonly genesisHash: Hex32;
  readonly contracts: readonly { readonly name: string; readonly address: Address; readonly codeHash: Hex32 }[];
}

/**
 * Compares a node with a deployment, in one round trip. Addresses repeat across restarts of a local chain, so address and
 * chain id alone prove nothing; the genesis block and the code do.
 * @throws AssayError `RPC_WRONG_CHAIN`, `RPC_WRONG_GENESIS`, `RPC_CODE_MISSING`, `RPC_CODE_MISMATCH`
 */
export async function checkDeployment(rpc: Rpc, expected: DeploymentIdentity, options?: RpcOptions): Promise<void> {
  const calls = [CALL.chainId(), CALL.header(0), ...expected.contracts.map((contract) => CALL.code(contract.address))];
  const replies = await rpc.batch(calls, options);
  const chainCall = CALL.chainId();
  const chainId = parseResult(quantitySchema, unwrap(replies[0], chainCall), chainCall.method);
  const context = { endpoint: rpc.name };
  if (chainId !== expected.chainId) {
    throw rpcError("RPC_WRONG_CHAIN", "the node serves another chain", { context: { ...context, expected: expected.chainId, actual: chainId } });
  }
  const genesis = headerIn(replies[1], CALL.header(0));
  if (genesis?.hash !== expected.genesisHash) {
    throw rpcError("RPC_WRONG_GENESIS", "the chain began with another block", {
      context: { ...context, expected: expected.genesisHash, actual: genesis?.hash },
    });
  }
  expected.contracts.forEach((contract, i) => {
    const call = CALL.code(contract.address);
    const code = parseResult(bytesSchema, unwrap(replies[2 + i], call), call.method);
    const where = { ...context, contract: contract.name, address: contract.address };
    if (code === "0x") throw rpcError("RPC_CODE_MISSING", "there is no contract at the address", { context: where });
    const actual = hex32(ethersKeccak(code));
    if (actual !== contract.codeHash) {
      throw rpcError("RPC_CODE_MISMATCH", "another contract is at the address", { context: { ...where, expected: contract.codeHash, actual } });
    }
  });
}
