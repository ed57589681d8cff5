import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { PipeItem, PipeState } from "../domain/pipe";
import type { Plan } from "./planner";
import type { SimulatedStep } from "./ports";
import type { SignedTransaction } from "./transaction";

/** An intent as it came, and what its call looks like in a simulation. */
export interface SignedIntent {
  readonly digest: Hex32;
  readonly payload: HexBytes;
  readonly nonce: string;
  readonly maxResultFeeWei: bigint;
  readonly relayFeeWei: bigint;
  readonly gas: bigint;
  readonly target: Address;
}

/**
 * One transaction or intent in work. `waiting`: not planned. `ready`: planned, not sent. `leaving`: being sent. `sent`: it may be in a pool or in a block that can still
 * go. `over`: nothing will be done about it.
 */
export interface Entry {
  readonly id: Hex32;
  readonly kind: "raw" | "intent";
  readonly from: Address;
  readonly step: SimulatedStep | undefined;
  readonly tx: SignedTransaction | undefined;
  readonly intent: SignedIntent | undefined;
  readonly acceptedMs: number;
  /** Put off for one that was out and is lost: it can not be given back any more. */
  deadlineMs: number;
  phase: "waiting" | "ready" | "leaving" | "sent" | "over";
  /** Undefined while it is not in the store: nobody was told yet that it was taken. */
  state: PipeState | undefined;
  plan: Plan | undefined;
  /** Its sender's nonces as they were read when it was accepted, until they are used: to read them again at once would say the same. */
  nonces: { readonly mined: number; readonly pending: number } | undefined;
  /** Number of the block on whose state the plan was made. */
  plannedAt: number;
  publishHash: Hex32 | undefined;
  transactionHash: Hex32 | undefined;
  block: { readonly number: number; readonly hash: Hex32 } | undefined;
  /** Why it failed in that block; kept for its last state, which says the same. */
  failure: { readonly reason: string; readonly detail: string } | undefined;
  /** The write that puts it into the store, once it has begun: nothing is said or done about it before that has ended. */
  storing: Promise<void> | undefined;
}

export interface EngineEvent {
  readonly kind: "passed" | "held" | "released" | "returned";
  readonly id: Hex32;
  readonly reason?: string;
  readonly ms: number;
}

export function entryOf(args: {
  readonly kind: "raw" | "intent";
  readonly from: Address;
  readonly step: SimulatedStep | undefined;
  readonly tx?: SignedTransaction;
  readonly intent?: SignedIntent;
  readonly acceptedMs: number;
  readonly deadlineMs: number;
  readonly item?: PipeItem;
}): Entry {
  const { kind, from, step, tx, intent, item } = args;
  const state = item?.state;
  return {
    id: (tx?.hash ?? intent?.digest) as Hex32,
    kind,
    from,
    step,
    tx,
    intent,
    acceptedMs: args.acceptedMs,
    deadlineMs: args.deadlineMs,
    phase: state === undefined || state === "held" ? "waiting" : "sent",
    state,
    plan: undefined,
    nonces: undefined,
    plannedAt: -1,
    publishHash: item?.publishHash,
    transactionHash: item?.transactionHash ?? (kind === "raw" ? tx?.hash : undefined),
    block: item?.block,
    failure: item?.reason === undefined ? undefined : { reason: item.reason, detail: item.detail ?? "" },
    storing: undefined,
  };
}

export function itemOf(entry: Entry): PipeItem {
  return {
    id: entry.id,
    kind: entry.kind,
    sender: entry.from,
    nonce: entry.tx === undefined ? (entry.intent?.nonce ?? "0") : String(entry.tx.nonce),
    payload: entry.tx?.raw ?? entry.intent?.payload ?? "0x",
    state: "held",
    reason: undefined,
    detail: undefined,
    acceptedMs: entry.acceptedMs,
    deadlineMs: entry.deadlineMs,
    transactionHash: entry.transactionHash,
    publishHash: undefined,
    block: undefined,
  };
}

/** The highest of a fee among transactions. */
export function most(entries: readonly Entry[], fee: (tx: SignedTransaction) => bigint): bigint {
  return entries.reduce((max, { tx }) => (tx !== undefined && fee(tx) > max ? fee(tx) : max), 0n);
}
