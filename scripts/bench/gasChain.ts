import { type ContractTransactionResponse, type Signer, toBeHex } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types";
import { INPUT, Job, MODEL } from "../../test/contracts/helpers/job";
import { encodeTerms } from "../../test/contracts/helpers/terms";
import { as, deployWorld, enclaveKey, registrationOf, type World } from "../../test/contracts/helpers/world";
import { openChain } from "./chain";

/** Every block has its own fixed second, so that calldata, and with it the figures, never change between runs. */
export const START_SECONDS = 2_000_000_001n;
export const REWARD_WEI = 123_456_789_012_345n;
export const CALLBACK_GAS = 100_000;
export const KEY = enclaveKey("bench");

/** A chain whose time is set by hand, and what is deployed on it. */
export class Bench {
  private constructor(
    private readonly hre: HardhatRuntimeEnvironment,
    private readonly send: (method: string, params: unknown[]) => Promise<unknown>,
    readonly world: World,
    readonly operator: Signer,
    readonly user: Signer,
    private clock: bigint,
    private salts = 0n,
  ) {}

  static async open(hre: HardhatRuntimeEnvironment): Promise<Bench> {
    const provider = await openChain(hre);
    const send = (method: string, params: unknown[]) => provider.send(method, params);
    await send("evm_setNextBlockTimestamp", [toBeHex(START_SECONDS)]);
    const [deployer, operator, user] = await Promise.all([0, 1, 2].map((i) => provider.getSigner(i)));
    if (!deployer || !operator || !user) throw new Error("the chain has too few accounts");
    const world = await deployWorld(hre, deployer);
    return new Bench(hre, send, world, operator, user, START_SECONDS + 2000n);
  }

  /** Mines one transaction at the next fixed second and returns its gas. */
  async gas(tx: () => Promise<ContractTransactionResponse>): Promise<number> {
    this.clock += 1n;
    await this.send("evm_setNextBlockTimestamp", [toBeHex(this.clock)]);
    const receipt = await (await tx()).wait();
    if (receipt?.status !== 1) throw new Error("a measured transaction failed");
    return Number(receipt.gasUsed);
  }

  async deploy<C>(name: string, args: readonly unknown[]): Promise<C> {
    const factory = await this.hre.ethers.getContractFactory(name, this.user);
    const contract = await factory.deploy(...args);
    await contract.waitForDeployment();
    return contract as C;
  }

  get seconds(): bigint {
    return this.clock;
  }

  /** A new question, its salt a counter as a consumer would have it; a callback is asked for where `callbackGas` is given. */
  job(requester: string, callbackGas?: number): Job {
    this.salts += 1n;
    const deadline = START_SECONDS + 900_000n;
    const terms = encodeTerms(callbackGas === undefined ? { deadline } : { deadline, callbackGas });
    return new Job(this.world.domain, { requester, terms, salt: toBeHex(this.salts, 32), rewardWei: REWARD_WEI });
  }

  ask(job: Job): Promise<number> {
    const hub = as(this.world.hub, this.user);
    return this.gas(() => hub.request(MODEL, INPUT, job.data.terms, job.data.salt, { value: REWARD_WEI }));
  }

  fulfil(job: Job): Promise<number> {
    const r = job.result(KEY, START_SECONDS + 1500n);
    return this.gas(() => as(this.world.hub, this.operator).fulfill(r.statement, r.output, r.proof));
  }

  async register(key: typeof KEY): Promise<number> {
    const document = { key, operator: await this.operator.getAddress(), attestedAt: this.seconds };
    const { registration } = registrationOf(this.world, document);
    return this.gas(() => as(this.world.registry, this.operator).register(registration));
  }
}
