import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { InferenceRequest, RunFailure, RunOutcome } from "../domain/request";
import type { ClaimedJob, JobStore, Lease, TimelineEntry } from "../jobs/ports";

/** What the dispatcher needs of an enclave. */
export interface Worker {
  readonly id: string;
  run(request: InferenceRequest, model: Uint8Array, signal?: AbortSignal): Promise<RunOutcome>;
  /**
   * A signed refusal: of a model that nobody can provide, or of a run that this worker has seen fail often enough.
   * @throws AssayError when it has no ground to sign
   */
  refuse(request: InferenceRequest, reason: "MODEL_UNKNOWN" | "RUN_FAILED" | "RUN_LIMIT"): Promise<RunOutcome>;
}

/** Which worker, or why none. `retryAfterMs` undefined: waiting will not help, the request can not be served here. */
export type Choice =
  | { readonly ok: true; readonly worker: Worker; readonly detail: Readonly<Record<string, string | number | boolean>> }
  | { readonly ok: false; readonly reason: string; readonly retryAfterMs: number | undefined };

export interface DispatcherOptions {
  readonly store: Pick<JobStore, "claim" | "heartbeat" | "answer" | "release" | "giveUp" | "reap">;
  /** Takes the model's size, or undefined for a model that nobody has: somebody must then sign the refusal. */
  readonly choose: (request: InferenceRequest, modelBytes: number | undefined) => Choice;
  /** The model's bytes, re-hashed, or why there are none: only `MODEL_NOT_FOUND` says that nobody has them. */
  readonly model: (
    hash: Hex32,
  ) => Promise<
    | { readonly ok: true; readonly bytes: Uint8Array }
    | { readonly ok: false; readonly failure: { readonly code: string } }
  >;
  /** How many jobs may be in work at once: a little more than the enclaves can run, so that none waits for the store. */
  readonly slots: () => number;
  readonly maxAttempts: number;
  readonly leaseMs: number;
  readonly nowMs: () => number;
  readonly onAnswered: () => void;
  readonly onOutcome: (event: DispatchEvent) => void;
  /** Told of what failed where nobody waits: the store, or a bug. */
  readonly onError: (error: unknown) => void;
}

export interface DispatchEvent {
  readonly request: InferenceRequest;
  readonly workerId: string | undefined;
  readonly result: "answered" | "refused" | "failed" | "unserved" | "lease-lost";
  /** Why there is no result; with "refused" the failure that the refusal is for. */
  readonly reason: RunFailure["code"] | string | undefined;
  readonly runMs: number;
}

/** Wait before a failed job is tried again, doubled by every attempt. */
const RETRY_FIRST_MS = 200;
const RETRY_MOST_MS = 30_000;
/** The longest wait for what is nobody's fault: it may be over at any moment. */
const RETRY_MISS_MOST_MS = 5_000;
const MAX_MISSES = 10_000;
const MODEL_RETRY_MS = 2_000;
type Signed = Extract<RunOutcome, { ok: true }>;
/**
 * Failures that the input may be to blame for, and what an enclave signs for a run that keeps failing so. Every other one, an enclave that is
 * gone or has no room, says nothing of the job: counted, it would end requests for no fault of theirs whenever the machine is short of
 * something for a while. The deadline bounds those.
 */
const REFUSED_AFTER: Partial<Record<RunFailure["code"], "RUN_FAILED" | "RUN_LIMIT">> = {
  RUNNER_DIED: "RUN_FAILED",
  RUN_TIMEOUT: "RUN_LIMIT",
};

/** Takes waiting jobs to enclaves and stores what they signed. One lease per job; a lost lease throws the work away, never the job. */
export class Dispatcher {
  /** Failures in a row that are nobody's fault, by job: each retry may carry a whole model into an enclave that has no room for it. */
  private readonly misses = new Map<number, number>();
  private readonly inWork = new Map<number, Promise<void>>();
  private pumping: Promise<void> | undefined;
  private again = false;
  private closed = false;

  constructor(private readonly options: DispatcherOptions) {}

  get busy(): number {
    return this.inWork.size;
  }

  /** Claims what there is room for. Safe to call at any time; calls during a claim are folded into one more. */
  pump(signal: AbortSignal): Promise<void> {
    if (this.pumping !== undefined) {
      this.again = true;
      return this.pumping;
    }
    this.pumping = this.claimAll(signal).finally(() => {
      this.pumping = undefined;
      // A call that came after the last claim and before this line would be lost.
      if (this.again && !signal.aborted) this.pumpSoon(signal);
    });
    return this.pumping;
  }

  /** As `pump`, for callers who do not wait: what goes wrong is told to `onError`, since an unhandled rejection would end the daemon. */
  pumpSoon(signal: AbortSignal): void {
    this.pump(signal).catch(this.options.onError);
  }

  /** Nothing is claimed any more; what is in work goes on. */
  close(): void {
    this.closed = true;
  }

  /** Waits for what is in work. */
  async drain(): Promise<void> {
    // A claim that was under way may bring more.
    await this.pumping?.catch(() => undefined);
    await Promise.allSettled(this.inWork.values());
  }

  private async claimAll(signal: AbortSignal): Promise<void> {
    const { store, slots, leaseMs, nowMs } = this.options;
    do {
      this.again = false;
      const room = slots() - this.inWork.size;
      if (signal.aborted || this.closed || room <= 0) return;
      const jobs = await store.claim({ limit: room, leaseMs, nowMs: nowMs() });
      for (const job of jobs) this.take(job, signal);
    } while (this.again);
  }

  private take(job: ClaimedJob, signal: AbortSignal): void {
    // A store that fails leaves the job to its lease: when that ends, it is taken again.
    const work = this.serve(job, signal)
      .catch(this.options.onError)
      .finally(() => {
        this.inWork.delete(job.jobId);
        this.pumpSoon(signal);
      });
    this.inWork.set(job.jobId, work);
  }

