import { AbiCoder, ContractFactory, hexlify, Interface, JsonRpcProvider, keccak256, Wallet } from "ethers";
import { readArtifact } from "../../../executor/deployment/artifacts";
import { localKey } from "../../../scripts/start/localKeys";
import type { World } from "./world";

export const ANY_TERMS = { minTrust: 1, profile: `0x${"00".repeat(32)}`, imageId: `0x${"00".repeat(32)}` } as const;

export interface Splice {
  readonly source: number;
  readonly from: number;
  readonly to: number;
  readonly length: number;
}
export interface Step {
  /** As `MockInferProgram.Kind`. */
  readonly kind: 0 | 1 | 2 | 3;
  readonly modelHash: string;
  readonly input: Uint8Array;
  readonly splices: readonly Splice[];
}

const artifact = () => readArtifact("mocks/MockInferProgram.sol", "MockInferProgram");
export const programInterface = (): Interface => new Interface(artifact().abi as never);

/** Puts a consumer on the chain that runs whatever program it is sent. */
export async function deployProgram(world: World): Promise<string> {
  const { abi, bytecode } = artifact();
  const factory = new ContractFactory(abi, bytecode, world.requester);
  const { InferenceHub, IntentForwarder } = world.record.contracts;
  const contract = await factory.deploy(InferenceHub.address, IntentForwarder.address);
  await contract.waitForDeployment();
  return contract.getAddress();
}

export function runCall(steps: readonly Step[]): string {
  return programInterface().encodeFunctionData("run", [
    steps.map(({ kind, modelHash, input, splices }) => ({ kind, modelHash, input: hexlify(input), splices })),
    ANY_TERMS,
  ]);
}

/** What `MockInferProgram` folds its outputs into. */
export function digestOf(outputs: readonly Uint8Array[]): string {
  let digest = `0x${"00".repeat(32)}`;
  for (const output of outputs)
    digest = keccak256(AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes"], [digest, hexlify(output)]));
  return digest;
}

/** An ordinary key, connected to an engine as a wallet would be. */
export function wallet(pipeUrl: string, index: number): Wallet {
  return new Wallet(
    localKey(index),
    new JsonRpcProvider(pipeUrl, undefined, { cacheTimeout: -1, staticNetwork: true }),
  );
}

/** Different inputs of one model: the last feature but one takes the value of the index. */
export function variant(input: Uint8Array, index: number): Uint8Array {
  const changed = Uint8Array.from(input);
  new DataView(changed.buffer).setFloat32(changed.length - 8, index / 100, true);
  return changed;
}

/** Each input takes the answer before it as its last feature. */
export function chainOf(modelHash: string, input: Uint8Array, depth: number, outputLength: number): Step[] {
  return Array.from({ length: depth }, (_, i) => ({
    kind: 0 as const,
    modelHash,
    input: variant(input, i),
    splices: i === 0 ? [] : [{ source: i - 1, from: outputLength - 4, to: input.length - 4, length: 4 }],
  }));
}
