import type { Address, Hex32, HexBytes } from "./ids";

/**
 * The life of a transaction or an intent that was given to PIPE.
 *
 * - `held`: stored; its inferences are sought or run. Nothing was sent.
 * - `released`: its bytes (or, for an intent, the relayer's transaction) are stored as sent; it may or may not have been broadcast.
 * - `landed`, `reverted`: in a block; a reorg may still take it back to `released`.
 * - final: `final` (landed or reverted, and deep enough), `replaced` (another transaction used its nonce), `returned` (given back untouched, with the reason:
 *   nothing of it was sent, and its sender may send it elsewhere).
 */
export const PIPE_STATES = ["held", "released", "landed", "reverted", "final", "replaced", "returned"] as const;
export type PipeState = (typeof PIPE_STATES)[number];

/** The whole state machine; the store refuses a move that is not here. */
export const PIPE_TRANSITIONS: Readonly<Record<PipeState, readonly PipeState[]>> = {
  held: ["released", "returned", "replaced"],
  released: ["landed", "reverted", "replaced"],
  landed: ["released", "final"],
  reverted: ["released", "final"],
  final: [],
  replaced: ["landed", "reverted"],
  returned: [],
};

export interface PipeStep {
  /** What happened: `accepted`, `simulated`, `computed`, `released`, `landed` … */
  readonly step: string;
  /** Milliseconds of this host's clock; for people, decides nothing. */
  readonly hostMs: number;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

/** One thing that PIPE holds or has released. */
export interface PipeItem {
  /** The transaction's hash, or the intent's EIP-712 digest. */
  readonly id: Hex32;
  readonly kind: "raw" | "intent";
  /** Who signed it: the only one who is ever charged for it. */
  readonly sender: Address;
  /** Of the transaction; of an intent its unordered nonce, as decimal text. */
  readonly nonce: string;
  /** The signed bytes; of an intent `abi.encode(Intent, signature)`. */
  readonly payload: HexBytes;
  readonly state: PipeState;
  /** An error code; set with `returned`, and with `reverted` where the reason is known. */
  readonly reason: string | undefined;
  /** What people may want to know of the reason, decoded. */
  readonly detail: string | undefined;
  /** Milliseconds of this host's clock. */
  readonly acceptedMs: number;
  /** When it is given back if it could not be released. */
  readonly deadlineMs: number;
  /** The transaction that carries an intent, once there is one; of a raw transaction the id. */
  readonly transactionHash: Hex32 | undefined;
  /** The transaction that published its results, if there were any. */
  readonly publishHash: Hex32 | undefined;
  readonly block: { readonly number: number; readonly hash: Hex32 } | undefined;
}

/** A step from one state to the next. Reason, detail and block are those of the new state: what is not given is forgotten. Hashes stay unless others are given. */
export interface PipeMove {
  readonly id: Hex32;
  readonly from: readonly PipeState[];
  readonly to: PipeState;
  readonly reason?: string;
  readonly detail?: string;
  readonly transactionHash?: Hex32;
  readonly publishHash?: Hex32;
  readonly block?: { readonly number: number; readonly hash: Hex32 };
  readonly step?: PipeStep;
}

/** What a caller can know of an item. */
export interface PipeStatus extends PipeItem {
  readonly timeline: readonly PipeStep[];
}

/** The fields of `IntentForwarder.Intent`. */
export interface IntentFields {
  readonly from: Address;
  readonly target: Address;
  readonly value: bigint;
  readonly data: HexBytes;
  readonly nonce: bigint;
  readonly deadline: bigint;
  readonly maxResultFeeWei: bigint;
  readonly relayFeeWei: bigint;
  readonly maxFailureFeeWei: bigint;
  readonly gas: number;
  readonly relayer: Address;
}
