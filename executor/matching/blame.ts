import type { MatchRequest, RunReport, StrikeSubject } from "./ports";
import { StrikeBook, type StrikePolicy } from "./strikes";

const SECOND = 1000;
const HOUR = 3_600_000;

const POLICIES = {
  /** The same input is tried on another enclave first. */
  enclaveInput: { threshold: 1, baseMs: 30 * SECOND, maxMs: HOUR },
  /** Two failures of one input, wherever: the input is at fault. */
  input: { threshold: 2, baseMs: 60 * SECOND, maxMs: HOUR },
  /** Two such inputs: whoever sends them is at fault. */
  requester: { threshold: 2, baseMs: 60 * SECOND, maxMs: HOUR },
  /** Two requesters, so that one alone can not take a model from the others by inputs that kill its runner. */
  enclaveModel: { threshold: 2, baseMs: 5 * SECOND, maxMs: HOUR / 6 },
  /** The model's bytes were not to be had there: nobody's input can cause that. */
  modelBytes: { threshold: 1, baseMs: 5 * SECOND, maxMs: HOUR / 6 },
  enclave: { threshold: 1, baseMs: 2 * SECOND, maxMs: HOUR / 6 },
  /** The enclave holds more than this daemon knows of; it is left alone for a moment. */
  busy: { threshold: 1, baseMs: 250, maxMs: 4 * SECOND },
} as const satisfies Record<string, StrikePolicy>;

/** Decides who is held responsible for a failed run, and whom that keeps from which request. */
export class Blame {
  readonly #book: StrikeBook;
  #failures = 0;

  constructor(maxEntries?: number) {
    this.#book = new StrikeBook(maxEntries);
  }

  record(args: {
    readonly enclaveId: string;
    readonly request: MatchRequest;
    readonly hostNowMs: number;
    readonly report: RunReport;
  }): void {
    const { enclaveId, request, hostNowMs: nowMs, report } = args;
    const keys = subjects(enclaveId, request);
    if (report.ok) {
      for (const key of [keys.enclaveInput, keys.input, keys.enclaveModel, keys.modelBytes, keys.enclave, keys.busy])
        this.#book.clear(key);
      return;
    }
    this.#failures += 1;
    const once = `failure ${this.#failures}`;
    const hit = (policy: keyof typeof POLICIES, witness: string): void =>
      this.#book.strike({ subject: keys[policy], witness, policy: POLICIES[policy], nowMs });
    switch (report.code) {
      case "RUNNER_DIED":
      case "RUN_TIMEOUT":
        hit("enclaveInput", once);
        hit("input", once);
        if (this.#book.untilMs(keys.input) > nowMs) hit("requester", request.inputHash);
        hit("enclaveModel", request.requester);
        return;
      case "MODEL_UNAVAILABLE":
        hit("modelBytes", once);
        return;
      case "ENCLAVE_GONE":
      case "SIGNER_RECORD_FULL":
        hit("enclave", once);
        return;
      case "ENCLAVE_BUSY":
        hit("busy", once);
        return;
      case "ALREADY_SIGNED_OTHER":
      case "ABORTED":
        // Neither says anything about the enclave: the first is about this request id, the second was our wish.
        return;
    }
  }

  /** What keeps this enclave from this request the longest, if anything does. */
  against(
    enclaveId: string,
    request: MatchRequest,
    hostNowMs: number,
  ): { subject: StrikeSubject; untilMs: number } | undefined {
    const keys = subjects(enclaveId, request);
    let worst: { subject: StrikeSubject; untilMs: number } | undefined;
    const named: readonly (readonly [keyof typeof POLICIES, StrikeSubject])[] = [
      ["enclave", "enclave"],
      ["busy", "enclave"],
      ["enclaveModel", "enclaveModel"],
      ["modelBytes", "enclaveModel"],
      ["enclaveInput", "enclaveInput"],
      ["requester", "requester"],
      ["input", "input"],
    ];
    for (const [key, subject] of named) {
      const untilMs = this.#book.untilMs(keys[key]);
      if (untilMs > hostNowMs && untilMs > (worst?.untilMs ?? 0)) worst = { subject, untilMs };
    }
    return worst;
  }
}

function subjects(enclaveId: string, request: MatchRequest): Readonly<Record<keyof typeof POLICIES, string>> {
  const { modelHash, inputHash, requester } = request;
  return {
    enclaveInput: `enclaveInput ${enclaveId} ${modelHash} ${inputHash}`,
    input: `input ${modelHash} ${inputHash}`,
    requester: `requester ${modelHash} ${requester}`,
    enclaveModel: `enclaveModel ${enclaveId} ${modelHash}`,
    modelBytes: `modelBytes ${enclaveId} ${modelHash}`,
    enclave: `enclave ${enclaveId}`,
    busy: `busy ${enclaveId}`,
  };
}
