import type { Hex32 } from "../../../domain/ids";

export type RecordVerdict = "recorded" | "same" | "other" | "full";

/**
 * What this key has answered, by request id: the memory behind "one key signs at most one answer per id". It only grows; when it is
 * full the enclave refuses and its operator rotates to a new one, because an entry that was forgotten could be answered again, differently.
 */
export class SigningRecord {
  readonly #answers = new Map<Hex32, Hex32>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** What `claim` would say; records nothing. `answer` undefined asks whether a first answer would find room. */
  peek(requestId: Hex32, answer?: Hex32): Exclude<RecordVerdict, "recorded"> | "free" {
    const known = this.#answers.get(requestId);
    if (known !== undefined) return known === answer ? "same" : "other";
    return this.#answers.size >= this.#capacity ? "full" : "free";
  }

  /**
   * Checks and records in one synchronous step; the caller signs right after, without an `await` in between, so that two runs of one
   * id that finish together can not both find it free.
   */
  claim(requestId: Hex32, answer: Hex32): RecordVerdict {
    const verdict = this.peek(requestId, answer);
    if (verdict !== "free") return verdict;
    this.#answers.set(requestId, answer);
    return "recorded";
  }
}
