import type { Ending, OutboxTransaction, SeenBlock, TransactionState } from "../domain/chain";
import type { Address, Hex32 } from "../domain/ids";
import type { JobState } from "../domain/job";
import type { PipeItem, PipeMove, PipeState, PipeStatus, PipeStep } from "../domain/pipe";
import type { Answer, InferenceRequest } from "../domain/request";

/** A lease on a job. Every write that follows from it carries the fence; a write with an old fence changes nothing. */
export interface Lease {
  readonly jobId: number;
  readonly fence: number;
}

export interface ClaimedJob extends Lease {
  readonly request: InferenceRequest;
  /** How often it was tried before. */
  readonly attempts: number;
}

export interface AnsweredJob {
  readonly jobId: number;
  readonly request: InferenceRequest;
  readonly answer: Answer;
}

export const TIMELINE_STEPS = ["asked", "matched", "computed", "signed", "posted", "landed", "acted"] as const;
export type TimelineStep = (typeof TIMELINE_STEPS)[number];

export interface TimelineEntry {
  readonly step: TimelineStep;
  /** Milliseconds of this host's clock; for people, decides nothing. */
  readonly hostMs: number;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

export interface JobSummary {
  readonly jobId: number;
  readonly requestId: Hex32;
  readonly state: JobState;
  readonly reason: string | undefined;
  readonly attempts: number;
}

/** What PIPE holds and has released. A move that `PIPE_TRANSITIONS` does not draw is refused by the database, as one of a job is. */
export interface PipeRecords {
  /**
   * Survives a power cut when it returns. One with an id that was given back, or replaced, takes the place of that one and goes on with its timeline.
   * @throws AssayError `STORE_PIPE_ITEM_KNOWN` if the id is held, released or on the chain
   */
  addPipeItem(item: PipeItem): Promise<void>;
  /**
   * All in one commit, which survives a power cut if one of them is to `released`. An item that is not in one of its states `from` stays as it is, with
   * its timeline.
   */
  movePipeItems(moves: readonly PipeMove[]): Promise<void>;
  addPipeSteps(id: Hex32, steps: readonly PipeStep[]): Promise<void>;
  pipeItem(id: Hex32): Promise<PipeStatus | undefined>;
  /** In the order they were accepted. */
  pipeItems(states: readonly PipeState[]): Promise<readonly PipeItem[]>;
  /** Forgets what ended before that moment of this host's clock, which is the one of its last move with a step. */
  prunePipeItems(beforeMs: number): Promise<number>;
  /** The newest transaction that was stored with a label and did not lose its nonce to another, sent or not. */
  transactionFor(label: string): Promise<Hex32 | undefined>;
}

/**
 * The record of everything that was asked. All methods are atomic; a crash between two of them loses nothing,
 * because each writes the state before the side effect that follows it.
 * Milliseconds (`nowMs`) are this host's clock and only space out attempts and leases.
 */
export interface JobStore extends PipeRecords {
  /** The newest blocks that were applied, newest first. */
  blocks(limit: number): Promise<SeenBlock[]>;
  /** Applies what consecutive blocks say, together with the cursor. A request that is known is not doubled; one that a reorg had orphaned comes back. */
  applyBlocks(batch: {
    blocks: readonly SeenBlock[];
    requests: readonly InferenceRequest[];
    endings: readonly Ending[];
    nowMs: number;
  }): Promise<{ added: number; ended: number }>;
  /** Forgets the blocks above `ancestor`, and with them the requests and the endings they held. */
  rewind(ancestor: number): Promise<{ orphaned: number; reopened: number }>;
  /** Settles what ended at or below the block, and expires what is past its deadline at that block's time. */
  finalize(block: { number: number; timestamp: number }): Promise<{ settled: number; expired: number }>;

  /** Takes waiting jobs, soonest deadline first. */
  claim(args: { limit: number; leaseMs: number; nowMs: number }): Promise<ClaimedJob[]>;
  /** False if the lease was lost. */
  heartbeat(args: { lease: Lease; leaseMs: number; nowMs: number }): Promise<boolean>;
  /** Stores the signed answer; false if the lease was lost. */
  answer(args: { lease: Lease; answer: Answer; timeline: readonly TimelineEntry[] }): Promise<boolean>;
  /** Gives a job back to be tried not before `notBeforeMs`; false if the lease was lost. */
  release(args: { lease: Lease; notBeforeMs: number; reason: string; countAttempt: boolean }): Promise<boolean>;
  /** Ends a job without an answer; false if the lease was lost. */
  giveUp(args: { lease: Lease; state: "abandoned" | "dead"; reason: string }): Promise<boolean>;
  /** Returns jobs whose worker vanished. */
  reap(nowMs: number): Promise<number>;

  /** Answers that wait for a transaction, soonest deadline first. */
  answered(limit: number): Promise<AnsweredJob[]>;
  /** An answer that can not be posted any more: `seen` to have it computed again, `abandoned` to let it be. */
  dropAnswer(args: {
    jobId: number;
    state: "seen" | "abandoned";
    reason: string;
    notBeforeMs?: number;
  }): Promise<boolean>;
  /** Stores a signed transaction and moves its jobs to `posting`, before anything is sent. Jobs that left `answered` meanwhile stay as they are. */
  recordTransaction(tx: OutboxTransaction): Promise<void>;
  openTransactions(from: Address): Promise<OutboxTransaction[]>;
  /**
   * Says what became of a transaction. Jobs that it carried, that have not ended and that no other open transaction carries go back to `answered`.
   *
   * False, and nothing is changed, if the block is not one of the recorded chain: either it was not read yet, or a reorg was recorded after the
   * receipt was read. Closed by a block that is gone, the transaction would be opened by no later reorg, and its jobs would wait for ever.
   */
  closeTransaction(args: {
    hash: Hex32;
    state: Exclude<TransactionState, "open">;
    /** The block that its receipt names; absent for "replaced". */
    block?: { readonly number: number; readonly hash: Hex32 };
  }): Promise<boolean>;

  get(requestId: Hex32): Promise<JobSummary | undefined>;
  request(requestId: Hex32): Promise<InferenceRequest | undefined>;
  timeline(requestId: Hex32): Promise<TimelineEntry[]>;
  addTimeline(requestId: Hex32, entries: readonly TimelineEntry[]): Promise<void>;
  counts(): Promise<Readonly<Record<JobState, number>>>;
  /** The latest jobs, newest first. */
  recent(limit: number): Promise<JobSummary[]>;
  /** Deletes final jobs older than the given moment, with their inputs and outputs, and what ended in PIPE before it; returns how many. */
  prune(beforeMs: number): Promise<number>;
  /** Writes a consistent copy to a new file. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}
