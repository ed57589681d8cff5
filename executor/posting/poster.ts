import { TRANSACTION_GAS_CAP } from "../domain/gas";
import type { Address } from "../domain/ids";
import { BASE_GAS, decodeBatchCodes, encodeBatch, encodeOne, expectedGas, itemGas } from "./encode";
import { CODE, FIRST_REGISTRY_CODE } from "./hubAbi";
import type { Outbox, PostableAnswer, PostingChain } from "./ports";
import { codeOfRevert } from "./reverts";
import type { Transactions } from "./transactions";

export interface PosterOptions {
  readonly hub: Address;
  readonly chain: PostingChain;
  readonly outbox: Outbox;
  readonly transactions: Transactions;
  readonly priorityFeeWei: bigint;
  readonly maxFeePerGas: bigint;
  /** Post even where the gas costs more than the reward; for development chains and operators who serve for other reasons. */
  readonly allowLoss: boolean;
  readonly maxBatch: number;
  readonly nowMs: () => number;
  /** False for a key that no enclave of ours has any more. */
  readonly isLive: (signer: Address) => boolean;
  readonly onSkip?: (item: PostableAnswer, why: SkipReason) => void;
  /** Told of a key that the chain does not vouch for, in a block. */
  readonly onDoubt?: (signer: Address, blockNumber: number) => void;
}

const RECOMPUTE_AFTER_MS = 500;

/** Why an answer was not posted this time. */
export type SkipReason =
  | "WAITING_FOR_CHAIN"
  | "GAS_DEARER_THAN_REWARD"
  | "FEE_ABOVE_CAP"
  | "RESULT_UNUSABLE"
  | "CALLER_NOT_ALLOWED"
  | "SIMULATION_FAILED";

/**
 * Takes signed answers to the chain: one alone, several together. Every transaction is simulated first, since another operator may have been
 * faster; a simulation that says "not open" is left to the chain follower, who sees the ending itself.
 */
export class Poster {
  /** Answers that wait for the chain to move, by the block that they were last tried at. */
  private readonly parked = new Map<number, number>();

  constructor(private readonly options: PosterOptions) {}

  /** Posts what waits; returns how many answers were sent. */
  async tick(): Promise<number> {
    const { chain, outbox, maxBatch } = this.options;
    // What is parked must not hide what came after it.
    const waiting = await outbox.answered(4 * maxBatch + this.parked.size);
    const present = new Set(waiting.map((item) => item.jobId));
    for (const jobId of this.parked.keys()) if (!present.has(jobId)) this.parked.delete(jobId);
    if (waiting.length === 0) return 0;
    let fees: { baseFeePerGas: bigint; blockNumber: number } | undefined;
    if (this.parked.size > 0 || waiting.length > 1) fees = await chain.fees();
    const ready = waiting.filter(
      (item) => fees === undefined || (this.parked.get(item.jobId) ?? -1) < fees.blockNumber,
    );
    const refusals = ready.filter((item) => item.answer.kind === "refusal");
    const results = ready.filter((item) => item.answer.kind === "result");
    let sent = 0;
    for (const group of this.groups(results))
      sent += group.length === 1 ? await this.postOne(group[0] as PostableAnswer) : await this.postBatch(group);
    // After the results, and not even simulated where they do not pay: refusals cost their requester little, and must not hold up others.
    for (const item of refusals) {
      if (fees !== undefined && !this.worthwhile([item], fees.baseFeePerGas, fees.blockNumber)) continue;
      sent += await this.postOne(item);
    }
    return sent;
  }

  /** Cuts the waiting results into transactions under the gas cap. */
  private groups(items: readonly PostableAnswer[]): PostableAnswer[][] {
    const groups: PostableAnswer[][] = [];
    let gas = 0n;
    for (const item of items) {
      const need = itemGas(item);
      const current = groups.at(-1);
      if (
        current === undefined ||
        gas + need > TRANSACTION_GAS_CAP - BASE_GAS ||
        current.length >= this.options.maxBatch
      ) {
        groups.push([item]);
        gas = need;
      } else {
        current.push(item);
        gas += need;
      }
    }
    return groups;
  }

  private async postOne(item: PostableAnswer): Promise<number> {
    const data = encodeOne(item);
    const gasLimit = clamp(BASE_GAS + itemGas(item));
    const { transactions, hub } = this.options;
    // An answer above the transaction cap fails in the simulation, where the node says so.
    const { result, baseFeePerGas, blockNumber } = await this.options.chain.simulate({
      from: transactions.address,
      to: hub,
      data,
      gasLimit,
    });
    if (!result.ok) {
      await this.judge(item, codeOfRevert(result.revert), blockNumber);
      return 0;
    }
    if (!this.worthwhile([item], baseFeePerGas, blockNumber)) return 0;
    await transactions.send({
      to: hub,
      data,
      gasLimit,
      label: item.answer.kind === "result" ? "fulfill" : "refuse",
      jobIds: [item.jobId],
      baseFeePerGas,
      ...this.feeCap([item]),
    });
    return 1;
  }

