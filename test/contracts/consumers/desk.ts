import type { BaseContract, ContractTransactionReceipt, ContractTransactionResponse, Signer } from "ethers";
import { id, ZeroHash } from "ethers";
import hre from "hardhat";
import { bytesToHex } from "../../../executor/protocol/bytes";
import { encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { DType } from "../../../executor/protocol/tensorType";
import { tensorFrom } from "../../../executor/protocol/tensorValues";
import { args, Job } from "../helpers/job";
import { deployWorld, enclaveKey, mined, now, PROFILE, registrationOf, type With, type World } from "../helpers/world";

export const UNIT = 10n ** 18n;
export const ETHER = 10n ** 18n;
export const REWARD = UNIT / 1000n;
export const MODEL_HASH = id("a model");
export const POLICY = {
  profile: PROFILE,
  imageId: ZeroHash,
  minTrust: 3,
  callbackGas: 400_000,
  deadlineSeconds: 600,
  retrySeconds: 600,
};
/** Features of a calm market: log volatilities of about 3 % a day, no trend, noon on a weekday. */
export const CALM = [-3.6, -3.5, -3.4, -3.4, -3.5, -3.4, 0.001, 0.002, -0.05, 0.1, 0, -1, 0].map(
  (value) => BigInt(Math.round(value * 1e6)) * 10n ** 12n,
);

export type Consumer = With<"ask" | "abandon" | "isPending" | "onInference" | "setFailing" | "ln">;
export type Feed = With<"report" | "isFresh" | "features" | "toUsd" | "toWeiUp" | "toWeiDown">;
export type Hostile = With<"run" | "reentered">;

/** A real hub and registry with one registered enclave, and what it takes to let it answer. */
export class Desk {
  private constructor(
    readonly world: World,
    readonly signers: readonly Signer[],
    readonly key = enclaveKey("desk"),
  ) {}

  static async start(): Promise<Desk> {
    const signers = await hre.ethers.getSigners();
    const operator = signers[1] as Signer;
    // Heartbeats have tests of their own; here a key lives as long as its epoch.
    const world = await deployWorld(hre, signers[0] as Signer, { heartbeatSeconds: 86_400 });
    const desk = new Desk(world, signers);
    const { registration } = registrationOf(world, {
      key: desk.key,
      operator: await operator.getAddress(),
      attestedAt: await now(operator),
    });
    await mined(world.registry.connect(operator).getFunction("register")(registration));
    return desk;
  }

  signer(index: number): Signer {
    return this.signers[index] as Signer;
  }

  async deploy<C extends BaseContract>(name: string, parameters: readonly unknown[]): Promise<C> {
    return (await hre.ethers.deployContract(name, [...parameters], this.signer(0))) as unknown as C;
  }

  /** The request that a transaction opened, as the hub's event tells it. */
  jobOf(receipt: ContractTransactionReceipt): Job {
    for (const log of receipt.logs) {
      const event = log.address === this.world.hub.target ? this.world.hub.interface.parseLog(log) : null;
      if (event?.name !== "Requested") continue;
      const { requester, salt, modelHash, input, terms, rewardWei, requestId } = event.args;
      const job = new Job(this.world.domain, { requester, salt, modelHash, input, terms, rewardWei });
      if (job.requestId !== requestId) throw new Error("the id does not follow from the event");
      return job;
    }
    throw new Error("nothing was asked");
  }

  async ask(sent: Promise<unknown>): Promise<{ job: Job; receipt: ContractTransactionReceipt }> {
    const receipt = await mined(sent as Promise<ContractTransactionResponse>);
    return { job: this.jobOf(receipt), receipt };
  }

  /** The operator lands a signed output. Whether the callback succeeded is for the test to look at. */
  async answer(job: Job, output: string): Promise<ContractTransactionResponse> {
    const operator = this.signer(1);
    const result = job.result(this.key, await now(operator), { output });
    return this.world.hub.connect(operator).getFunction("fulfill")(...args(result), { gasLimit: 5_000_000 });
  }

  async refuse(job: Job): Promise<void> {
    const operator = this.signer(1);
    await mined(this.world.hub.connect(operator).getFunction("refuse")(...job.refusal(this.key, await now(operator))));
  }

  async status(job: Job): Promise<number> {
    return Number((await this.world.hub.statusOf(job.requestId)).status);
  }
}

/** A set of one float tensor [1,1], as both models give. */
export const outputOf = (name: string, value: number): string =>
  bytesToHex(encodeTensorSet([{ name, tensor: tensorFrom({ dtype: DType.float, dims: [1, 1], values: [value] }) }]));

/** Hub status codes, docs/protocol.md section 5. */
export const STATUS = { open: 1, fulfilled: 2, callbackFailed: 3, refused: 4, refunded: 5 } as const;
