import type { Hex32 } from "../domain/ids";
import type { FilledInference, Inference, PortableAnswer } from "../domain/inference";
import { decodeInferenceRequired } from "../protocol/portable";
import type { Work } from "./accounts";
import { pipeError } from "./errors";
import type { InferenceRunner, SimulatedStep } from "./ports";
import type { Resolver } from "./resolver";
import { revertContext } from "./reverts";
import type { Simulation, Simulator } from "./simulator";
import type { Purpose } from "./turns";

export interface PlanBounds {
  readonly rounds: number;
  readonly inferences: number;
  readonly simulations: number;
}

export interface PlanRequest {
  /** By default `plan`. */
  readonly why?: Purpose;
  readonly step: SimulatedStep;
  /** Transactions that will be mined before it, and the results that these bring. */
  readonly before: readonly SimulatedStep[];
  readonly present: readonly FilledInference[];
  /** Milliseconds of this host's clock. */
  readonly deadlineMs: number;
  /** On whose behalf: an address, or an API key's name. */
  readonly asker: string;
  /** Called before work is done for the asker; throws where its limits are used up. */
  readonly charge: (what: Work) => void;
}

export interface Plan {
  /** What must be brought, in the order of asking: exactly what the last simulation used and the chain does not have. */
  readonly needed: readonly FilledInference[];
  readonly rounds: number;
  readonly simulations: number;
  /** Inferences that were run for this plan and are its asker's to pay for. */
  readonly charged: number;
  /** Inferences that only a placeholder answer had made the transaction ask: run or not, never charged and never brought. */
  readonly speculative: number;
  readonly gasUsed: bigint;
}

const MAX_SHAPES = 64;
/** A larger placeholder is laid into the simulations of those only who ask for its model: with many of them everybody's would carry megabytes. */
const MAX_SHARED_SHAPE_BYTES = 1_024;

/** What is known while one transaction is planned. */
class Draft {
  readonly answers = new Map<Hex32, FilledInference>();
  /** Found by the revert: in a static call, of which nothing can be written down. */
  readonly byRevert = new Set<Hex32>();
  /** Asked when all answers before were real. */
  readonly confirmed = new Set<Hex32>();
  readonly ran = new Set<Hex32>();
  /** Runs that the asker paid for. */
  readonly charged = new Set<Hex32>();
  /** Answers that the hub did not take. */
  readonly refused = new Set<Hex32>();
  readonly models = new Set<Hex32>();
  rounds = 0;
  simulations = 0;

  constructor(readonly request: PlanRequest) {}

  get results(): readonly FilledInference[] {
    return [...this.request.present, ...this.answers.values()];
  }
}

/**
 * Finds out what a transaction will ask and answers it, round by round: simulate, run everything that is new in parallel, simulate again with the
 * answers, until nothing is unanswered.
 */
export class Planner {
  /** Placeholders of models that were asked for lately, oldest first; undefined where a model has none. */
  private readonly shapes = new Map<Hex32, readonly [zeros: Uint8Array, ones: Uint8Array] | undefined>();

  constructor(
    private readonly options: {
      readonly simulator: Simulator;
      readonly resolver: Resolver;
      readonly runner: InferenceRunner;
      readonly bounds: PlanBounds;
      readonly nowMs: () => number;
      /** Seconds of block time. */
      readonly now: () => number;
      readonly signal: AbortSignal;
    },
  ) {}

  /**
   * @throws AssayError `PIPE_TRANSACTION_REVERTS` with the revert data, `PIPE_BOUND_REACHED`, `PIPE_HIDDEN_INFERENCE`, `PIPE_INFERENCE_REFUSED`,
   * `PIPE_INFERENCE_UNAVAILABLE`, `PIPE_SIMULATION_FAILED`, `PIPE_DEADLINE`, `PIPE_STOPPED`, whatever `charge` throws, and those of the chain
   */
  async plan(request: PlanRequest): Promise<Plan> {
    const draft = new Draft(request);
    for (;;) {
      const simulation = await this.simulate(draft, "record");
      const asked = await this.unansweredOf(draft, simulation);
      if (asked.length === 0) return await this.finished(draft, simulation);
      // With a placeholder for each model the same simulation shows more: a model that is new here costs no round.
      if (await this.learnShapes(draft, asked)) continue;
      await this.answer(draft, asked);
    }
  }

