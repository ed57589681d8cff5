import { Wallet } from "ethers";
import type { RpcClient } from "../../executor/rpc/client";
import type { Random } from "../models/train/random";
import { localKey } from "../start/localKeys";

const GWEI = 10n ** 9n;

/** Makes the blocks of a development chain, and unmakes them. Mining is driven: a node that mines by itself has no reorgs to show. */
export class ChainDriver {
  reorgs = 0;
  jumps = 0;
  stolenNonces = 0;
  feeSpikes = 0;
  blocks = 0;

  constructor(
    private readonly rpc: RpcClient,
    private readonly random: Random,
  ) {}

  /** Hardhat stops mining by one call and anvil by the same; blocks come from `mine` alone afterwards. */
  async takeOver(): Promise<void> {
    await this.rpc.call("evm_setAutomine", [false]);
  }

  async mine(): Promise<void> {
    await this.rpc.call("evm_mine");
    this.blocks++;
  }

  /**
   * Drops the last `depth` blocks and puts others in their place. `between` runs after each of the blocks that will be dropped, so that the
   * executor sees them and acts on them.
   */
  async reorg(depth: number, between: () => Promise<void>): Promise<void> {
    const snapshot = await this.rpc.call<string>("evm_snapshot");
    for (let i = 0; i < depth; i++) {
      await this.mine();
      await between();
    }
    await this.rpc.call("evm_revert", [snapshot]);
    // Another time, so that the new blocks differ from the dropped ones even if they hold the same.
    await this.rpc.call("evm_increaseTime", [1 + Math.floor(this.random() * 5)]);
    this.reorgs++;
    for (let i = 0; i <= depth; i++) await this.mine();
  }

  async jump(): Promise<void> {
    await this.rpc.call("evm_increaseTime", [60 + Math.floor(this.random() * 1_800)]);
    this.jumps++;
    await this.mine();
  }

  /** Prices whatever waits in the pool out of the next blocks; the base fee falls by an eighth with each. */
  async spikeFee(): Promise<void> {
    const base = GWEI * BigInt(20 + Math.floor(this.random() * 60));
    await this.rpc.call("hardhat_setNextBlockBaseFeePerGas", [`0x${base.toString(16)}`]);
    this.feeSpikes++;
    await this.mine();
  }

  /** Somebody else with the operator's key takes the next nonce, dearer than what waits there. */
  async stealNonce(): Promise<void> {
    const wallet = new Wallet(localKey(1));
    const nonce = Number(await this.rpc.call<string>("eth_getTransactionCount", [wallet.address, "latest"]));
    const chainId = Number(await this.rpc.call<string>("eth_chainId"));
    const fee = { maxFeePerGas: 2_000n * GWEI, maxPriorityFeePerGas: 100n * GWEI, gasLimit: 21_000n, type: 2 };
    const raw = await wallet.signTransaction({ ...fee, chainId, nonce, to: wallet.address, value: 0n });
    const [answer] = await this.rpc.batch([{ method: "eth_sendRawTransaction", params: [raw] }]);
    if (answer?.ok === true) this.stolenNonces++;
  }
}
