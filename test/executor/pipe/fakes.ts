import { AbiCoder, hexlify, Interface, Wallet } from "ethers";
import { AssayError } from "../../../executor/domain/errors";
import type { Address, Hex32, HexBytes } from "../../../executor/domain/ids";
import { address, hex32, ZERO_32 } from "../../../executor/domain/ids";
import type { FilledInference, Inference, PortableAnswer } from "../../../executor/domain/inference";
import {
  PIPE_TRANSITIONS,
  type PipeItem,
  type PipeMove,
  type PipeState,
  type PipeStep,
} from "../../../executor/domain/pipe";
import { publishedSlots } from "../../../executor/pipe/overrides";
import type {
  CallOutcome,
  InferenceOutcome,
  InferenceRunner,
  Overrides,
  PipeCall,
  PipeChain,
  PipeHead,
  PipeLog,
  PipePublisher,
  PipeReceipt,
  PipeStore,
} from "../../../executor/pipe/ports";
import { readTransaction, type SignedTransaction } from "../../../executor/pipe/transaction";
import { inferenceOf } from "../../../executor/protocol/portable";
import { HUB, h } from "../jobs/fixtures";

export { HUB, h };
export const CHAIN_ID = 31337n;
export const TARGET = address(`0x${"77".repeat(20)}`);
export const FORWARDER_ADDRESS = address(`0x${"f0".repeat(20)}`);
export const RELAYER = address(`0x${"88".repeat(20)}`);
export const SIGNER = address(`0x${"99".repeat(20)}`);
export const NO_TERMS = { minTrust: 1, profile: ZERO_32, imageId: ZERO_32 };
const GWEI = 10n ** 9n;

/** Lets everything go on that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) {
    for (let i = 0; i < 200; i++) await Promise.resolve();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}
export const refusalOf = (work: Promise<unknown>): Promise<string> => work.then(() => "taken", codeOf);
/** A promise whose end is decided elsewhere. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void; fail: (error: unknown) => void } {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

export const question = (name: string, terms: Partial<typeof NO_TERMS> = {}): Inference =>
  inferenceOf(h(`model/${name}`), new TextEncoder().encode(name), { ...NO_TERMS, ...terms });

export function answerTo(inference: Inference, fields: Partial<PortableAnswer> = {}): PortableAnswer {
  return {
    modelHash: inference.modelHash,
    inputHash: inference.inputHash,
    signer: SIGNER,
    trust: 1,
    imageId: h("image"),
    runtimeProfile: h("profile"),
    feeWei: 0n,
    issuedAt: 1_000,
    expiresAt: 5_000,
    output: new Uint8Array(32).fill(5),
    proof: new Uint8Array(64),
    ...fields,
  };
}
export const filled = (name: string, fields: Partial<PortableAnswer> = {}): FilledInference => {
  const inference = question(name);
  return { inference, answer: answerTo(inference, fields) };
};

const wallets = new Map<string, Wallet>();
export function walletOf(name: string): Wallet {
  const known = wallets.get(name) ?? new Wallet(h(`wallet/${name}`));
  wallets.set(name, known);
  return known;
}

export interface TxFields {
  from?: string;
  nonce?: number;
  data?: string;
  tip?: bigint;
  maxFee?: bigint;
  value?: bigint;
  gasLimit?: bigint;
}
/** Signs; `data` names the program that the fake chain runs for it. */
export async function signed(fields: TxFields = {}): Promise<HexBytes> {
  const { from = "alice", nonce = 0, data = "0x", tip = GWEI, maxFee = 10n * GWEI, value = 0n } = fields;
  return (await walletOf(from).signTransaction({
    type: 2,
    chainId: CHAIN_ID,
    to: TARGET,
    nonce,
    data,
    value,
    gasLimit: fields.gasLimit ?? 500_000n,
    maxFeePerGas: maxFee,
    maxPriorityFeePerGas: tip,
  })) as HexBytes;
}
export const read = async (fields: TxFields = {}): Promise<SignedTransaction> =>
  readTransaction(await signed(fields), CHAIN_ID);