  /** Simulates a plan once more on the newest state. @returns false if something else is asked by now */
  async stillHolds(request: PlanRequest, plan: Plan): Promise<boolean> {
    const draft = new Draft({ ...request, why: "check", present: [...request.present, ...plan.needed] });
    const simulation = await this.simulate(draft, "record");
    if (simulation.unanswered) return false;
    return simulation.success || (await this.succeedsWithoutStandIns(draft));
  }

  private async simulate(
    draft: Draft,
    mode: "record" | "revert",
    { fill = 0, without = new Set() }: { readonly fill?: 0 | 1; readonly without?: ReadonlySet<Hex32> } = {},
  ): Promise<Simulation> {
    const { simulator, bounds, nowMs } = this.options;
    const { request } = draft;
    if (draft.simulations >= bounds.simulations || nowMs() > request.deadlineMs) {
      throw pipeError("PIPE_BOUND_REACHED", { simulations: draft.simulations, rounds: draft.rounds });
    }
    request.charge("simulation");
    draft.simulations++;
    const placeholders = new Map<Hex32, Uint8Array>();
    for (const [modelHash, shape] of this.shapes) {
      if (shape === undefined) continue;
      if (shape[0].length <= MAX_SHARED_SHAPE_BYTES || draft.models.has(modelHash))
        placeholders.set(modelHash, shape[fill]);
    }
    return simulator.simulate({
      step: request.step,
      before: request.before,
      results: draft.results.filter(({ inference: { key } }) => !without.has(key)),
      placeholders,
      mode,
      why: request.why ?? "plan",
    });
  }

  /** What has to be answered before the transaction can be simulated further: the first question, and those that do not depend on its answer. */
  private async unansweredOf(draft: Draft, simulation: Simulation): Promise<Inference[]> {
    const open = simulation.questions.filter(({ answered }) => !answered);
    const firstOpen = simulation.questions.findIndex(({ answered }) => !answered);
    const sure = firstOpen < 0 ? simulation.questions : simulation.questions.slice(0, firstOpen + 1);
    for (const { key } of sure) this.confirm(draft, key);
    for (const { key } of simulation.questions) draft.byRevert.delete(key);
    if (open.length === 1) return open;
    if (open.length > 1) return this.independentOf(draft, open);
    const reverted = simulation.success ? undefined : decodeInferenceRequired(simulation.returned);
    if (reverted !== undefined) return [this.foundByRevert(draft, reverted)];
    // Whoever uses up all gas uses the same with and without answers: equal gas says nothing of it.
    if (!simulation.unanswered && !simulation.exhausted) return [];
    return this.hidden(draft, simulation);
  }

  /**
   * What comes after the first unanswered question may depend on its placeholder. Whatever is asked alike with other placeholders does not, for all
   * that can be seen; what is not waits for the real answer. A guess that was wrong costs a run that nobody is charged for.
   */
  private async independentOf(draft: Draft, open: readonly Inference[]): Promise<Inference[]> {
    const other = await this.simulate(draft, "record", { fill: 1 });
    const alike = new Set(other.questions.map(({ key }) => key));
    return open.filter(({ key }, index) => index === 0 || alike.has(key));
  }

  private foundByRevert(draft: Draft, inference: Inference): Inference {
    draft.byRevert.add(inference.key);
    this.confirm(draft, inference.key);
    return inference;
  }

  /** What was run on a guess that came true is paid for as everything else is. */
  private confirm(draft: Draft, key: Hex32): void {
    draft.confirmed.add(key);
    if (draft.ran.has(key)) this.charge(draft, key);
  }

  private charge(draft: Draft, key: Hex32): void {
    if (draft.charged.has(key)) return;
    draft.request.charge("inference");
    draft.charged.add(key);
  }

