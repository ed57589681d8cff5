import type { FilledInference } from "../domain/inference";
import type { PipeHead, PipeTerms } from "./ports";

/** What a publication out of grants costs, calldata and all: per transaction, per result and per word of output (test/contracts/gas/pipeUses.test.ts). */
const PUBLISH_GAS = { base: 37_000n, result: 44_500n, word: 22_700n } as const;
/** What more it may take: an operator's first credit, results that have expired and are cleared first. Used or not, it is no reason for a higher fee. */
export const PUBLISH_RESERVE_GAS = 60_000n;
/** Gas of one publication: well inside a transaction's cap and a block. What one transaction needs can not be split: it must all be there before it. */
export const MAX_PUBLISH_GAS = 12_000_000n;

/** Gas that publishing these results takes, if each has another sponsor. */
export function publishGasOf(filled: readonly FilledInference[]): bigint {
  return filled.reduce<bigint>((sum, { answer }) => sum + resultGas(answer.output.length), PUBLISH_GAS.base);
}
const resultGas = (bytes: number): bigint => PUBLISH_GAS.result + PUBLISH_GAS.word * BigInt(Math.ceil(bytes / 32));

/**
 * What a gas of ours costs in the next block, whose base fee may be an eighth higher (EIP-1559).
 * @param aboveTipWei the tip of a transaction that it has to come before. Whoever asks with a tip of zero must not have us pay our own for it
 */
export function gasPriceWei(head: PipeHead, terms: PipeTerms, aboveTipWei = -1n): bigint {
  const tip = terms.priorityFeeWei > aboveTipWei ? terms.priorityFeeWei : aboveTipWei + 1n;
  return (head.baseFeePerGas * 9n) / 8n + tip;
}
