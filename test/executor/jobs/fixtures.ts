import type { Ending, OutboxTransaction, SeenBlock } from "../../../executor/domain/chain";
import { address, type Hex32 } from "../../../executor/domain/ids";
import type { Answer, InferenceRequest } from "../../../executor/domain/request";
import { keccak256 } from "../../../executor/protocol/statement";
import { encodeTerms, standardTerms, type Terms } from "../../../executor/protocol/terms";

export const HUB = address(`0x${"ab".repeat(20)}`);
export const SENDER = address(`0x${"cd".repeat(20)}`);
/** A value that is different for every text and the same in every run. */
export const h = (text: string): Hex32 => keccak256(new TextEncoder().encode(text));

/** Block `n` of a branch; branches share what lies below `forkAt`. */
export function block(n: number, branch = "main", forkAt = 0): SeenBlock {
  const name = (k: number) => h(`${k > forkAt ? branch : "main"}/${k}`);
  return { number: n, hash: name(n), parentHash: name(n - 1), timestamp: 1_000 + n };
}

export function request(
  name: string,
  at: SeenBlock,
  fields: Partial<Terms> & { rewardWei?: bigint } = {},
): InferenceRequest {
  const { rewardWei = 10n ** 18n, ...terms } = fields;
  const full = standardTerms({ deadline: 5_000, ...terms });
  const id = h(`request/${name}`);
  return {
    key: { source: "chain", chainId: 31337n, contract: HUB, externalId: id },
    requestId: id,
    requester: address(`0x${"11".repeat(20)}`),
    salt: h(`salt/${name}`),
    modelHash: h("model"),
    inputHash: h("input"),
    terms: full,
    termsBytes: encodeTerms(full),
    rewardWei,
    input: new Uint8Array([1, 2, 3]),
    requestedAt: at.timestamp,
    block: { number: at.number, hash: at.hash },
    transactionHash: h(`tx/${name}`),
  };
}

export function ending(name: string, at: SeenBlock, kind: Ending["kind"] = "fulfilled"): Ending {
  return {
    requestId: h(`request/${name}`),
    kind,
    block: { number: at.number, hash: at.hash },
    transactionHash: h(`end/${name}`),
    signer: kind === "refunded" ? undefined : SENDER,
    callbackFailed: false,
  };
}

export function answer(output = new Uint8Array([9, 8, 7])): Answer {
  return {
    kind: "result",
    signer: SENDER,
    output,
    outputHash: keccak256(output),
    runtimeProfile: h("profile"),
    issuedAt: 1_000,
    expiresAt: 2_000,
    proof: new Uint8Array(64).fill(3),
  };
}

export function transaction(name: string, nonce: number, jobIds: readonly number[]): OutboxTransaction {
  return {
    hash: h(`outbox/${name}`),
    from: SENDER,
    nonce,
    raw: "0x02",
    label: "fulfill",
    gasLimit: 200_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    jobIds,
  };
}
