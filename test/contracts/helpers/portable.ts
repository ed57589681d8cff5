import { AbiCoder, keccak256, type SigningKey, ZeroHash } from "ethers";
import { INPUT, MODEL, OUTPUT } from "./job";
import { RESULT, type Statement, sign, statement } from "./statements";
import { PROFILE, type World } from "./world";

/** A demand, as `infer` takes it. */
export interface Demand {
  readonly minTrust: number;
  readonly profile: string;
  readonly imageId: string;
}

export const DEMAND: Demand = { minTrust: 1, profile: PROFILE, imageId: ZeroHash };

export interface Question {
  readonly modelHash?: string;
  readonly input?: string;
  readonly terms?: Demand;
}

/** `Inference` in Solidity. */
export function inferenceOf(q: Question = {}) {
  return { modelHash: q.modelHash ?? MODEL, inputHash: keccak256(q.input ?? INPUT), terms: q.terms ?? DEMAND };
}

/** The inference key, docs/protocol.md: written apart from the contract so that the two can disagree. */
export function keyOf(q: Question = {}): string {
  const { modelHash, inputHash, terms } = inferenceOf(q);
  return keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "bytes32", "uint8", "bytes32", "bytes32"],
      [modelHash, inputHash, terms.minTrust, terms.profile, terms.imageId],
    ),
  );
}

export interface PortableOptions extends Question {
  readonly key: SigningKey;
  readonly issuedAt: bigint;
  readonly expiresAt?: bigint;
  readonly feeWei?: bigint;
  readonly output?: string;
  readonly profile?: string;
  /** Alters what is signed, and nothing else. */
  readonly signed?: Partial<Statement>;
}

/** `PortableResult` in Solidity, signed; one hour long unless said otherwise. */
export function portable(world: Pick<World, "domain">, o: PortableOptions) {
  const inference = inferenceOf(o);
  const output = o.output ?? OUTPUT;
  const claims = {
    runtimeProfile: o.profile ?? PROFILE,
    feeWei: o.feeWei ?? 0n,
    issuedAt: o.issuedAt,
    expiresAt: o.expiresAt ?? o.issuedAt + 3600n,
  };
  const value = statement({
    modelHash: inference.modelHash,
    inputHash: inference.inputHash,
    outputHash: keccak256(output),
    ...claims,
    ...o.signed,
  });
  return { inference, ...claims, output, proof: sign(o.key, world.domain, RESULT, value) };
}

export type Portable = ReturnType<typeof portable>;
