import type { BaseContract } from "ethers";
import hre from "hardhat";

/** What a call gave: its decoded result, or the name of the error it reverted with, in the spelling of TypeScript's codes. */
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly code: string };

/** `TensorTypeUnknown` -> `TENSOR_TYPE_UNKNOWN`: one rule has one name in both languages. */
export function codeOfError(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, "_$1").toUpperCase();
}

/** Calls without sending. A revert with an error of the ABI is an outcome; any other failure is thrown. */
export async function outcomeOf(
  contract: BaseContract,
  call: { readonly method: string; readonly args: readonly unknown[] },
): Promise<Outcome> {
  try {
    return { ok: true, value: await contract.getFunction(call.method).staticCall(...call.args) };
  } catch (error) {
    const data = revertData(error);
    const parsed = data === undefined || data.length < 10 ? null : contract.interface.parseError(data);
    if (parsed === null) throw error;
    return { ok: false, code: codeOfError(parsed.name) };
  }
}

/** ethers and Hardhat wrap the node's error a different number of times; the data is the first hex `data` inside. */
function revertData(error: unknown): string | undefined {
  for (let at = error; typeof at === "object" && at !== null; ) {
    const { data, error: inner, cause } = at as { data?: unknown; error?: unknown; cause?: unknown };
    if (typeof data === "string" && data.startsWith("0x")) return data;
    at = inner ?? cause ?? data;
  }
  return undefined;
}

/** Coverage traces every step of the EVM in memory: the dearest call takes gigabytes there, and says nothing new. */
export const UNDER_COVERAGE = "__SOLIDITY_COVERAGE_RUNNING" in hre;

/** How often a property runs: a tenth under coverage, where lines count and verdicts were tried before. */
export const runs = (count: number): number => (UNDER_COVERAGE ? Math.ceil(count / 10) : count);
