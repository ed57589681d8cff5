import type { ChainChange, Ending, HeadRef } from "../domain/chain";
import type { Address, Hex32 } from "../domain/ids";
import type { JobState } from "../domain/job";
import type { Answer, BlockRef, InferenceRequest, JobKey } from "../domain/request";
import type { CarriedOutcome, SignedVersion, StoredTransaction, TransactionDraft, TransactionState } from "../domain/transaction";

/** A row's number in one store; the job's identity is its key. */
export type JobId = number;

/** Everything but the bytes of input and output. */
export interface JobSummary {
  readonly id: JobId;
  readonly key: JobKey;
  readonly state: JobState;
  readonly fence: number;
  readonly attempts: number;
  /** Host milliseconds before which it is not taken up. */
  readonly notBefore: number;
  /** Why it is where it is; empty while nothing went wrong. */
  readonly reason: string;
  /** Without the input bytes: `input` is empty here. */
  readonly request: InferenceRequest;
  readonly inputLength: number;
  readonly ending?: Ending;
}

/** The right to work on a job until `until`, in host milliseconds. A write with an older fence is refused. */
export interface Lease {
  readonly jobId: JobId;
  readonly fence: number;
  readonly owner: string;
  readonly until: number;
}

export interface LeasedJob {
  readonly lease: Lease;
  readonly request: InferenceRequest;
  readonly attempts: number;
}

/** A job whose answer waits to be posted. */
export interface AnsweredJob {
  readonly jobId: JobId;
  readonly fence: number;
  readonly attempts: number;
  /** Without the input bytes, which posting does not need. */
  readonly request: InferenceRequest;
  readonly answer: Answer;
}

/** `stale`: somebody else has the job by now, or it ended; what was handed in is dropped. */
export type Guarded = { readonly ok: true } | { readonly ok: false; readonly reason: "stale" };

/** Which jobs a list of changes moved, by their new state. */
export interface AppliedChanges {
  readonly moved: readonly { readonly jobId: JobId; readonly key: JobKey; readonly from: JobState | "none"; readonly to: JobState }[];
}

export type RecordResult =
  | { readonly ok: true; readonly transaction: StoredTransaction }
  /** Nothing was stored: these jobs are not `answered` with that fence any more. */
  | { readonly ok: false; readonly reason: "stale"; readonly jobIds: readonly JobId[] }
  /** Nothing was stored: there is one of this name. */
  | { readonly ok: false; readonly reason: "named"; readonly transaction: StoredTransaction };

export const STAGES = ["asked", "seen", "matched", "computed", "signed", "posted", "landed", "acted"] as const;
export type TimelineStage = (typeof STAGES)[number];

export interface TimelineMark {
  readonly stage: TimelineStage;
  /** Host milliseconds. */
  readonly hostMs: number;
  /** Seconds; the newest block the store knew of. */
  readonly blockTime: number;
  readonly blockNumber: number;
}

export interface StoreStats {
  readonly jobs: Readonly<Record<JobState, number>>;
  readonly transactions: Readonly<Record<TransactionState, number>>;
  readonly fileBytes: number;
}

/**
 * The durable record of one operator's work. Every method is one transaction. All times are host milliseconds and are
 * handed in, so that a test owns the clock.
 *
 * INVARIANT: a job's state is written before the side effect that follows from it, and every write by a worker is
 * guarded by state and fence, so that of two workers with one job only the newer is heard.
 */
export interface JobStore {
  /** The blocks that the chain follower walks back on, in ascending order; the last one is the cursor. */
  loadCursor(): Promise<readonly HeadRef[]>;
  /** Applies what the chain did and moves the cursor, in one transaction. */
  apply(changes: readonly ChainChange[], now: number): Promise<AppliedChanges>;