  /** A frame that asked was reverted, and what it had asked with it: because a placeholder was no use to it, or because its failure is caught. */
  private async hidden(draft: Draft, simulation: Simulation): Promise<Inference[]> {
    if (!simulation.success) {
      const strict = await this.simulate(draft, "revert");
      const required = strict.success ? undefined : decodeInferenceRequired(strict.returned);
      if (required !== undefined) return [this.foundByRevert(draft, required)];
      if (!simulation.unanswered) return [];
    }
    throw pipeError("PIPE_HIDDEN_INFERENCE", { rounds: draft.rounds });
  }

  private async answer(draft: Draft, asked: readonly Inference[]): Promise<void> {
    const { bounds, resolver } = this.options;
    for (const inference of asked) this.doubt(draft, inference);
    const known = asked.map((inference) => ({ inference, answer: resolver.cached(inference) }));
    for (const { inference, answer } of known)
      if (answer !== undefined) draft.answers.set(inference.key, { inference, answer });
    const missing = known.filter(({ answer }) => answer === undefined).map(({ inference }) => inference);
    if (missing.length > 0) draft.rounds++;
    if (draft.rounds > bounds.rounds || draft.answers.size + missing.length > bounds.inferences) {
      throw pipeError("PIPE_BOUND_REACHED", {
        rounds: draft.rounds,
        inferences: draft.answers.size + missing.length,
        bounds,
      });
    }
    await this.inTime(draft, Promise.all(missing.map((inference) => this.run(draft, inference))));
  }

  /** Asked although its answer was there: the hub does not take it. Another one may be taken; after two there is no use in it. */
  private doubt(draft: Draft, inference: Inference): void {
    const { key, modelHash } = inference;
    if (!draft.answers.has(key)) return;
    if (draft.refused.has(key)) {
      const reason = "the chain does not take the answer";
      throw pipeError("PIPE_INFERENCE_UNAVAILABLE", { key, modelHash, reason }, { retry: "later", detail: reason });
    }
    draft.refused.add(key);
    draft.answers.delete(key);
    this.options.resolver.forget(inference);
  }

