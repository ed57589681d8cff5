import type { Hex32 } from "../domain/ids";
import { ZERO_32 } from "../domain/ids";
import type { Inference, InferTerms, PortableAnswer } from "../domain/inference";
import type { InferenceOutcome, InferenceRunner } from "./ports";

/** A result that ends sooner is not counted on: it has to live until the block that uses it. */
const MIN_LIFE_SECONDS = 60;
const MAX_CACHE_BYTES = 64 * 2 ** 20;

/** Whether an answer can stand for a demand, as the hub will judge it. */
export function satisfies(answer: PortableAnswer, terms: InferTerms): boolean {
  return (
    answer.trust >= terms.minTrust &&
    (terms.profile === ZERO_32 || terms.profile === answer.runtimeProfile) &&
    (terms.imageId === ZERO_32 || terms.imageId === answer.imageId)
  );
}

/**
 * Answers questions, each model and input once: who asks the same at the same time waits for the same run, and an answer is shared by every demand
 * that it satisfies until it expires.
 */
export class Resolver {
  /** By model and input, oldest first. */
  private readonly answers = new Map<string, PortableAnswer[]>();
  private readonly flights = new Map<string, Promise<InferenceOutcome>>();
  private bytes = 0;
  private runs = 0;

  constructor(
    private readonly options: {
      readonly runner: InferenceRunner;
      readonly feeWei: bigint;
      /** Seconds of block time. */
      readonly now: () => number;
      readonly signal: AbortSignal;
    },
  ) {}

  /** Runs since the start, shared ones counted once. */
  get runCount(): number {
    return this.runs;
  }

  /** An answer that is there. */
  cached(inference: Inference): PortableAnswer | undefined {
    const known = this.answers.get(questionOf(inference)) ?? [];
    const until = this.options.now() + MIN_LIFE_SECONDS;
    return known.find((answer) => answer.expiresAt > until && satisfies(answer, inference.terms));
  }

  /**
   * `ran` says whether this call caused a run: who waits for another's run is not charged for it.
   * @param onRun called when a run is about to be made for this call; what it throws is thrown, and nothing is run
   */
  async resolve(
    inference: Inference,
    deadline: number,
    asker: string,
    onRun: () => void = () => undefined,
  ): Promise<{ readonly outcome: InferenceOutcome; readonly ran: boolean }> {
    const question = questionOf(inference);
    for (;;) {
      const known = this.cached(inference);
      if (known !== undefined) return { outcome: { ok: true, answer: known }, ran: false };
      const flight = this.flights.get(question);
      if (flight === undefined) break;
      // What another's run threw is that one's trouble.
      const outcome = await flight.catch(() => undefined);
      // A stricter demand than the one that runs now is not met by its answer, nor its refusal by another's bad luck.
      if (outcome?.ok && satisfies(outcome.answer, inference.terms)) return { outcome, ran: false };
    }
    onRun();
    this.runs++;
    const { runner, feeWei, signal } = this.options;
    const flight = runner
      .run({ inference, feeWei, asker, deadline, signal })
      .finally(() => this.flights.delete(question));
    this.flights.set(question, flight);
    const outcome = await flight;
    if (outcome.ok) this.keep(question, outcome.answer);
    return { outcome, ran: true };
  }

  /** An answer that the hub does not take, because the chain no longer vouches for its key, is worth nothing to anybody. */
  forget(inference: Inference): void {
    const question = questionOf(inference);
    this.replace(question, this.answers.get(question) ?? [], []);
  }

  private keep(question: string, answer: PortableAnswer): void {
    const known = this.answers.get(question) ?? [];
    const now = this.options.now();
    this.answers.delete(question);
    this.replace(question, known, [...known.filter(({ expiresAt }) => expiresAt > now), answer]);
    for (const [oldest, list] of this.answers) {
      if (this.bytes <= MAX_CACHE_BYTES) break;
      if (oldest !== question) this.replace(oldest, list, []);
    }
  }

  private replace(question: string, before: readonly PortableAnswer[], after: PortableAnswer[]): void {
    this.bytes += sizeOf(after) - sizeOf(before);
    if (after.length === 0) this.answers.delete(question);
    else this.answers.set(question, after);
  }
}

const questionOf = ({ modelHash, inputHash }: { modelHash: Hex32; inputHash: Hex32 }): string =>
  `${modelHash}${inputHash}`;
const sizeOf = (answers: readonly PortableAnswer[]): number =>
  answers.reduce((sum, { output }) => sum + output.length + 512, 0);
