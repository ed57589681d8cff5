import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { FilledInference, InferTerms } from "../domain/inference";
import type { IntentFields, PipeStatus } from "../domain/pipe";

/** Who asks, as far as it is known. */
export interface PipeCaller {
  /** From `authorization: Bearer …` or the path `/v1/<key>`; undefined where none was given. */
  readonly apiKey: string | undefined;
  /** The address the connection comes from. */
  readonly remote: string;
}

/** A call whose inferences are sought: what a wallet would send, before it is signed. */
export interface PipeQuestion {
  readonly from: Address;
  /** Undefined: it creates a contract. */
  readonly to: Address | undefined;
  readonly value: bigint;
  readonly data: HexBytes;
  /** Undefined: the engine's own bound. */
  readonly gas: bigint | undefined;
}

export interface PipeReport {
  readonly inferences: readonly {
    readonly key: Hex32;
    readonly modelHash: Hex32;
    readonly input: HexBytes;
    readonly terms: InferTerms;
  }[];
  /** How often inferences were run before the next simulation. */
  readonly rounds: number;
  readonly simulations: number;
  /** What the call itself used in the simulation, without bringing results. */
  readonly gasUsed: bigint;
  /** What bringing all results costs in fees. */
  readonly feeWei: bigint;
  /** What bringing them costs in gas, about: in a bundle, and by publishing. */
  readonly provideGas: bigint;
  readonly publishGas: bigint;
}

export interface PipePrepared extends PipeReport {
  readonly hub: Address;
  readonly results: readonly FilledInference[];
  /** Calldata of `hub.provide(results)`. */
  readonly provide: HexBytes;
  /** When the first of the results ends to be usable, seconds; 0 where none is needed. */
  readonly expiresAt: number;
}

/** What the JSON-RPC front hands on. Every refusal is an `AssayError` with a code that begins with `PIPE_`. */
export interface PipeGate {
  /** Takes a signed transaction: passes it on at once, or holds it. @returns its hash */
  sendRawTransaction(raw: HexBytes, caller: PipeCaller): Promise<Hex32>;
  /** Finds out what a call would ask, and runs what is needed to know. */
  simulate(question: PipeQuestion, caller: PipeCaller): Promise<PipeReport>;
  /** As `simulate`, with results to bring. */
  prepare(question: PipeQuestion, caller: PipeCaller): Promise<PipePrepared>;
  /** What a raw transaction has to give as its gas limit when its results are there; undefined where it needs none and the node knows better. */
  estimateGas(question: PipeQuestion, caller: PipeCaller): Promise<bigint | undefined>;
  /** Takes a signed intent. @returns its EIP-712 digest, by which it is known here */
  sendIntent(args: { readonly intent: IntentFields; readonly signature: HexBytes }, caller: PipeCaller): Promise<Hex32>;
  status(id: Hex32): Promise<PipeStatus | undefined>;
  /**
   * The nonce after the last transaction of the account that is held here; undefined where none is.
   * @param from the node's own next nonce: only what follows it without a gap counts
   */
  nextNonce(account: Address, from?: number): number | undefined;
  /** The signed bytes of a transaction that is held here. */
  heldTransaction(hash: Hex32): HexBytes | undefined;
}
