import { createHash } from "node:crypto";
import { address, type Hex32, hex32, ZERO_32 } from "../../../../executor/domain/ids";
import type { Answer, RunOutcome, RunTask } from "../../../../executor/domain/request";
import type { EnclaveConfig } from "../../../../executor/enclave/config";
import { ephemeralPlatform } from "../../../../executor/enclave/platform/platform";
import { encodeTensorSet } from "../../../../executor/protocol/tensorSet";
import { DType } from "../../../../executor/protocol/tensorType";
import { tensorFrom } from "../../../../executor/protocol/tensorValues";

export const CHAIN = {
  chainId: 31337n,
  registry: address(`0x${"a1".repeat(20)}`),
  hub: address(`0x${"b2".repeat(20)}`),
  operator: address(`0x${"c3".repeat(20)}`),
  payout: address(`0x${"d4".repeat(20)}`),
};
export const REQUESTER = address(`0x${"e5".repeat(20)}`);

export function enclaveConfig(changes: Partial<EnclaveConfig> = {}): EnclaveConfig {
  return { ...CHAIN, endpoint: "", platform: ephemeralPlatform(), minimumLevel: 1, ...changes };
}

export function sha256(bytes: Uint8Array): Hex32 {
  return hex32(`0x${createHash("sha256").update(bytes).digest("hex")}`);
}

/** The n-th request id of a test. */
export function requestId(n: number): Hex32 {
  return hex32(`0x${n.toString(16).padStart(64, "0")}`);
}

/** An input set of one float tensor. */
export function floats(values: readonly number[], name = "x"): Uint8Array {
  return encodeTensorSet([{ name, tensor: tensorFrom({ dtype: DType.float, dims: [values.length], values }) }]);
}

export function task(model: Uint8Array, changes: Partial<RunTask> = {}): RunTask {
  return {
    requestId: requestId(1),
    requester: REQUESTER,
    modelHash: sha256(model),
    input: floats([1, 2]),
    contextRoot: ZERO_32,
    feeWei: 0n,
    notAfter: 10_000,
    chainNow: 5_000,
    ...changes,
  };
}

/** The answer of a run that has one. */
export function answered(outcome: RunOutcome): Answer {
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.detail}`);
  return outcome.answer;
}

/** The reason of a signed refusal, 0 for a result. */
export function refusedWith(outcome: RunOutcome): number {
  const answer = answered(outcome);
  return answer.kind === "refusal" ? answer.reason : 0;
}

/** The code of a failure, or the kind of an answer. */
export function failureOf(outcome: RunOutcome): string {
  return outcome.ok ? outcome.answer.kind : outcome.failure.code;
}