/** Calldata under which a program is found. */
export const dataOf = (name: string): HexBytes => hexlify(new TextEncoder().encode(name)) as HexBytes;

/** What a transaction asks, given what is answered; what it asks is found in the order of the list. */
export interface Outcome {
  readonly asks: readonly Inference[];
  readonly success?: boolean;
  readonly returned?: HexBytes;
  /** Something is asked that can not be seen. */
  readonly hidden?: boolean;
}
export type Program = (answered: (inference: Inference) => boolean) => Outcome;

const STEP = "tuple(address from, address to, uint256 value, uint256 gas, bytes data)";
const SENDER = new Interface([
  `function simulate(address recorder, ${STEP}[] before, ${STEP} step, uint256 mode) payable returns (tuple(bool success, uint256 gasUsed, uint256 gasProbed, bytes returned, bytes[] questions) outcome)`,
]);
const QUESTION =
  "tuple(bool answered, bytes32 key, bytes32 modelHash, tuple(uint8 minTrust, bytes32 profile, bytes32 imageId) terms, bytes input)";
const coder = AbiCoder.defaultAbiCoder();

/** A chain and its pool; it mines when it is told to. */
export class FakeChain implements PipeChain {
  number = 10;
  timestamp = 1_000;
  branch = "main";
  baseFeePerGas = GWEI;
  /** By calldata. */
  programs = new Map<string, Program>();
  /** Keys of published results. */
  present = new Set<Hex32>();
  nonces = new Map<Address, number>();
  balanceWei = 10n ** 18n;
  pool = new Map<Hex32, SignedTransaction>();
  mined = new Map<Hex32, PipeReceipt>();
  broadcasts: Hex32[] = [];
  accepts: (tx: SignedTransaction) => boolean = () => true;
  down = false;
  simulations: { before: number; data: string }[] = [];
  /** Awaited by every simulation. */
  slow: Promise<void> | undefined;
  /** Of every transaction that is mined. */
  logs: readonly PipeLog[] = [];
  /** What a plain call (to the forwarder, or of a replay) answers. */
  plain: (call: PipeCall) => CallOutcome = () => ({ ok: true, data: "0x" });

  headNow = (): PipeHead => ({
    number: this.number,
    hash: h(`${this.branch}/${this.number}`),
    timestamp: this.timestamp,
    baseFeePerGas: this.baseFeePerGas,
  });
  private up(): void {
    if (this.down) throw new AssayError({ code: "RPC_UNREACHABLE", message: "down", retry: "unknown" });
  }
  async head(): Promise<PipeHead> {
    this.up();
    return this.headNow();
  }
  async code(): Promise<HexBytes> {
    return "0x60";
  }
  async account(account: Address) {
    this.up();
    return { nonce: this.nonces.get(account) ?? 0, balanceWei: this.balanceWei };
  }
  async pendingNonce(account: Address): Promise<number> {
    this.up();
    let next = this.nonces.get(account) ?? 0;
    const own = [...this.pool.values()].filter(({ from }) => from === account).map(({ nonce }) => nonce);
    while (own.includes(next)) next++;
    return next;
  }
  async broadcast(raws: readonly HexBytes[]) {
    this.up();
    return raws.map((raw) => {
      const tx = readTransaction(raw, CHAIN_ID);
      this.broadcasts.push(tx.hash);
      if (!this.accepts(tx) || tx.nonce < (this.nonces.get(tx.from) ?? 0)) return { accepted: false, message: "no" };
      for (const [hash, other] of this.pool)
        if (other.from === tx.from && other.nonce === tx.nonce) this.pool.delete(hash);
      this.pool.set(tx.hash, tx);
      return { accepted: true, message: undefined };
    });
  }
  async receipts(hashes: readonly Hex32[]) {
    this.up();
    return hashes.map((hash) => this.mined.get(hash));
  }
  async knows(hash: Hex32): Promise<boolean> {
    this.up();
    return this.pool.has(hash) || this.mined.has(hash);
  }
  async call(call: PipeCall & { gas: bigint; overrides?: Overrides }): Promise<CallOutcome> {
    this.up();
    const parsed = SENDER.parseTransaction({ data: call.data });
    if (parsed === null) return this.plain(call);
    const slots = call.overrides?.[HUB]?.stateDiff ?? {};
    const isAnswered = (inference: Inference): boolean =>
      this.present.has(inference.key) ||
      Object.keys(publishedSlots([{ inference, answer: answerTo(inference) }]))
        .slice(0, 1)
        .every((slot) => slot in slots);
    const data = parsed.args.step.data as string;
    this.simulations.push({ before: parsed.args.before.length, data });
    await this.slow;
    const {
      asks,
      success = true,
      returned = "0x",
      hidden = false,
    } = this.programs.get(data)?.(isAnswered) ?? { asks: [] };
    const open = hidden || asks.some((inference) => !isAnswered(inference));
    const questions = asks.map((inference) =>
      coder.encode([QUESTION], [{ ...inference, answered: isAnswered(inference), input: hexlify(inference.input) }]),
    );
    const outcome = { success, gasUsed: 100n, gasProbed: open ? 200n : 100n, returned, questions };
    return { ok: true, data: SENDER.encodeFunctionResult("simulate", [outcome]) as HexBytes };
  }

