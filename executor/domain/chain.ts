import type { Address, Hex32 } from "./ids";
import type { BlockRef } from "./request";

/** A block of the chain as the follower saw it. */
export interface SeenBlock extends BlockRef {
  readonly parentHash: Hex32;
  /** Seconds of block time. */
  readonly timestamp: number;
}

/** How the chain says a request ended. */
export interface Ending {
  readonly requestId: Hex32;
  readonly kind: "fulfilled" | "refused" | "refunded";
  readonly block: BlockRef;
  readonly transactionHash: Hex32;
  /** The enclave key, where one signed. */
  readonly signer: Address | undefined;
  /** Only with `fulfilled`: the consumer's callback failed and may be run again. */
  readonly callbackFailed: boolean;
}

/** A signed transaction, stored before it is sent. */
export interface OutboxTransaction {
  readonly hash: Hex32;
  readonly from: Address;
  readonly nonce: number;
  readonly raw: `0x${string}`;
  readonly label: string;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  /** Jobs whose answers it carries; empty for the operator's own transactions. */
  readonly jobIds: readonly number[];
}

/** `open` until the chain shows what became of it; one that lost its nonce to another is `replaced`. */
export type TransactionState = "open" | "confirmed" | "reverted" | "replaced";
