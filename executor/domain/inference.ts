import type { Address, Hex32 } from "./ids";

/** What a synchronous consumer demands of whoever answers; part of the inference key. Zero: any. */
export interface InferTerms {
  /** 0 to 4. */
  readonly minTrust: number;
  readonly profile: Hex32;
  readonly imageId: Hex32;
}

/** One question, whoever asks it (docs/protocol.md, section 3). */
export interface Inference {
  readonly key: Hex32;
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  /** The encoded tensor set. */
  readonly input: Uint8Array;
  readonly terms: InferTerms;
}

/** A portable result: what `provide` and `publish` take, once it is set beside the key that it fills. */
export interface PortableAnswer {
  readonly modelHash: Hex32;
  readonly inputHash: Hex32;
  readonly signer: Address;
  /** What the chain says of the signer: whether a demand is met follows from it. */
  readonly trust: number;
  readonly imageId: Hex32;
  readonly runtimeProfile: Hex32;
  readonly feeWei: bigint;
  /** Seconds. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly output: Uint8Array;
  /** 64 bytes, EIP-2098. */
  readonly proof: Uint8Array;
}

/** A result and the key it fills. */
export interface FilledInference {
  readonly inference: Inference;
  readonly answer: PortableAnswer;
}
