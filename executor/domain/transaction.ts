import type { Address, Hex32, HexBytes } from "./ids";
import type { BlockRef } from "./request";

/**
 * The life of a transaction of the operator.
 *
 * - `pending`: signed and stored; it may or may not have been broadcast, it may or may not be in a block.
 * - `confirmed` / `reverted`: a receipt was read; a reorg may make it `pending` again.
 * - `dropped`: it can never be mined, because another transaction took its nonce.
 */
export type TransactionState = "pending" | "confirmed" | "reverted" | "dropped";

/** What one look at the chain says. `unknown` is never failure: the nonce is used, and by whom was not seen yet. */
export type TransactionOutcome = TransactionState | "unknown";

/** One signed form of a transaction; a bump of the fee adds another one under the same nonce. */
export interface SignedVersion {
  readonly hash: Hex32;
  readonly raw: HexBytes;
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

/** A result or refusal that travels in a transaction, at its place in the batch. */
export interface CarriedJob {
  readonly jobId: number;
  /** The job's fence when its answer was stored; a write with another one is refused. */
  readonly fence: number;
  readonly requestId: Hex32;
}

export interface TransactionDraft {
  readonly sender: Address;
  readonly chainId: bigint;
  readonly nonce: number;
  /** What it is for: `fulfill`, `fulfillBatch`, `refuse`, `heartbeat`, … */
  readonly label: string;
  /** At most one transaction is ever made under a name; asking again gives the first. */
  readonly name?: string;
  readonly to: Address;
  readonly data: HexBytes;
  readonly valueWei: bigint;
  readonly gasLimit: bigint;
  /** The most that may be paid for a unit of gas without a loss. */
  readonly feeCapWei: bigint;
  readonly version: SignedVersion;
  readonly jobs: readonly CarriedJob[];
  /** Number of the newest block when it was signed. */
  readonly signedAtBlock: number;
}

export interface StoredTransaction extends Omit<TransactionDraft, "version"> {
  readonly id: number;
  readonly state: TransactionState;
  /** Oldest first, never empty. */
  readonly versions: readonly SignedVersion[];
  readonly block?: BlockRef;
  readonly gasUsed?: bigint;
}

/** Where a job goes when the transaction that carried it did not end it. */
export interface CarriedOutcome {
  readonly jobId: number;
  /** `stay`: the chain follower will say. `answered`: post again later. `seen`: compute again. `abandoned`: give up. */
  readonly to: "stay" | "answered" | "seen" | "abandoned";
  readonly reason: string;
  /** Host time in milliseconds before which it is not taken up again. */
  readonly notBefore: number;
}
