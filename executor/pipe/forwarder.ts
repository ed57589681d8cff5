import { Interface } from "ethers";
import { TRANSACTION_GAS_CAP } from "../domain/gas";
import { type Address, address, type HexBytes } from "../domain/ids";
import type { IntentFields } from "../domain/pipe";
import { FORWARDER_ABI } from "../protocol/generated/abi";
import type { PipeCode } from "./errors";
import type { PipeLog } from "./ports";
import { intrinsicGas } from "./transaction";

export const FORWARDER = new Interface(FORWARDER_ABI);
/** Of `execute` beside the call itself, its calldata and its results: checks, books, the event, and what it keeps back (`npm run bench`), rounded up. */
export const EXECUTE_GAS = 190_000n;
const RESULT_GAS = 45_000n;

/** The forwarder's errors, as what they mean for whoever sent the intent. */
export const INTENT_CODES: Readonly<Record<string, PipeCode>> = {
  IntentExpired: "PIPE_INTENT_EXPIRED",
  IntentNonceUsed: "PIPE_INTENT_NONCE_USED",
  IntentSignatureInvalid: "PIPE_INTENT_SIGNATURE",
  IntentTargetForbidden: "PIPE_INTENT_FORBIDDEN",
  IntentTargetDoesNotTrust: "PIPE_INTENT_FORBIDDEN",
  IntentWrongRelayer: "PIPE_INTENT_FORBIDDEN",
  IntentBalanceTooLow: "PIPE_INTENT_BALANCE",
  IntentResultFeeTooHigh: "PIPE_INTENT_FEE_TOO_LOW",
};

/** Null for what is none of the forwarder's own; too little data is no error of anybody's. */
export function forwarderError(revert: HexBytes | undefined): ReturnType<Interface["parseError"]> {
  try {
    return revert === undefined ? null : FORWARDER.parseError(revert);
  } catch {
    return null;
  }
}

/**
 * What the call of an intent did, by the forwarder's own event: its transaction succeeds either way. Undefined where there is no such event.
 * @param forwarder whose event it must be; the target runs in the same transaction and may say anything
 */
export function executedIn(
  logs: readonly PipeLog[],
  { forwarder, from, nonce }: { readonly forwarder: Address; readonly from: Address; readonly nonce: string },
): { readonly success: boolean; readonly selector: HexBytes } | undefined {
  for (const log of logs) {
    if (log.address !== forwarder) continue;
    const event = FORWARDER.parseLog({ topics: [...log.topics], data: log.data });
    if (event?.name !== "IntentExecuted") continue;
    const { from: who, nonce: which, success, reason } = event.args;
    if (address(who) === from && String(which) === nonce) return { success, selector: reason };
  }
  return undefined;
}

/** Gas of a relayed intent, computed and never estimated: an estimate finds a limit at which the call starves. */
export function executeGas(intent: IntentFields, data: HexBytes, results: number): bigint {
  const call = (BigInt(intent.gas) * 66n) / 63n;
  const gas = intrinsicGas(data, false) + call + EXECUTE_GAS + RESULT_GAS * BigInt(results);
  return gas < TRANSACTION_GAS_CAP ? gas : TRANSACTION_GAS_CAP;
}
