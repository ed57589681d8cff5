import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { FilledInference, Inference, PortableAnswer } from "../domain/inference";
import type { PipeItem, PipeMove, PipeState, PipeStatus, PipeStep } from "../domain/pipe";

/** The block whose state is "now". */
export interface PipeHead {
  readonly number: number;
  readonly hash: Hex32;
  /** Seconds. */
  readonly timestamp: number;
  readonly baseFeePerGas: bigint;
}

/** What an address is taken to be in a simulation (`eth_call`, third parameter). */
export interface Override {
  readonly code?: HexBytes;
  readonly stateDiff?: Readonly<Record<Hex32, Hex32>>;
}
export type Overrides = Readonly<Record<Address, Override>>;

export interface PipeCall {
  readonly from: Address;
  /** Undefined: it creates a contract. */
  readonly to: Address | undefined;
  readonly value: bigint;
  readonly data: HexBytes;
}

/** One transaction of a simulation, with the gas its target gets. */
export interface SimulatedStep extends PipeCall {
  readonly gas: bigint;
}

/** Return data, or revert data (undefined where the node gives none). */
export type CallOutcome =
  | { readonly ok: true; readonly data: HexBytes }
  | { readonly ok: false; readonly revert: HexBytes | undefined };

/** An event as the chain has it. */
export interface PipeLog {
  readonly address: Address;
  readonly topics: readonly string[];
  readonly data: string;
}

export interface PipeReceipt {
  readonly succeeded: boolean;
  readonly logs: readonly PipeLog[];
  readonly block: { readonly number: number; readonly hash: Hex32 };
}

/** The chain as PIPE reads it. A read that failed throws; it is never taken for an absence. */
export interface PipeChain {
  head(): Promise<PipeHead>;
  /** On the newest state, or that after a block, with the gas given. */
  call(
    call: PipeCall & { readonly gas: bigint; readonly overrides?: Overrides; readonly at?: number },
  ): Promise<CallOutcome>;
  code(account: Address): Promise<HexBytes>;
  /** Transactions of the account that are mined, and what it owns. */
  account(account: Address): Promise<{ readonly nonce: number; readonly balanceWei: bigint }>;
  /** Sends signed bytes, all in one exchange, in this order. What a node says to them is looked into, not believed. */
  broadcast(
    raws: readonly HexBytes[],
  ): Promise<readonly { readonly accepted: boolean; readonly message: string | undefined }[]>;
  receipts(hashes: readonly Hex32[]): Promise<readonly (PipeReceipt | undefined)[]>;
  knows(hash: Hex32): Promise<boolean>;
}

export type InferenceOutcome =
  | { readonly ok: true; readonly answer: PortableAnswer }
  | {
      readonly ok: false;
      /** `refused`: an enclave ran it, or would not, and will not next time. `unavailable`: nobody can now. */
      readonly kind: "refused" | "unavailable";
      readonly reason: string;
    };

/** The enclaves, by the same matching as requests on the chain. */
export interface InferenceRunner {
  run(task: {
    readonly inference: Inference;
    readonly feeWei: bigint;
    /** On whose behalf: failures are held against the input, and then against whoever brings such inputs. */
    readonly asker: string;
    /** Seconds of block time. */
    readonly deadline: number;
    readonly signal: AbortSignal;
  }): Promise<InferenceOutcome>;
  /** Empty outputs of the model's shape, for simulations: a set whose numbers are all `fill`. Undefined for a model that can not be had. */
  placeholder(modelHash: Hex32, fill: 0 | 1): Promise<Uint8Array | undefined>;
}

/** Signed bytes that go behind a publication; those of one sender in the order given. */
export interface SignedFollower {
  readonly from: Address;
  readonly raw: HexBytes;
}

/** Puts results on the chain ahead of transactions that need them, and sends those behind them. */
export interface PipePublisher {
  readonly address: Address;
  /**
   * Publishes, if there is anything to publish, with fees above those of the transactions that follow, and sends these when the node has taken it.
   * `isTimely` is asked when all is prepared: if it says no, nothing is stored or sent. `onStored` is awaited when the publication is stored and
   * before anything is sent.
   * @returns whether it was sent
   */
  release(args: {
    readonly results: readonly { readonly filled: FilledInference; readonly sponsor: Address | undefined }[];
    readonly followers: readonly SignedFollower[];
    readonly aboveTipWei: bigint;
    readonly aboveMaxFeeWei: bigint;
    readonly isTimely: () => Promise<boolean>;
    readonly onStored: (publishHash: Hex32 | undefined) => Promise<void>;
  }): Promise<boolean>;
  /** Sends a call of the relayer's own. */
  relay(args: {
    readonly to: Address;
    readonly data: HexBytes;
    readonly gas: bigint;
    readonly label: string;
    readonly onStored: (hash: Hex32) => Promise<void>;
  }): Promise<void>;
  /** The transaction that was stored for a label by an earlier process, sent or not. */
  storedFor(label: string): Promise<Hex32 | undefined>;
}

/** What is held and released, durable: each state is written before the side effect that follows from it. */
export interface PipeStore {
  addPipeItem(item: PipeItem): Promise<void>;
  /** All in one commit; an item that is not in one of its states `from` stays as it is. */
  movePipeItems(moves: readonly PipeMove[]): Promise<void>;
  addPipeSteps(id: Hex32, steps: readonly PipeStep[]): Promise<void>;
  pipeItem(id: Hex32): Promise<PipeStatus | undefined>;
  /** In the order they were accepted. */
  pipeItems(states: readonly PipeState[]): Promise<readonly PipeItem[]>;
  /** Forgets what ended before that moment of this host's clock. */
  prunePipeItems(beforeMs: number): Promise<number>;
}

/** What the operator gets and spends. */
export interface PipeTerms {
  /** In every portable statement. */
  readonly feeWei: bigint;
  /** The least tip of whatever it sends. */
  readonly priorityFeeWei: bigint;
  /** Publishes raw transactions' results even where the fee does not cover the gas. */
  readonly allowLoss: boolean;
}