  /** A run that hangs holds up nobody longer than until the deadline; it goes on for whoever asks the same later. */
  private async inTime(draft: Draft, work: Promise<unknown>): Promise<void> {
    const leftMs = Math.max(0, draft.request.deadlineMs - this.options.nowMs());
    const { signal } = this.options;
    let timer: NodeJS.Timeout | undefined;
    let onAbort: (() => void) | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(pipeError("PIPE_STOPPED", {}, { retry: "later" }));
      signal.addEventListener("abort", onAbort, { once: true });
      timer = setTimeout(
        () => reject(pipeError("PIPE_DEADLINE", { rounds: draft.rounds })),
        Math.min(leftMs, 2 ** 31 - 1),
      );
    });
    try {
      if (signal.aborted) onAbort?.();
      await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
      if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
    }
  }

  private async run(draft: Draft, inference: Inference): Promise<void> {
    const isSure = draft.confirmed.has(inference.key);
    const { nowMs, now, resolver } = this.options;
    const leftSeconds = Math.max(1, Math.ceil((draft.request.deadlineMs - nowMs()) / 1_000));
    const onRun = (): void => {
      if (isSure) this.charge(draft, inference.key);
      else draft.request.charge("speculation");
    };
    let resolved: Awaited<ReturnType<Resolver["resolve"]>>;
    try {
      resolved = await resolver.resolve(inference, now() + leftSeconds, draft.request.asker, onRun);
    } catch (error) {
      // A guess that can not be followed is no loss: if it is right, it is asked again.
      if (!isSure) return;
      throw error;
    }
    const { outcome, ran } = resolved;
    if (ran) draft.ran.add(inference.key);
    if (outcome.ok) {
      draft.answers.set(inference.key, { inference, answer: outcome.answer });
      return;
    }
    // Perhaps the real answer does not lead there.
    if (!isSure) return;
    const code = outcome.kind === "refused" ? "PIPE_INFERENCE_REFUSED" : "PIPE_INFERENCE_UNAVAILABLE";
    throw pipeError(
      code,
      { key: inference.key, modelHash: inference.modelHash, reason: outcome.reason },
      { retry: outcome.kind === "refused" ? "never" : "later", detail: outcome.reason },
    );
  }

  /** @returns whether a placeholder was found that was not known before */
  private async learnShapes(draft: Draft, asked: readonly Inference[]): Promise<boolean> {
    let learnt = false;
    for (const { modelHash } of asked) {
      const isNew = !draft.models.has(modelHash);
      draft.models.add(modelHash);
      const known = this.shapes.get(modelHash);
      if (this.shapes.has(modelHash)) {
        // Last used, last dropped.
        this.shapes.delete(modelHash);
        this.shapes.set(modelHash, known);
        learnt ||= isNew && known !== undefined && known[0].length > MAX_SHARED_SHAPE_BYTES;
        continue;
      }
      if (!isNew) continue;
      const { runner } = this.options;
      const [zeros, ones] = [await runner.placeholder(modelHash, 0), await runner.placeholder(modelHash, 1)];
      const shape = zeros === undefined || ones === undefined ? undefined : ([zeros, ones] as const);
      this.shapes.set(modelHash, shape);
      learnt ||= shape !== undefined;
      const oldest = this.shapes.keys().next();
      if (this.shapes.size > MAX_SHAPES && oldest.done === false) this.shapes.delete(oldest.value);
    }
    return learnt;
  }

  private async finished(draft: Draft, simulation: Simulation): Promise<Plan> {
    if (!simulation.success && !(await this.succeedsWithoutStandIns(draft))) {
      const { gasCap } = this.options.simulator;
      if (draft.request.step.gas > gasCap && simulation.gasUsed > (gasCap * 9n) / 10n)
        throw pipeError("PIPE_SIMULATION_FAILED", {
          gasCap: gasCap.toString(),
          gasUsed: simulation.gasUsed.toString(),
        });
      const revert = revertContext(simulation.returned);
      const context = { ...revert, inferences: draft.confirmed.size };
      throw pipeError("PIPE_TRANSACTION_REVERTS", context, { detail: revert.reason });
    }
    const used = new Set(simulation.questions.map(({ key }) => key));
    const unseen = await this.usedUnseen(draft, simulation, used);
    const needed = [...draft.answers.values()].filter(
      ({ inference: { key } }) => !simulation.success || used.has(key) || draft.byRevert.has(key) || unseen.has(key),
    );
    const speculative = [...draft.ran].filter((key) => !draft.confirmed.has(key)).length;
    return {
      needed,
      rounds: draft.rounds,
      simulations: draft.simulations,
      charged: draft.charged.size,
      speculative,
      gasUsed: simulation.gasUsed,
    };
  }

  /**
   * A frame that used an answer and failed for reasons of its own took its note of that with it, and its failure may be caught: without the answer it
   * would fail for another reason. Whether that is so shows when those answers are left out: something stays unanswered then.
   */
  private async usedUnseen(
    draft: Draft,
    simulation: Simulation,
    used: ReadonlySet<Hex32>,
  ): Promise<ReadonlySet<Hex32>> {
    const unseen = new Set([...draft.confirmed].filter((key) => draft.answers.has(key) && !used.has(key)));
    for (const key of draft.byRevert) unseen.delete(key);
    if (unseen.size === 0 || !simulation.success) return new Set();
    const { unanswered, questions } = await this.simulate(draft, "record", { without: unseen });
    return unanswered || questions.some(({ answered }) => !answered) ? unseen : new Set();
  }

  /** A target may refuse a sender that has code, as the stand-in has: before a failure is believed, the call is made plainly. */
  private async succeedsWithoutStandIns(draft: Draft): Promise<boolean> {
    const { step, before } = draft.request;
    if (before.length > 0) return false;
    draft.request.charge("simulation");
    draft.simulations++;
    return (await this.options.simulator.callPlainly(step, draft.results, draft.request.why)).ok;
  }
}

/** What of the results lives shortest, seconds; 0 where there is none. */
export function earliestExpiry(filled: readonly { readonly answer: PortableAnswer }[]): number {
  return filled.length === 0 ? 0 : Math.min(...filled.map(({ answer }) => answer.expiresAt));
}
