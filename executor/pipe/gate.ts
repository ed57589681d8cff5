import { type AssayError, isAssayError } from "../domain/errors";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import type { Address, Hex32, HexBytes } from "../domain/ids";
import type { FilledInference, InferTerms } from "../domain/inference";
import type { IntentFields, PipeStatus } from "../domain/pipe";
import { bytesToHex } from "../protocol/bytes";
import { encodeProvide } from "../protocol/portable";
import type { PipeEngine } from "./engine";
import { pipeError } from "./errors";
import { publishGasOf } from "./fees";
import type { Intents } from "./intents";
import { earliestExpiry, type Plan } from "./planner";
import type { PipeTerms } from "./ports";
import { revertContext } from "./reverts";
import { intrinsicGas } from "./transaction";

/** Gas of providing, by `npm run bench` (pipe.gas.bundleOverhead, pipe.gas.perExtraResult), rounded up. */
const PROVIDE_GAS = { base: 25_000n, result: 20_000n, word: 1_500n } as const;

const LEAST_RESERVE_GAS = 10_000n;
const NOTHING_LEFT = { ok: false, revert: undefined } as const;

interface Caller {
  readonly apiKey: string | undefined;
  readonly remote: string;
}
interface Question {
  readonly from: Address;
  readonly to: Address | undefined;
  readonly value: bigint;
  readonly data: HexBytes;
  readonly gas: bigint | undefined;
}
interface Report {
  readonly inferences: readonly { key: Hex32; modelHash: Hex32; input: HexBytes; terms: InferTerms }[];
  readonly rounds: number;
  readonly simulations: number;
  readonly gasUsed: bigint;
  readonly feeWei: bigint;
  readonly provideGas: bigint;
  readonly publishGas: bigint;
}

/** What the JSON-RPC front calls: knows the API keys, and on whose account each call is. */
export class Gate {
  constructor(
    private readonly options: {
      readonly engine: PipeEngine;
      readonly intents: Intents;
      readonly hub: Address;
      readonly terms: PipeTerms;
      readonly gasCap: bigint;
      /** Names by key; undefined: nobody needs one, and callers are told apart by their addresses. */
      readonly apiKeys: ReadonlyMap<string, string> | undefined;
    },
  ) {}

  async sendRawTransaction(raw: HexBytes, caller: Caller): Promise<Hex32> {
    this.accountOf(caller);
    return this.options.engine.sendRawTransaction(raw);
  }

  async simulate(question: Question, caller: Caller): Promise<Report> {
    return this.reportOf(await this.plan(question, caller));
  }

  async prepare(question: Question, caller: Caller) {
    const plan = await this.plan(question, caller);
    const { needed } = plan;
    return {
      ...this.reportOf(plan),
      hub: this.options.hub,
      results: needed as readonly FilledInference[],
      provide: encodeProvide(needed),
      expiresAt: earliestExpiry(needed),
    };
  }

  /**
   * The limit that a raw transaction needs when its results were published before it. Undefined where it asks nothing: of that the node knows more, and says
   * it in the words that wallets understand.
   * @throws AssayError `PIPE_TRANSACTION_REVERTS` for what asks and then fails for reasons of its own, and those of inferences that can not be had
   */
  async estimateGas(question: Question, caller: Caller): Promise<bigint | undefined> {
    try {
      const plan = await this.plan(question, caller);
      return plan.needed.length === 0 ? undefined : await this.limitFor(question, plan, caller);
    } catch (error) {
      if (isAssayError(error) && isForTheNode(error)) return undefined;
      throw error;
    }
  }

  private async limitFor(question: Question, plan: Plan, caller: Caller): Promise<bigint> {
    const { engine, gasCap } = this.options;
    const { from, to, value, data } = question;
    const intrinsic = intrinsicGas(data, to === undefined);
    const most = question.gas === undefined ? gasCap : least(gasCap, question.gas - intrinsic);
    // A call gets 63 parts of 64 of what is there (EIP-150), so what was used may not be enough to be given.
    for (let gas = least((plan.gasUsed * 11n) / 10n + LEAST_RESERVE_GAS, most); ; gas = least(2n * gas, most)) {
      engine.accounts.charge(this.accountOf(caller), "simulation");
      const step = { from, to, value, data, gas };
      const outcome = gas <= 0n ? NOTHING_LEFT : await engine.simulator.callPlainly(step, plan.needed, "look");
      if (outcome.ok) return intrinsic + gas;
      if (gas < most) continue;
      const context = revertContext(outcome.revert ?? "0x");
      throw pipeError("PIPE_TRANSACTION_REVERTS", context, {
        detail: `${context.reason}, with ${intrinsic + gas} gas`,
      });
    }
  }

  async sendIntent(args: { intent: IntentFields; signature: HexBytes }, caller: Caller): Promise<Hex32> {
    return this.options.intents.take(args.intent, args.signature, this.accountOf(caller));
  }

  status(id: Hex32): Promise<PipeStatus | undefined> {
    return this.options.engine.status(id);
  }

  nextNonce(account: Address, from?: number): number | undefined {
    return this.options.engine.nextNonce(account, from);
  }

  heldTransaction(hash: Hex32): HexBytes | undefined {
    return this.options.engine.heldTransaction(hash);
  }

  private plan(question: Question, caller: Caller): Promise<Plan> {
    const { engine, gasCap } = this.options;
    const { from, to, value, data } = question;
    const gas = question.gas ?? gasCap;
    return engine.planCall(
      { from, to, value, data, gas: gas < TRANSACTION_GAS_CAP ? gas : TRANSACTION_GAS_CAP },
      this.accountOf(caller),
    );
  }

  /** Whose limits a call uses. @throws AssayError `PIPE_KEY_UNKNOWN` */
  private accountOf({ apiKey, remote }: Caller): string {
    const { apiKeys } = this.options;
    if (apiKeys === undefined) return `remote:${remote}`;
    const name = apiKey === undefined ? undefined : apiKeys.get(apiKey);
    if (name === undefined) throw pipeError("PIPE_KEY_UNKNOWN", {});
    return `key:${name}`;
  }

  private reportOf(plan: Plan): Report {
    const { needed, rounds, simulations, gasUsed } = plan;
    return {
      inferences: needed.map(({ inference: { key, modelHash, input, terms } }) => ({
        key,
        modelHash,
        input: bytesToHex(input),
        terms,
      })),
      rounds,
      simulations,
      gasUsed,
      feeWei: this.options.terms.feeWei * BigInt(needed.length),
      provideGas: needed.length === 0 ? 0n : provideGasOf(needed),
      publishGas: needed.length === 0 ? 0n : publishGasOf(needed),
    };
  }
}

function provideGasOf(filled: readonly FilledInference[]): bigint {
  return filled.reduce<bigint>(
    (sum, { answer }) => sum + PROVIDE_GAS.result + PROVIDE_GAS.word * BigInt(Math.ceil(answer.output.length / 32)),
    PROVIDE_GAS.base,
  );
}

/** What the node can say itself: the call asks nothing, or it is not for us to look at it. */
function isForTheNode({ code, context }: AssayError): boolean {
  if (code === "PIPE_TRANSACTION_REVERTS") return context["inferences"] === 0;
  return code === "PIPE_SIMULATION_FAILED" || code === "PIPE_ACCOUNT_LIMIT" || code === "PIPE_KEY_UNKNOWN";
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
