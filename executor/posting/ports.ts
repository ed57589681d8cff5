import type { OutboxTransaction, TransactionState } from "../domain/chain";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { Answer, InferenceRequest } from "../domain/request";

/** A request and the signed answer that ends it: all that calldata is made of. */
export interface AnsweredRequest {
  readonly request: InferenceRequest;
  readonly answer: Answer;
}

/** An answer that waits for a transaction. */
export interface PostableAnswer extends AnsweredRequest {
  readonly jobId: number;
}

/** Where answers come from and transactions are remembered. */
export interface Outbox {
  answered(limit: number): Promise<PostableAnswer[]>;
  dropAnswer(args: {
    jobId: number;
    state: "seen" | "abandoned";
    reason: string;
    notBeforeMs?: number;
  }): Promise<boolean>;
  recordTransaction(tx: OutboxTransaction): Promise<void>;
  openTransactions(from: Address): Promise<OutboxTransaction[]>;
  closeTransaction(args: {
    hash: Hex32;
    state: Exclude<TransactionState, "open">;
    /** The block that its receipt names; absent for "replaced". */
    block?: { readonly number: number; readonly hash: Hex32 };
  }): Promise<boolean>;
}

/** The posting key. It signs what it is given and nothing else. */
export interface TransactionSigner {
  readonly address: Address;
  sign(tx: {
    readonly chainId: bigint;
    readonly nonce: number;
    readonly to: Address;
    readonly data: HexBytes;
    readonly value: bigint;
    readonly gasLimit: bigint;
    readonly maxFeePerGas: bigint;
    readonly maxPriorityFeePerGas: bigint;
  }): Promise<{ raw: HexBytes; hash: Hex32 }>;
}

/** The result of a simulated call: return data, or the revert data (undefined where the node gives none). */
export type CallResult =
  | { readonly ok: true; readonly data: HexBytes }
  | { readonly ok: false; readonly revert: HexBytes | undefined };

export interface Receipt {
  readonly hash: Hex32;
  readonly succeeded: boolean;
  readonly blockNumber: number;
  readonly blockHash: Hex32;
  readonly gasUsed: bigint;
  readonly logs: readonly { readonly address: Address; readonly topics: readonly Hex32[]; readonly data: HexBytes }[];
}

/** What posting reads of the chain and sends to it. A read that failed throws; it is never taken for an absence. */
export interface PostingChain {
  /** Runs a call on the newest state and reads that block's fees, in one exchange. */
  simulate(call: {
    from: Address;
    to: Address;
    data: HexBytes;
    gasLimit: bigint;
  }): Promise<{ result: CallResult; baseFeePerGas: bigint; blockNumber: number; timestamp: number }>;
  fees(): Promise<{ baseFeePerGas: bigint; blockNumber: number }>;
  /** Transactions of the account that are mined. */
  nonce(account: Address): Promise<number>;
  balance(account: Address): Promise<bigint>;
  /** Sends the bytes. `accepted` false: the node answered with an error, and whether it holds the transaction must be looked up. */
  broadcast(raw: HexBytes): Promise<{ accepted: boolean; code?: number }>;
  receipts(hashes: readonly Hex32[]): Promise<(Receipt | undefined)[]>;
  /** Whether the node knows the transaction at all, mined or not. */
  knows(hash: Hex32): Promise<boolean>;
}