  /** Makes a block of everything that is in the pool, or of what is named. */
  mine(hashes: readonly Hex32[] = [...this.pool.keys()], succeeded = true): PipeHead {
    this.number++;
    this.timestamp++;
    for (const hash of hashes) {
      const tx = this.pool.get(hash);
      this.pool.delete(hash);
      if (tx !== undefined) this.nonces.set(tx.from, Math.max(this.nonces.get(tx.from) ?? 0, tx.nonce + 1));
      this.mined.set(hash, {
        succeeded,
        logs: this.logs,
        block: { number: this.number, hash: h(`${this.branch}/${this.number}`) },
      });
    }
    return this.headNow();
  }
}

/** Answers everything at once, unless it is told otherwise. */
export class FakeRunner implements InferenceRunner {
  asked: { inference: Inference; asker: string }[] = [];
  outcome: (inference: Inference) => Promise<InferenceOutcome> | InferenceOutcome = (inference) => ({
    ok: true,
    answer: answerTo(inference),
  });
  hasPlaceholder = true;
  async run(task: { inference: Inference; asker: string }): Promise<InferenceOutcome> {
    this.asked.push({ inference: task.inference, asker: task.asker });
    return this.outcome(task.inference);
  }
  placeholder = async (_model: Hex32, fill: 0 | 1): Promise<Uint8Array | undefined> =>
    this.hasPlaceholder ? new Uint8Array(32).fill(fill) : undefined;
}

type Release = Parameters<PipePublisher["release"]>[0];

/** Publishes into the fake chain's pool; what is published is there when the block with it is. */
export class FakePublisher implements PipePublisher {
  readonly address = RELAYER;
  releases: { results: Hex32[]; sponsors: (Address | undefined)[]; followers: Hex32[]; hash: Hex32 | undefined }[] = [];
  relays: { label: string; data: HexBytes; gas: bigint; hash: Hex32 }[] = [];
  stored = new Map<string, Hex32>();
  /** Throws, or waits, before anything is stored. */
  before: (args: Release) => Promise<void> | void = () => undefined;
  /** The same between storing and sending. */
  between: () => Promise<void> | void = () => undefined;
  beforeRelay: () => Promise<void> | void = () => undefined;
  betweenRelay: () => Promise<void> | void = () => undefined;

  constructor(private readonly chain: FakeChain) {}

