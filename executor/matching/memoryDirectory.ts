import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { Blame } from "./blame";
import { EnclaveSlots } from "./enclaveSlots";
import { RunEstimates } from "./estimates";
import type { EnclaveCandidate, EnclaveDirectory, MatchRequest, ModelCatalogue, RunReport } from "./ports";

/** What is known of an enclave from its description, its registration and its supervisor. */
export interface EnclaveFacts {
  readonly enclaveId: string;
  readonly operatorId: number;
  readonly trustLevel: number;
  readonly imageId: Hex32;
  readonly runtimeProfile: Hex32;
  /** Seconds of block time. */
  readonly epochEndsAt: number;
  /** Seconds of block time. */
  readonly heartbeatDueAt: number;
  readonly draining: boolean;
  /** The most runners at a time. */
  readonly runners: number;
  readonly maxOutstanding: number;
  readonly memoryBudgetBytes: number;
  /** Models whose runners are up. */
  readonly warmModels: readonly Hex32[];
  /** Models it can be given; absent: all in the catalogue. */
  readonly loadableModels?: readonly Hex32[];
  readonly proofKinds?: readonly number[];
  readonly inputKinds?: readonly number[];
  readonly servesContext?: boolean;
}

export interface MemoryDirectoryOptions {
  readonly catalogue: ModelCatalogue;
  /** Memory of a runner before it holds a model. */
  readonly runnerBytes?: number;
  /** Bytes of memory for each byte of a model's file: file, graph and weights. */
  readonly memoryPerModelByte?: number;
  /** Milliseconds to start a runner, and to load each MiB of a model, until loads were seen. */
  readonly startMs?: number;
  readonly loadMsPerMib?: number;
  /** Expected run of a model that nobody has run yet. */
  readonly firstGuessMs?: number;
}

interface Known {
  facts: EnclaveFacts;
  readonly slots: EnclaveSlots;
}

const MIB = 2 ** 20;

/** The enclaves of this daemon, in memory: told facts, and what it saw of their runs. Everything it learns is lost with it, and learnt again. */
export class MemoryDirectory implements EnclaveDirectory {
  readonly #known = new Map<string, Known>();
  readonly #estimates: RunEstimates;
  readonly #blame = new Blame();
  readonly #options: Required<Omit<MemoryDirectoryOptions, "firstGuessMs">>;
  /** Smoothed ratio of seen over estimated load times. */
  #loadFactor = 1;

  constructor(options: MemoryDirectoryOptions) {
    this.#options = { runnerBytes: 48 * MIB, memoryPerModelByte: 3, startMs: 60, loadMsPerMib: 4, ...options };
    this.#estimates = new RunEstimates(options.firstGuessMs);
  }

  /** Adds an enclave or replaces what was told of it; what was learnt of it stays. */
  upsert(facts: EnclaveFacts): void {
    const known = this.#known.get(facts.enclaveId) ?? { facts, slots: new EnclaveSlots() };
    known.facts = facts;
    known.slots.setWarm(facts.warmModels);
    this.#known.set(facts.enclaveId, known);
  }

  /** Takes an enclave out with all that was learnt of it. */
  remove(enclaveId: string): void {
    this.#known.delete(enclaveId);
    this.#estimates.forget(enclaveId);
  }

