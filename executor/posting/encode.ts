import { FULFILMENT_GAS } from "../domain/gas";
import type { HexBytes } from "../domain/ids";
import type { InferenceRequest } from "../domain/request";
import { bytesToHex } from "../protocol/bytes";
import { HUB } from "./hubAbi";
import type { AnsweredRequest } from "./ports";

const requestTuple = (r: InferenceRequest) => ({
  requester: r.requester,
  salt: r.salt,
  modelHash: r.modelHash,
  inputHash: r.inputHash,
  terms: bytesToHex(r.termsBytes),
  rewardWei: r.rewardWei,
});

const resultArgs = ({ request, answer }: AnsweredRequest) => {
  if (answer.kind !== "result") throw new TypeError("a refusal is no result");
  const statement = {
    request: requestTuple(request),
    runtimeProfile: answer.runtimeProfile,
    issuedAt: answer.issuedAt,
    expiresAt: answer.expiresAt,
  };
  return { statement, output: bytesToHex(answer.output), proof: bytesToHex(answer.proof) };
};

/** Calldata that ends one request by its answer. */
export function encodeOne(item: AnsweredRequest): HexBytes {
  const { answer, request } = item;
  if (answer.kind === "refusal") {
    const args = [requestTuple(request), answer.reason, answer.issuedAt, answer.expiresAt, bytesToHex(answer.proof)];
    return HUB.encodeFunctionData("refuse", args) as HexBytes;
  }
  const { statement, output, proof } = resultArgs(item);
  return HUB.encodeFunctionData("fulfill", [statement, output, proof]) as HexBytes;
}

/** Calldata that ends several requests; results only. */
export function encodeBatch(items: readonly AnsweredRequest[]): HexBytes {
  return HUB.encodeFunctionData("fulfillBatch", [items.map(resultArgs)]) as HexBytes;
}

export function decodeBatchCodes(data: HexBytes): number[] {
  const [codes] = HUB.decodeFunctionResult("fulfillBatch", data) as unknown as [readonly bigint[]];
  return codes.map(Number);
}

/**
 * Gas that one item needs at most, computed instead of estimated: an estimate costs a round trip and fails where a callback forwards
 * exactly what it is given. Calldata at its dearest price (40 gas a byte, EIP-7623), hashing and copying of the output, the fixed checks and
 * credit slots with room, the callback with its 1/64, and the reserve that the hub demands beside it (75,000, see Callback.sol).
 */
export function itemGas(item: AnsweredRequest): bigint {
  const output = item.answer.kind === "result" ? item.answer.output.length : 0;
  const bytes = BigInt(900 + item.request.termsBytes.length + output);
  const callback = BigInt(item.answer.kind === "result" ? item.request.terms.callbackGas : 0);
  return 120_000n + 40n * bytes + (bytes * bytes) / 16_384n + (callback === 0n ? 0n : (callback * 64n) / 63n + 80_000n);
}

/** Base cost of any transaction. */
export const BASE_GAS = 21_000n;

/**
 * What an item is expected to use, for comparing cost with reward: the measured cost with a 32-byte output, 16 gas for each further
 * byte of calldata or 40 above the floor of such a call where calldata is all that counts (EIP-7623), and the whole callback.
 */
export function expectedGas(item: AnsweredRequest): bigint {
  if (item.answer.kind === "refusal") return BigInt(FULFILMENT_GAS);
  const further = BigInt(Math.max(item.answer.output.length - 32, 0));
  const paid = BigInt(FULFILMENT_GAS) + 16n * further + BigInt(item.request.terms.callbackGas);
  const floor = 40_500n + 40n * further;
  return paid > floor ? paid : floor;
}