  async release(args: Release): Promise<boolean> {
    await this.before(args);
    if (!(await args.isTimely())) return false;
    const hash = args.results.length === 0 ? undefined : h(`publish/${this.releases.length}`);
    await args.onStored(hash);
    this.releases.push({
      results: args.results.map(({ filled: { inference } }) => inference.key),
      sponsors: args.results.map(({ sponsor }) => sponsor),
      followers: args.followers.map(({ raw }) => readTransaction(raw, CHAIN_ID).hash),
      hash,
    });
    await this.between();
    if (hash !== undefined)
      this.chain.pool.set(hash, { hash, from: RELAYER, nonce: this.releases.length } as SignedTransaction);
    await this.chain.broadcast(args.followers.map(({ raw }) => raw));
    return true;
  }
  async relay(args: Parameters<PipePublisher["relay"]>[0]): Promise<void> {
    await this.beforeRelay();
    const hash = h(`relay/${this.relays.length}`);
    this.relays.push({ label: args.label, data: args.data, gas: args.gas, hash });
    this.stored.set(args.label, hash);
    await args.onStored(hash);
    await this.betweenRelay();
    this.chain.pool.set(hash, { hash, from: RELAYER, nonce: 1_000 + this.relays.length } as SignedTransaction);
  }
  storedFor = async (label: string): Promise<Hex32 | undefined> => this.stored.get(label);
}

/** The store's rules, in memory. `fails` makes the next writes fail. */
export class FakeStore implements PipeStore {
  items = new Map<Hex32, PipeItem>();
  steps = new Map<Hex32, PipeStep[]>();
  fails: (what: "add" | "move", id: Hex32) => Promise<void> | void = () => undefined;

  async addPipeItem(item: PipeItem): Promise<void> {
    await this.fails("add", item.id);
    const known = this.items.get(item.id);
    if (known !== undefined && known.state !== "returned" && known.state !== "replaced")
      throw Object.assign(new Error("known"), { code: "STORE_PIPE_ITEM_KNOWN" });
    this.items.set(item.id, item);
  }
  async movePipeItems(moves: readonly PipeMove[]): Promise<void> {
    for (const { id } of moves) await this.fails("move", id);
    for (const move of moves) await this.move(move);
  }
  private async move({ id, from, to, reason, detail, transactionHash, publishHash, block, step }: PipeMove) {
    const item = this.items.get(id);
    if (item === undefined || !from.includes(item.state)) return;
    if (!PIPE_TRANSITIONS[item.state].includes(to)) throw new Error(`illegal move from ${item.state} to ${to}`);
    const hashes = {
      transactionHash: transactionHash ?? item.transactionHash,
      publishHash: publishHash ?? item.publishHash,
    };
    this.items.set(id, { ...item, ...hashes, state: to, reason, detail, block });
    if (step !== undefined) await this.addPipeSteps(id, [step]);
  }
  async addPipeSteps(id: Hex32, steps: readonly PipeStep[]): Promise<void> {
    this.steps.set(id, [...(this.steps.get(id) ?? []), ...steps]);
  }
  async pipeItem(id: Hex32) {
    const item = this.items.get(id);
    return item === undefined ? undefined : { ...item, timeline: this.steps.get(id) ?? [] };
  }
  pipeItems = async (states: readonly PipeState[]) =>
    [...this.items.values()].filter(({ state }) => states.includes(state));
  prunePipeItems = async () => 0;
  state = (id: Hex32): PipeState | undefined => this.items.get(id)?.state;
}

export const idOf = (raw: HexBytes): Hex32 => hex32(readTransaction(raw, CHAIN_ID).hash);

/** An intent as an earlier process left it. */
export const storedIntent = (id: Hex32, sender: Address, acceptedMs: number): PipeItem => ({
  id,
  kind: "intent",
  sender,
  nonce: "0",
  payload: "0x",
  state: "held",
  reason: undefined,
  detail: undefined,
  acceptedMs,
  deadlineMs: acceptedMs + 1_000,
  transactionHash: undefined,
  publishHash: undefined,
  block: undefined,
});