  /** What was told of each enclave, with the runs it holds, for `assay status`. */
  list(): { facts: EnclaveFacts; outstanding: number; warmModels: readonly Hex32[] }[] {
    return [...this.#known.values()].map(({ facts, slots }) => ({
      facts,
      outstanding: slots.outstanding,
      warmModels: slots.warm,
    }));
  }

  candidates(request: MatchRequest, hostNowMs: number): EnclaveCandidate[] {
    return [...this.#known.values()].map((known) => this.#candidate(known, request, hostNowMs));
  }

  #candidate({ facts, slots }: Known, request: MatchRequest, hostNowMs: number): EnclaveCandidate {
    const { modelHash } = request;
    const place = slots.place({
      modelHash,
      runners: facts.runners,
      budgetBytes: facts.memoryBudgetBytes,
      bytesOf: (model) => this.#memoryOf(model),
      nowMs: hostNowMs,
    });
    const size = this.#options.catalogue.sizeOf(modelHash);
    const loadable = size !== undefined && (facts.loadableModels?.includes(modelHash) ?? true);
    const strike = this.#blame.against(facts.enclaveId, request, hostNowMs);
    return {
      enclaveId: facts.enclaveId,
      operatorId: facts.operatorId,
      trustLevel: facts.trustLevel,
      imageId: facts.imageId,
      runtimeProfile: facts.runtimeProfile,
      proofKinds: facts.proofKinds ?? [0],
      inputKinds: facts.inputKinds ?? [0],
      servesContext: facts.servesContext ?? false,
      draining: facts.draining,
      epochEndsAt: facts.epochEndsAt,
      heartbeatDueAt: facts.heartbeatDueAt,
      model: place.warm ? "warm" : loadable ? "loadable" : "missing",
      memoryNeededBytes: place.warm ? 0 : this.#memoryOf(modelHash),
      memoryFreeBytes: place.memoryFreeBytes,
      evicts: place.evicts,
      outstanding: slots.outstanding,
      maxOutstanding: facts.maxOutstanding,
      waitMs: place.waitMs,
      loadMs: place.warm ? 0 : this.#loadMs(size ?? 0),
      ...this.#estimates.of(facts.enclaveId, modelHash),
      ...(strike === undefined ? {} : { strike }),
    };
  }

  /** @throws AssayError `MATCHING_ENCLAVE_UNKNOWN` if it was removed since the decision */
  assigned(args: { readonly enclaveId: string; readonly request: MatchRequest; readonly hostNowMs: number }): void {
    const known = this.#known.get(args.enclaveId);
    if (known === undefined)
      throw new AssayError({
        code: "MATCHING_ENCLAVE_UNKNOWN",
        message: "no such enclave",
        context: { enclaveId: args.enclaveId },
        retry: "later",
      });
    const { modelHash, requestId } = args.request;
    const { loadMs, runMs } = this.#candidate(known, args.request, args.hostNowMs);
    const isCold = loadMs > 0;
    known.slots.begin({ requestId, modelHash, expectedMs: loadMs + runMs, isCold, nowMs: args.hostNowMs });
  }

  /** Silent about enclaves and runs it does not know: both may have been removed while the run was under way. */
  finished(args: {
    readonly enclaveId: string;
    readonly request: MatchRequest;
    readonly hostNowMs: number;
    readonly report: RunReport;
  }): void {
    const { enclaveId, request, hostNowMs, report } = args;
    const known = this.#known.get(enclaveId);
    const { requestId, modelHash } = request;
    const run = known?.slots.end({ requestId, modelHash, nowMs: hostNowMs });
    if (known === undefined || run === undefined) return;
    this.#blame.record(args);
    if (report.ok) {
      // Not what it waited for those before it, nor what loading took: an enclave with a queue, or a new one, would seem slow, and the others get it all.
      const runMs = Math.min(report.runMs, run.tookMs);
      if (run.isCold && report.loadMs === undefined) this.#estimates.succeededCold(enclaveId, modelHash, runMs);
      else this.#estimates.succeeded(enclaveId, modelHash, runMs);
      known.slots.served(request.modelHash, known.facts.runners);
      if (report.loadMs !== undefined) this.#learnLoad(request.modelHash, report.loadMs);
      return;
    }
    if (report.code === "ENCLAVE_GONE") known.slots.lost();
    if (report.code === "RUNNER_DIED" || report.code === "RUN_TIMEOUT") known.slots.lost(request.modelHash);
    // Busy, aborted and already signed say nothing about whether its runs succeed.
    if (report.code !== "ENCLAVE_BUSY" && report.code !== "ABORTED" && report.code !== "ALREADY_SIGNED_OTHER")
      this.#estimates.failed(enclaveId, request.modelHash);
  }

  #memoryOf(modelHash: Hex32): number {
    return (
      this.#options.runnerBytes + this.#options.memoryPerModelByte * (this.#options.catalogue.sizeOf(modelHash) ?? 0)
    );
  }

  #loadMs(bytes: number): number {
    return this.#loadFactor * (this.#options.startMs + (this.#options.loadMsPerMib * bytes) / MIB);
  }

  #learnLoad(modelHash: Hex32, seenMs: number): void {
    const size = this.#options.catalogue.sizeOf(modelHash);
    if (size === undefined) return;
    const ratio = seenMs / (this.#loadMs(size) / this.#loadFactor);
    this.#loadFactor = Math.min(100, Math.max(0.01, this.#loadFactor + (ratio - this.#loadFactor) / 8));
  }
}