  /** Jobs to be matched, the nearest deadline first. */
  waiting(query: { readonly now: number; readonly limit: number }): Promise<readonly JobSummary[]>;
  /** Takes these jobs, as far as they are still to be had. */
  claim(order: { readonly jobIds: readonly JobId[]; readonly owner: string; readonly now: number; readonly leaseMs: number }): Promise<readonly LeasedJob[]>;
  heartbeat(lease: Lease, until: number): Promise<Guarded>;
  /** Stores the signed answer. `computedAt` is when the model was done, where it is known. */
  complete(result: { readonly lease: Lease; readonly answer: Answer; readonly now: number; readonly computedAt?: number }): Promise<Guarded>;
  /** Gives the job back, for later (`seen`) or for ever. */
  fail(result: { readonly lease: Lease; readonly to: "seen" | "abandoned" | "dead"; readonly reason: string; readonly notBefore: number; readonly now: number }): Promise<Guarded>;
  /** Takes leases that ran out away; a job that used up its attempts is dead. */
  reap(query: { readonly now: number; readonly maxAttempts: number; readonly backoffMs: number }): Promise<{ readonly returned: readonly JobId[]; readonly dead: readonly JobId[] }>;
  /** Takes every lease away that `owner` does not hold: those of a process that died. */
  releaseLeases(query: { readonly exceptOwner: string; readonly now: number }): Promise<readonly JobId[]>;
  /** Decides not to serve a job that nobody works on, or puts off looking at it again. */
  setAside(order: { readonly jobId: JobId; readonly fence: number; readonly to: "seen" | "abandoned"; readonly reason: string; readonly notBefore: number; readonly now: number }): Promise<Guarded>;
  /** Takes up a job again that was given up. */
  revive(jobId: JobId, now: number): Promise<Guarded>;

  /** Answers to be posted, the nearest deadline first. */
  answered(query: { readonly now: number; readonly limit: number }): Promise<readonly AnsweredJob[]>;
  /** Keeps an answer from being posted before `notBefore`, or sends the job back (`seen`) or away (`abandoned`). */
  holdAnswers(holds: readonly (CarriedOutcome & { readonly fence: number })[], now: number): Promise<void>;
  /** Stores a signed transaction and moves its jobs to `posting`, power-safe, before it is broadcast. */
  recordSigned(draft: TransactionDraft, now: number): Promise<RecordResult>;
  /** Stores another signed form under the same nonce, power-safe, before it is broadcast. */
  recordVersion(transactionId: number, version: SignedVersion, signedAtBlock: number): Promise<void>;
  /** Writes what became of a transaction and moves the jobs that it did not end. */
  settleTransaction(result: {
    readonly transactionId: number;
    readonly state: Exclude<TransactionState, "pending">;
    readonly block?: BlockRef;
    readonly gasUsed?: bigint;
    readonly jobs: readonly CarriedOutcome[];
    readonly now: number;
  }): Promise<void>;
  /** Every transaction that may still change: pending, or in a block above `aboveBlock`. By nonce, ascending. */
  liveTransactions(query: { readonly sender: Address; readonly aboveBlock: number }): Promise<readonly StoredTransaction[]>;
  transactionNamed(name: string): Promise<StoredTransaction | undefined>;

  get(key: JobKey): Promise<JobSummary | undefined>;
  payload(jobId: JobId): Promise<{ readonly input: Uint8Array; readonly answer?: Answer } | undefined>;
  list(query: { readonly states: readonly JobState[]; readonly afterId?: JobId; readonly limit: number }): Promise<readonly JobSummary[]>;
  timeline(jobId: JobId): Promise<readonly TimelineMark[]>;
  mark(marks: readonly { readonly jobId: JobId; readonly stage: TimelineStage; readonly at: number }[]): Promise<void>;
  stats(): Promise<StoreStats>;
  /** Deletes final jobs that have not moved since `before`, oldest first; answers how many. */
  prune(query: { readonly before: number; readonly limit: number }): Promise<number>;
  /** Writes a consistent copy to a file that does not exist yet. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}

/** Which deployment a store belongs to. */
export interface StoreIdentity {
  readonly chainId: bigint;
  readonly genesisHash: Hex32;
  readonly contract: Address;
}
