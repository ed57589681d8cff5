import type { Hex32 } from "../domain/ids";
import { ByteCache } from "./byteCache";
import { failed, sha256Of } from "./hash";
import type { FetchFailure, FetchFailureCode, FetchOutcome, ModelSource } from "./ports";

interface Flight {
  readonly outcome: Promise<FetchOutcome>;
  readonly abort: AbortController;
  waiting: number;
}

/** Which of several failures speaks for all: what may pass comes before what stays, and an absence is only said if all say it. */
const ORDER: readonly FetchFailureCode[] = [
  "MODEL_TIMEOUT",
  "MODEL_UNREACHABLE",
  "MODEL_TOO_LARGE",
  "MODEL_HASH_MISMATCH",
  "MODEL_REDIRECT_REFUSED",
  "MODEL_NOT_FOUND",
  "MODEL_ABORTED",
];
/** Sizes remembered of models that were seen once; a few bytes each. */
const MOST_SIZES = 10_000;

/**
 * Sources in order behind a memory cache. Callers who want the same model at the same time share one fetch, which is
 * aborted only when none of them waits any more. A source that lies is a failure of that source, and the next one is asked.
 */
export class ModelLibrary implements ModelSource {
  readonly name = "models";
  readonly #sources: readonly ModelSource[];
  readonly #cache: ByteCache;
  readonly #flights = new Map<Hex32, Flight>();
  readonly #sizes = new Map<Hex32, number>();

  constructor(args: { readonly sources: readonly ModelSource[]; readonly cacheBytes: number }) {
    this.#sources = args.sources;
    this.#cache = new ByteCache(args.cacheBytes);
  }

  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  /** What matching needs to know: undefined until the model was seen once, or if only a gateway may have it. */
  sizeOf(modelHash: Hex32): number | undefined {
    for (const source of this.#sources) {
      const size = source.sizeOf?.(modelHash);
      if (size !== undefined) return size;
    }
    return this.#cache.sizeOf(modelHash) ?? this.#sizes.get(modelHash);
  }

  async fetch(modelHash: Hex32, signal?: AbortSignal): Promise<FetchOutcome> {
    if (signal?.aborted === true) return failed("MODEL_ABORTED", this.name, "aborted");
    const cached = this.#cache.get(modelHash);
    if (cached !== undefined) return { ok: true, bytes: cached, source: "memory" };
    const flight = this.#flights.get(modelHash) ?? this.#start(modelHash);
    flight.waiting += 1;
    try {
      return signal === undefined ? await flight.outcome : await orAborted(flight.outcome, signal, this.name);
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        flight.abort.abort();
        // A flight that was given up must not be joined by who comes next.
        if (this.#flights.get(modelHash) === flight) this.#flights.delete(modelHash);
      }
    }
  }

  #start(modelHash: Hex32): Flight {
    const abort = new AbortController();
    const flight: Flight = { abort, waiting: 0, outcome: this.#ask(modelHash, abort.signal) };
    this.#flights.set(modelHash, flight);
    return flight;
  }

  async #ask(modelHash: Hex32, signal: AbortSignal): Promise<FetchOutcome> {
    const attempts: FetchFailure[] = [];
    for (const source of this.#sources) {
      if (signal.aborted) break;
      const found = await source.fetch(modelHash, signal);
      if (!found.ok) {
        attempts.push(...found.attempts);
        continue;
      }
      // Hashed here once more: whoever adds a source later can not forget it.
      if (sha256Of(found.bytes) !== modelHash) {
        attempts.push({
          code: "MODEL_HASH_MISMATCH",
          source: source.name,
          detail: "the source did not check what it gave",
          retryable: false,
        });
        continue;
      }
      this.#cache.set(modelHash, found.bytes);
      if (this.#sizes.size < MOST_SIZES) this.#sizes.set(modelHash, found.bytes.length);
      return found;
    }
    const worst = [...attempts].sort((a, b) => ORDER.indexOf(a.code) - ORDER.indexOf(b.code))[0];
    if (worst === undefined)
      return failed(
        signal.aborted ? "MODEL_ABORTED" : "MODEL_NOT_FOUND",
        this.name,
        signal.aborted ? "aborted" : "there is no source",
      );
    return { ok: false, failure: worst, attempts };
  }
}

/** The listener is taken off again: the process's one signal lives longer than any fetch. */
async function orAborted(outcome: Promise<FetchOutcome>, signal: AbortSignal, name: string): Promise<FetchOutcome> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<FetchOutcome>((resolve) => {
    stop = () => resolve(failed("MODEL_ABORTED", name, "aborted"));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([outcome, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
