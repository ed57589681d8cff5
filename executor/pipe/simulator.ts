import { AbiCoder, getBytes, Interface } from "ethers";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import { type Address, type Hex32, type HexBytes, hex32, ZERO_ADDRESS } from "../domain/ids";
import type { FilledInference, Inference } from "../domain/inference";
import { inferenceOf } from "../protocol/portable";
import { pipeError } from "./errors";
import { publishedSlots, simulationOverrides } from "./overrides";
import type { CallOutcome, PipeChain, SimulatedStep } from "./ports";
import { intrinsicGas } from "./transaction";
import type { Purpose, Turns } from "./turns";

export interface Question extends Inference {
  /** Whether the real answer was there. */
  readonly answered: boolean;
}

export interface Simulation {
  readonly success: boolean;
  readonly gasUsed: bigint;
  /** What it returned, or reverted with; cut at 64 KiB. */
  readonly returned: HexBytes;
  /** In the order of asking, each key once; what a reverted frame asked is not among them. */
  readonly questions: readonly Question[];
  /** Whether something stayed unanswered that is, or is not, among the questions. */
  readonly unanswered: boolean;
  /** Whether it used up all the gas it was given. */
  readonly exhausted: boolean;
}

const STEP = "tuple(address from, address to, uint256 value, uint256 gas, bytes data)";
const TERMS = "tuple(uint8 minTrust, bytes32 profile, bytes32 imageId)";
const SENDER = new Interface([
  `function simulate(address recorder, ${STEP}[] before, ${STEP} step, uint256 mode) payable returns (tuple(bool success, uint256 gasUsed, uint256 gasProbed, bytes returned, bytes[] questions) outcome)`,
]);
const QUESTION = `tuple(bool answered, bytes32 key, bytes32 modelHash, ${TERMS} terms, bytes input)`;
const coder = AbiCoder.defaultAbiCoder();

/** The recorder's modes (contracts/pipe/PipeRecorder.sol). */
const MODE = { record: 0, revert: 1 } as const;

/** Kept for the stand-ins themselves, and for copying what was written down. */
const OVERHEAD_GAS = 1_500_000n;

/**
 * Runs transactions on the newest state with the recorder in the hub's place, by `eth_call` with state overrides, in bounded gas. Nothing is
 * traced, nothing reaches the chain; a transaction that loops or eats memory costs the node what the gas allows, and no more.
 */
export class Simulator {
  private hubCode: Promise<HexBytes> | undefined;
  private made = 0;

  constructor(
    private readonly options: {
      readonly chain: PipeChain;
      readonly turns: Turns;
      readonly hub: Address;
      /** The most that the target of one transaction gets; it is run twice. */
      readonly gasCap: bigint;
    },
  ) {}

  /** The most that the target of one transaction gets. */
  get gasCap(): bigint {
    return this.options.gasCap;
  }

  /** Simulations since the start. */
  get count(): number {
    return this.made;
  }

  /**
   * @param args.before transactions that will be mined before it, from whoever
   * @param args.mode `revert`: the recorder behaves as the hub does, and the first unanswered question comes back as its error
   * @throws AssayError `PIPE_SIMULATION_FAILED` when the limits do not suffice, and those of the chain
   */
  async simulate(args: {
    readonly step: SimulatedStep;
    readonly before: readonly SimulatedStep[];
    readonly results: readonly FilledInference[];
    readonly placeholders: ReadonlyMap<Hex32, Uint8Array>;
    readonly mode: keyof typeof MODE;
    readonly why?: Purpose;
  }): Promise<Simulation> {
    const { chain, turns, hub, gasCap } = this.options;
    this.made++;
    this.hubCode ??= chain.code(hub);
    const hubCode = await this.hubCode.catch((error: unknown) => {
      this.hubCode = undefined;
      throw error;
    });
    const capped = (step: SimulatedStep) => ({
      ...step,
      to: step.to ?? ZERO_ADDRESS,
      gas: step.gas < gasCap ? step.gas : gasCap,
    });
    const step = capped(args.step);
    const before = args.before.map(capped);
    const gas = OVERHEAD_GAS + before.reduce((sum, { gas: part }) => sum + part, 0n) + 2n * step.gas;
    const overrides = simulationOverrides({
      hub,
      hubCode,
      senders: [...new Set([step, ...before].map(({ from }) => from))],
      results: args.results,
      placeholders: args.placeholders,
    });
    const call = {
      from: step.from,
      to: step.from,
      value: 0n,
      data: SENDER.encodeFunctionData("simulate", [hub, before, step, MODE[args.mode]]) as HexBytes,
      gas: gas < TRANSACTION_GAS_CAP ? gas : TRANSACTION_GAS_CAP,
      overrides,
    };
    const outcome = await turns.simulate(() => chain.call(call), args.why);
    if (!outcome.ok)
      throw pipeError("PIPE_SIMULATION_FAILED", { gas: gas.toString(), revert: outcome.revert }, { retry: "later" });
    return readSimulation(outcome.data, step.gas);
  }

  /** What a call does with these results published and nothing else in anybody's place: the hub itself answers. */
  async callPlainly(
    step: SimulatedStep,
    results: readonly FilledInference[],
    why: Purpose = "plan",
  ): Promise<CallOutcome> {
    const { chain, turns, hub, gasCap } = this.options;
    this.made++;
    // A call is a transaction to the node: it pays for its calldata before its target gets anything.
    const gas = (step.gas < gasCap ? step.gas : gasCap) + intrinsicGas(step.data, step.to === undefined);
    const overrides = { [hub]: { stateDiff: publishedSlots(results) } };
    return turns.simulate(() => chain.call({ ...step, gas, overrides }), why);
  }
}

function readSimulation(data: HexBytes, given: bigint): Simulation {
  const [outcome] = SENDER.decodeFunctionResult("simulate", data);
  const questions = (outcome.questions as string[]).map(readQuestion);
  return {
    success: outcome.success,
    gasUsed: outcome.gasUsed,
    returned: outcome.returned,
    questions,
    // In mode `BURN` an unanswered question costs more: equal gas means that there was none, even in frames that were reverted.
    unanswered: outcome.gasUsed !== outcome.gasProbed,
    exhausted: !outcome.success && outcome.gasUsed >= given,
  };
}

function readQuestion(encoded: string): Question {
  const [q] = coder.decode([QUESTION], encoded);
  const terms = {
    minTrust: Number(q.terms.minTrust),
    profile: hex32(q.terms.profile),
    imageId: hex32(q.terms.imageId),
  };
  return { answered: q.answered, ...inferenceOf(hex32(q.modelHash), getBytes(q.input), terms) };
}
