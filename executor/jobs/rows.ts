import type { Insertable, Selectable } from "kysely";
import type { OutboxTransaction } from "../domain/chain";
import { address, hex32 } from "../domain/ids";
import type { Answer, InferenceRequest, JobKey } from "../domain/request";
import { decodeTerms } from "../protocol/terms";
import type { JobTable, OutboxTable } from "./schema";

type JobRow = Selectable<JobTable>;

/** libsql hands blobs out as bare buffers, whatever its types say; the rest of the code knows byte arrays. */
const bytes = (blob: ArrayBuffer | Uint8Array): Uint8Array =>
  blob instanceof Uint8Array ? new Uint8Array(blob.buffer, blob.byteOffset, blob.byteLength) : new Uint8Array(blob);

/** What is written when a request is first seen; the answer and the ending are null. */
export function newJobRow(request: InferenceRequest, nowMs: number): Insertable<JobTable> {
  return {
    source: request.key.source,
    chain_id: request.key.chainId.toString(),
    contract: request.key.contract,
    external_id: request.key.externalId,
    state: "seen",
    fence: 0,
    lease_until_ms: 0,
    attempts: 0,
    not_before_ms: 0,
    deadline: request.terms.deadline,
    requester: request.requester,
    salt: request.salt,
    model_hash: request.modelHash,
    input_hash: request.inputHash,
    terms: request.termsBytes,
    reward_wei: request.rewardWei.toString(),
    input: request.input,
    requested_at: request.requestedAt,
    block_number: request.block.number,
    block_hash: request.block.hash,
    transaction_hash: request.transactionHash,
    updated_ms: nowMs,
  };
}

/** Parses a row as anything from outside is parsed: a store that was edited by hand must not become a wrong statement. */
export function requestOf(row: JobRow): InferenceRequest {
  const termsBytes = bytes(row.terms);
  const key: JobKey = {
    source: row.source as JobKey["source"],
    chainId: BigInt(row.chain_id),
    contract: address(row.contract),
    externalId: hex32(row.external_id),
  };
  return {
    key,
    requestId: key.externalId,
    requester: address(row.requester),
    salt: hex32(row.salt),
    modelHash: hex32(row.model_hash),
    inputHash: hex32(row.input_hash),
    terms: decodeTerms(termsBytes),
    termsBytes,
    rewardWei: BigInt(row.reward_wei),
    input: bytes(row.input),
    requestedAt: row.requested_at,
    block: { number: row.block_number, hash: hex32(row.block_hash) },
    transactionHash: hex32(row.transaction_hash),
  };
}

export function answerColumns(answer: Answer): Partial<Insertable<JobTable>> {
  const common = {
    answer_kind: answer.kind,
    answer_signer: answer.signer,
    answer_issued_at: answer.issuedAt,
    answer_expires_at: answer.expiresAt,
    answer_proof: answer.proof,
  };
  if (answer.kind === "refusal") {
    return {
      ...common,
      answer_reason: answer.reason,
      answer_output: null,
      answer_output_hash: null,
      answer_profile: null,
    };
  }
  return {
    ...common,
    answer_reason: null,
    answer_output: answer.output,
    answer_output_hash: answer.outputHash,
    answer_profile: answer.runtimeProfile,
  };
}

export const NO_ANSWER: Partial<Insertable<JobTable>> = {
  answer_kind: null,
  answer_signer: null,
  answer_output: null,
  answer_output_hash: null,
  answer_profile: null,
  answer_reason: null,
  answer_issued_at: null,
  answer_expires_at: null,
  answer_proof: null,
};

/** The stored answer, or undefined where the columns do not hold a whole one. */
export function answerOf(row: JobRow): Answer | undefined {
  const { answer_signer, answer_proof, answer_issued_at: issuedAt, answer_expires_at: expiresAt } = row;
  if (answer_signer === null || answer_proof === null || issuedAt === null || expiresAt === null) return undefined;
  const common = { signer: address(answer_signer), issuedAt, expiresAt, proof: bytes(answer_proof) };
  if (row.answer_kind === "refusal" && row.answer_reason !== null)
    return { kind: "refusal", reason: row.answer_reason, ...common };
  if (row.answer_output === null || row.answer_output_hash === null || row.answer_profile === null) return undefined;
  return {
    kind: "result",
    output: bytes(row.answer_output),
    outputHash: hex32(row.answer_output_hash),
    runtimeProfile: hex32(row.answer_profile),
    ...common,
  };
}

export function outboxRow(tx: OutboxTransaction): Insertable<OutboxTable> {
  return {
    hash: tx.hash,
    from_address: tx.from,
    nonce: tx.nonce,
    raw: tx.raw,
    label: tx.label,
    gas_limit: tx.gasLimit.toString(),
    max_fee: tx.maxFeePerGas.toString(),
    max_tip: tx.maxPriorityFeePerGas.toString(),
    state: "open",
  };
}

export function transactionOf(row: Selectable<OutboxTable>, jobIds: readonly number[]): OutboxTransaction {
  return {
    hash: hex32(row.hash),
    from: address(row.from_address),
    nonce: row.nonce,
    raw: row.raw as `0x${string}`,
    label: row.label,
    gasLimit: BigInt(row.gas_limit),
    maxFeePerGas: BigInt(row.max_fee),
    maxPriorityFeePerGas: BigInt(row.max_tip),
    jobIds,
  };
}