  private async postBatch(items: readonly PostableAnswer[]): Promise<number> {
    const { transactions, hub, chain } = this.options;
    const gasFor = (list: readonly PostableAnswer[]): bigint =>
      clamp(list.reduce((sum, item) => sum + itemGas(item), BASE_GAS));
    const everything = encodeBatch(items);
    const first = await chain.simulate({
      from: transactions.address,
      to: hub,
      data: everything,
      gasLimit: gasFor(items),
    });
    if (!first.result.ok) {
      // A batch that can not even be simulated says nothing about its items: halves find the one that spoils it.
      const middle = items.length >> 1;
      let sent = 0;
      for (const half of [items.slice(0, middle), items.slice(middle)]) {
        sent += half.length === 1 ? await this.postOne(half[0] as PostableAnswer) : await this.postBatch(half);
      }
      return sent;
    }
    const codes = decodeBatchCodes(first.result.data);
    const good: PostableAnswer[] = [];
    for (const [i, item] of items.entries()) {
      if (codes[i] === CODE.OK) good.push(item);
      else await this.judge(item, codes[i], first.blockNumber);
    }
    if (good.length === 0 || !this.worthwhile(good, first.baseFeePerGas, first.blockNumber)) return 0;
    await transactions.send({
      to: hub,
      data: good.length === items.length ? everything : encodeBatch(good),
      gasLimit: gasFor(good),
      label: "fulfillBatch",
      jobIds: good.map((item) => item.jobId),
      baseFeePerGas: first.baseFeePerGas,
      ...this.feeCap(good),
    });
    return good.length;
  }

  /** Decides by the code what becomes of an answer that would not land now. */
  private async judge(item: PostableAnswer, code: number | undefined, blockNumber: number): Promise<void> {
    const { outbox, onSkip } = this.options;
    if (code === CODE.WRONG_OPERATOR) {
      await outbox.dropAnswer({ jobId: item.jobId, state: "abandoned", reason: `POSTING_CODE_${code}` });
      onSkip?.(item, "RESULT_UNUSABLE");
      return;
    }
    const { signer } = item.answer;
    // The heartbeat of a key that is gone does not come.
    const abandoned = code === CODE.HEARTBEAT_OVERDUE && !this.options.isLive(signer);
    if (code !== undefined && (isUnusable(code) || abandoned)) {
      // Signed too long ago, wrongly, or by a key that is gone: another enclave answers again, in a while, since the reason may last.
      const notBeforeMs = this.options.nowMs() + RECOMPUTE_AFTER_MS;
      await outbox.dropAnswer({ jobId: item.jobId, state: "seen", reason: `POSTING_CODE_${code}`, notBeforeMs });
      onSkip?.(item, "RESULT_UNUSABLE");
      if (code >= FIRST_REGISTRY_CODE) this.options.onDoubt?.(signer, blockNumber);
      return;
    }
    this.parked.set(item.jobId, blockNumber);
    const waits =
      code === CODE.NOT_OPEN ||
      code === CODE.DEADLINE_PASSED ||
      code === CODE.ISSUED_IN_FUTURE ||
      code === CODE.HEARTBEAT_OVERDUE ||
      code === CODE.IMAGE_NOT_ACTIVE;
    onSkip?.(
      item,
      waits ? "WAITING_FOR_CHAIN" : code === CODE.CALLER_NOT_ALLOWED ? "CALLER_NOT_ALLOWED" : "SIMULATION_FAILED",
    );
  }

  /** The fee at which the reward is used up: the base fee may rise before inclusion, and a bump must not pass it either. */
  private feeCap(items: readonly PostableAnswer[]): { feeCapPerGas?: bigint } {
    return this.options.allowLoss ? {} : { feeCapPerGas: rewardOf(items) / gasOf(items) };
  }

  /** Never at a loss, unless told so. The whole group is weighed, because items share the transaction's base cost. */
  private worthwhile(items: readonly PostableAnswer[], baseFeePerGas: bigint, blockNumber: number): boolean {
    const price = baseFeePerGas + this.options.priorityFeeWei;
    const cost = gasOf(items) * price;
    const reward = rewardOf(items);
    const why =
      price > this.options.maxFeePerGas
        ? "FEE_ABOVE_CAP"
        : !this.options.allowLoss && cost > reward
          ? "GAS_DEARER_THAN_REWARD"
          : undefined;
    if (why === undefined) {
      for (const item of items) this.parked.delete(item.jobId);
      return true;
    }
    for (const item of items) {
      this.parked.set(item.jobId, blockNumber);
      this.options.onSkip?.(item, why);
    }
    return false;
  }
}

/** Codes that this answer will meet for ever. A heartbeat that is overdue comes; an image that is not active becomes it. */
function isUnusable(code: number): boolean {
  if (code === CODE.HEARTBEAT_OVERDUE || code === CODE.IMAGE_NOT_ACTIVE) return false;
  const never: readonly number[] = [
    CODE.PROFILE_MISMATCH,
    CODE.STATEMENT_EXPIRED,
    CODE.LIFETIME_TOO_LONG,
    CODE.BAD_PROOF,
    CODE.PROOF_KIND_UNSUPPORTED,
  ];
  return code >= FIRST_REGISTRY_CODE || never.includes(code);
}

const gasOf = (items: readonly PostableAnswer[]): bigint => items.reduce((sum, item) => sum + expectedGas(item), 0n);
const rewardOf = (items: readonly PostableAnswer[]): bigint =>
  items.reduce(
    (sum, { request, answer }) => sum + (answer.kind === "result" ? request.rewardWei : request.terms.refusalFeeWei),
    0n,
  );

const clamp = (gas: bigint): bigint => (gas > TRANSACTION_GAS_CAP ? TRANSACTION_GAS_CAP : gas);
