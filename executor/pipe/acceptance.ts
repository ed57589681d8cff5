import { isAssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { PipeMove } from "../domain/pipe";
import { type Entry, itemOf } from "./entry";
import { pipeError } from "./errors";
import type { PipeStore } from "./ports";

/** How long a sender waits for the plan before it is told the hash: failures that show within it are its answer, and nothing is held. */
const ANSWER_WITHIN_MS = 1_500;

interface Answer {
  readonly entry: Entry;
  readonly promise: Promise<void>;
  readonly timer: NodeJS.Timeout;
  resolve(): void;
  reject(error: unknown): void;
}

/** What senders are told, and what the store is told of entries that begin and end. Nobody is told that an entry was taken before it is stored. */
export class Acceptance {
  private readonly answers = new Map<Hex32, Answer>();
  /** Ends that the store did not take yet. */
  private readonly unwritten = new Map<Hex32, PipeMove>();

  constructor(
    private readonly options: {
      readonly store: PipeStore;
      readonly nowMs: () => number;
      readonly onEvent: (event: { kind: "held" | "returned"; id: Hex32; reason?: string; ms: number }) => void;
      /** An entry that can not be stored in time is not taken. */
      readonly onUnkept: (entry: Entry, error: unknown) => Promise<void>;
      readonly onError: (error: unknown) => void;
    },
  ) {}

  /** Begins to wait for the answer to whoever sent an entry. */
  begin(entry: Entry): Promise<void> {
    let resolve!: () => void;
    let reject!: (error: unknown) => void;
    const promise = new Promise<void>((onTaken, onRefused) => {
      resolve = onTaken;
      reject = onRefused;
    });
    // Heard by whoever waits; nobody may be there yet.
    promise.catch(() => undefined);
    const { onUnkept, onError } = this.options;
    const timer = setTimeout(
      () => void this.keep(entry).catch((error: unknown) => onUnkept(entry, error).catch(onError)),
      ANSWER_WITHIN_MS,
    );
    this.answers.set(entry.id, { entry, promise, timer, resolve, reject });
    return promise;
  }

  /** The answer to whoever sends the same bytes once more: the same as to the first. At once where that one was told. */
  async answerFor(id: Hex32): Promise<void> {
    await this.answers.get(id)?.promise;
  }

  taken(entry: Entry): void {
    this.answers.get(entry.id)?.resolve();
    this.forget(entry);
  }

  /** Stores an entry, once, and tells its sender that it was taken. */
  async keep(entry: Entry): Promise<void> {
    if (isOver(entry)) return;
    if (entry.state === undefined) {
      entry.storing ??= this.store(entry).finally(() => {
        entry.storing = undefined;
      });
      await entry.storing;
      // Replaced, or refused, while it was written: that is its answer.
      if (isOver(entry)) return;
    }
    this.taken(entry);
  }

  /** An entry that is in nobody's store is refused to its sender; one that is, is given back with the reason. */
  async giveBack(entry: Entry, error: unknown): Promise<void> {
    const { nowMs, onEvent, onError } = this.options;
    const code = isAssayError(error) ? error.code : "PIPE_SIMULATION_FAILED";
    if (!isAssayError(error)) onError(error);
    await this.end(entry, {
      to: "returned",
      reason: code,
      detail: error instanceof Error ? error.message : String(error),
      step: { step: "returned", hostMs: nowMs(), detail: { code } },
    });
    onEvent({ kind: "returned", id: entry.id, reason: code, ms: nowMs() - entry.acceptedMs });
    this.refuse(entry, error);
  }

  async replaced(entry: Entry): Promise<void> {
    const step = { step: "replaced", hostMs: this.options.nowMs(), detail: {} };
    await this.end(entry, { to: "replaced", step });
    const detail = "another transaction with this nonce came after it";
    this.refuse(entry, pipeError("PIPE_REPLACEMENT_UNDERPRICED", {}, { detail }));
  }

  /** Writes down what could not be written before. To be called for each new block. */
  async settle(): Promise<void> {
    const ends = [...this.unwritten.values()];
    if (ends.length === 0) return;
    await this.options.store.movePipeItems(ends);
    for (const { id } of ends) this.unwritten.delete(id);
  }

  /** Whoever still waits is told; what is being stored is told so when it is. */
  stop(): void {
    for (const { entry } of [...this.answers.values()]) {
      if (entry.storing !== undefined || entry.state !== undefined) continue;
      entry.phase = "over";
      this.refuse(entry, pipeError("PIPE_STOPPED", {}, { retry: "later" }));
    }
  }

  private async store(entry: Entry): Promise<void> {
    const { store, nowMs, onEvent } = this.options;
    await store.addPipeItem(itemOf(entry));
    entry.state = "held";
    onEvent({ kind: "held", id: entry.id, ms: nowMs() - entry.acceptedMs });
  }

  private async end(
    entry: Entry,
    end: Omit<PipeMove, "id" | "from"> & { readonly to: "returned" | "replaced" },
  ): Promise<void> {
    entry.phase = "over";
    // It may be on its way into the store at this moment, and would stay there.
    await entry.storing?.catch(() => undefined);
    if (entry.state !== "held") return;
    const move: PipeMove = { id: entry.id, from: ["held"], ...end };
    entry.state = end.to;
    try {
      await this.options.store.movePipeItems([move]);
    } catch (error) {
      this.unwritten.set(entry.id, move);
      this.options.onError(error);
    }
  }

  private refuse(entry: Entry, error: unknown): void {
    this.answers.get(entry.id)?.reject(error);
    this.forget(entry);
  }

  private forget(entry: Entry): void {
    clearTimeout(this.answers.get(entry.id)?.timer);
    this.answers.delete(entry.id);
  }
}

const isOver = ({ phase }: Entry): boolean => phase === "over";
