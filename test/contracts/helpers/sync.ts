import { computeAddress, concat, id, keccak256, type SigningKey } from "ethers";
import hre from "hardhat";
import { type Stage, setStage } from "./fixture";
import { INPUT, MODEL } from "./job";
import { DEMAND, type Portable, type PortableOptions, portable } from "./portable";
import { HEARTBEAT, sign } from "./statements";
import { mined, now, type RegistryOptions, type With } from "./world";

export type Probe = With<"run" | "useOften" | "handleOps" | "succeeded" | "returned">;

export interface SyncStage extends Stage {
  readonly probe: Probe;
}

/** Two operators with an enclave each, and a contract that makes several calls in one transaction. */
export async function syncStage(options: RegistryOptions = {}): Promise<SyncStage> {
  const s = await setStage(options);
  const probe = await deploy<Probe>("MockSyncProbe", [s.hub.target], 10n ** 18n);
  return { ...s, probe };
}

export async function deploy<C>(name: string, args: readonly unknown[], value = 0n): Promise<C> {
  const factory = await hre.ethers.getContractFactory(name);
  const contract = await factory.deploy(...args, ...(value === 0n ? [] : [{ value }]));
  await contract.waitForDeployment();
  return contract as unknown as C;
}

/** What `infer` is asked, in order. */
export const QUESTION = [MODEL, INPUT, DEMAND] as const;

/** A result of Alice's enclave, issued now. */
export async function fresh(s: Stage, o: Partial<PortableOptions> = {}): Promise<Portable> {
  return portable(s, { key: s.aliceKey, issuedAt: await now(s.deployer), ...o });
}

/** An input that no other test uses. */
export const inputOf = (name: string): string => `${id(name)}${"11".repeat(64)}`;

/** One call of a batch to the hub. */
export const hubCall = (s: Stage, method: string, args: readonly unknown[], value = 0n) => ({
  target: s.hub.target,
  value,
  data: s.hub.interface.encodeFunctionData(method, args),
});

/** The address of an enclave's key. */
export const signerOf = (key: SigningKey): string => computeAddress(key.publicKey);

/** Where the hub keeps what was published for a key. */
export const publishedAt = (key: string): string => keccak256(concat([key, id("assay/published/1")]));

/** A heartbeat of an enclave, over the newest block. */
export async function pulse(s: Stage, key: SigningKey): Promise<void> {
  const block = await s.deployer.provider?.getBlock("latest");
  if (!block?.hash) throw new Error("no block");
  const value = { signer: signerOf(key), counter: block.number, blockNumber: block.number, blockHash: block.hash };
  const signature = sign(key, s.registryDomain, HEARTBEAT, value);
  await mined(s.registry.heartbeat(value.signer, value.counter, value.blockNumber, signature));
}
