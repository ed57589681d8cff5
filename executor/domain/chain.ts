import type { Address, Hex32, HexBytes } from "./ids";
import type { BlockRef, InferenceRequest, JobKey } from "./request";

/** A block with its time, in seconds: the only clock that decides anything. */
export interface HeadRef extends BlockRef {
  readonly time: number;
}

/**
 * What the chain says about the end of a request.
 * `fulfilled`, `refused` and `refunded` end it; `callbackFailed` and `callbackRetried` say how acting on a result went.
 */
export type EndingKind = "fulfilled" | "refused" | "refunded" | "callbackFailed" | "callbackRetried";

export interface Ending {
  readonly key: JobKey;
  readonly kind: EndingKind;
  /** Whose signature ended it: results and refusals only. */
  readonly signer?: Address;
  /** The refusal's number, or the first four bytes a failed callback returned. */
  readonly reason?: number | HexBytes;
  readonly block: BlockRef;
  /** Block time, seconds. */
  readonly time: number;
  readonly transactionHash: Hex32;
  readonly logIndex: number;
}

/** An event of the hub that this code can not serve: terms of a version it does not know, for one. */
export interface UnreadableRequest {
  readonly key: JobKey;
  /** The code of the error that reading it gave. */
  readonly code: string;
  readonly block: BlockRef;
}

/**
 * What the chain follower tells the store. A list of changes and the cursor they lead to are applied in one transaction,
 * so that a crash neither skips nor doubles anything.
 *
 * - `block`: everything of the hub after the last cursor up to and including `head`, which is the new cursor.
 * - `reorg`: forget requests and endings above `ancestor`, which is the new cursor.
 * - `finalized`: nothing at or below `head` is taken back any more.
 */
export type ChainChange =
  | {
      readonly type: "block";
      readonly head: HeadRef;
      readonly requests: readonly InferenceRequest[];
      readonly unreadable: readonly UnreadableRequest[];
      readonly endings: readonly Ending[];
    }
  | { readonly type: "reorg"; readonly ancestor: HeadRef; readonly belowFinality: boolean }
  | { readonly type: "finalized"; readonly head: HeadRef };