  private async serve(job: ClaimedJob, signal: AbortSignal): Promise<void> {
    const { leaseMs, nowMs, store } = this.options;
    const beat = setInterval(() => {
      store.heartbeat({ lease: job, leaseMs, nowMs: nowMs() }).catch(this.options.onError);
    }, leaseMs / 3);
    try {
      await this.attempt(job, signal);
    } finally {
      clearInterval(beat);
    }
  }

  private async attempt(job: ClaimedJob, signal: AbortSignal): Promise<void> {
    const { choose, nowMs } = this.options;
    const { request } = job;
    const found = await this.options.model(request.modelHash);
    if (!found.ok && found.failure.code !== "MODEL_NOT_FOUND") {
      // A source that is down says nothing: to refuse now would end a request that can be served in a minute.
      return this.unserved(job, { ok: false, reason: found.failure.code, retryAfterMs: MODEL_RETRY_MS });
    }
    const model = found.ok ? found.bytes : undefined;
    const choice = choose(request, model?.length);
    if (!choice.ok) return this.unserved(job, choice);
    const matched = nowMs();
    let outcome: RunOutcome;
    let reason: RunFailure["code"] | undefined;
    try {
      outcome =
        model === undefined
          ? await choice.worker.refuse(request, "MODEL_UNKNOWN")
          : await choice.worker.run(request, model, signal);
    } catch (error) {
      // An enclave in trouble is the attempt's failure, not the daemon's.
      if (!(error instanceof AssayError)) throw error;
      const full = error.context["reason"] === "SIGNER_RECORD_FULL";
      const code = full ? "SIGNER_RECORD_FULL" : "MODEL_UNAVAILABLE";
      outcome = { ok: false, failure: { code, detail: error.code, retryable: true } };
    }
    const runMs = nowMs() - matched;
    if (!outcome.ok) {
      const refusal = await this.refusalOf(job, choice.worker, outcome.failure);
      if (refusal === undefined)
        return this.failed({ job, workerId: choice.worker.id, failure: outcome.failure, runMs });
      reason = outcome.failure.code;
      outcome = refusal;
    }
    const timeline: TimelineEntry[] = [
      { step: "matched", hostMs: matched, detail: choice.detail },
      { step: "computed", hostMs: nowMs(), detail: { ms: runMs } },
      { step: "signed", hostMs: nowMs(), detail: { signer: outcome.answer.signer, kind: outcome.answer.kind } },
    ];
    this.misses.delete(job.jobId);
    const stored = await this.options.store.answer({ lease: leaseOf(job), answer: outcome.answer, timeline });
    const result = !stored ? "lease-lost" : outcome.answer.kind === "result" ? "answered" : "refused";
    this.options.onOutcome({ request, workerId: choice.worker.id, result, reason, runMs });
    if (stored) this.options.onAnswered();
  }

  /**
   * An input that kills or stalls its runner, and did so again when it was retried, will do so for ever: whoever paid for it has a signed
   * refusal and the escrow back at once, instead of waiting for the deadline. Undefined as long as the worker has no ground to sign one.
   */
  private async refusalOf(job: ClaimedJob, worker: Worker, failure: RunFailure): Promise<Signed | undefined> {
    const reason = REFUSED_AFTER[failure.code];
    if (reason === undefined || job.attempts === 0) return undefined;
    try {
      const outcome = await worker.refuse(job.request, reason);
      return outcome.ok ? outcome : undefined;
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      return undefined;
    }
  }

  private async unserved(job: ClaimedJob, choice: Extract<Choice, { ok: false }>): Promise<void> {
    const { store, nowMs } = this.options;
    const { reason, retryAfterMs } = choice;
    if (retryAfterMs === undefined) await store.giveUp({ lease: leaseOf(job), state: "abandoned", reason });
    // Waiting for capacity is no attempt: nothing was tried.
    else await store.release({ lease: leaseOf(job), notBeforeMs: nowMs() + retryAfterMs, reason, countAttempt: false });
    this.options.onOutcome({ request: job.request, workerId: undefined, result: "unserved", reason, runMs: 0 });
  }

  private async failed(args: { job: ClaimedJob; workerId: string; failure: RunFailure; runMs: number }): Promise<void> {
    const { job, failure } = args;
    const { store, nowMs, maxAttempts } = this.options;
    const blamed = REFUSED_AFTER[failure.code] !== undefined;
    const attempts = job.attempts + (blamed ? 1 : 0);
    if (!failure.retryable || attempts >= maxAttempts) {
      this.misses.delete(job.jobId);
      await store.giveUp({ lease: leaseOf(job), state: "dead", reason: failure.code });
    } else {
      const misses = this.misses.get(job.jobId) ?? 0;
      const wait = blamed
        ? Math.min(RETRY_FIRST_MS * 2 ** job.attempts, RETRY_MOST_MS)
        : Math.min(RETRY_FIRST_MS * 2 ** misses, RETRY_MISS_MOST_MS);
      // Forgetting all now and then only means that some are tried sooner.
      if (this.misses.size > MAX_MISSES) this.misses.clear();
      if (!blamed) this.misses.set(job.jobId, misses + 1);
      await store.release({
        lease: leaseOf(job),
        notBeforeMs: nowMs() + wait,
        reason: failure.code,
        countAttempt: blamed,
      });
    }
    this.options.onOutcome({
      request: job.request,
      workerId: args.workerId,
      result: "failed",
      reason: failure.code,
      runMs: args.runMs,
    });
  }
}

const leaseOf = (job: ClaimedJob): Lease => ({ jobId: job.jobId, fence: job.fence });
