import type { Ending } from "../../domain/chain";
import { address, type HexBytes, hex32 } from "../../domain/ids";
import type { Answer, InferenceRequest, JobKey } from "../../domain/request";
import type { SignedVersion, StoredTransaction } from "../../domain/transaction";
import { decodeTerms } from "../../protocol/terms";
import { storeError } from "../errors";
import type { JobSummary } from "../ports";
import type { AnswerRow, CarriedRow, EndingRow, JobRow, TransactionRow, VersionRow } from "./schema";

/** A row as it is read: generated columns are there. */
export type Read<Row> = { [K in keyof Row]: K extends "id" ? number : Row[K] };

/** The driver hands blobs out as bare buffers. */
export function bytesOf(blob: ArrayBuffer | Uint8Array): Uint8Array {
  return blob instanceof Uint8Array ? blob : new Uint8Array(blob);
}

export function keyOf(row: Read<JobRow>): JobKey {
  return { source: row.source, chainId: BigInt(row.chain_id), contract: address(row.contract), externalId: hex32(row.external_id) };
}

export function requestOf(row: Read<JobRow>, input: Uint8Array = new Uint8Array(0)): InferenceRequest {
  const termsBytes = bytesOf(row.terms);
  return {
    key: keyOf(row),
    requestId: hex32(row.external_id),
    requester: address(row.requester),
    salt: hex32(row.salt),
    modelHash: hex32(row.model_hash),
    inputHash: hex32(row.input_hash),
    terms: decodeTerms(termsBytes),
    termsBytes,
    rewardWei: BigInt(row.reward_wei),
    input,
    requestedAt: row.requested_at,
    block: { number: row.block_number, hash: hex32(row.block_hash) },
    transactionHash: hex32(row.transaction_hash),
  };
}

export function summaryOf(row: Read<JobRow>, ending?: Ending): JobSummary {
  return {
    id: row.id,
    key: keyOf(row),
    state: row.state,
    fence: row.fence,
    attempts: row.attempts,
    notBefore: row.not_before,
    reason: row.reason,
    request: requestOf(row),
    inputLength: row.input_length,
    ...(ending === undefined ? {} : { ending }),
  };
}

export function rowOfAnswer(jobId: number, answer: Answer): AnswerRow {
  const result = answer.kind === "result" ? answer : undefined;
  return {
    job_id: jobId,
    kind: answer.kind,
    signer: answer.signer,
    output: result?.output ?? null,
    output_hash: result?.outputHash ?? null,
    runtime_profile: result?.runtimeProfile ?? null,
    reason: answer.kind === "refusal" ? answer.reason : null,
    issued_at: answer.issuedAt,
    expires_at: answer.expiresAt,
    proof: answer.proof,
  };
}

export function answerOf(row: AnswerRow): Answer {
  const common = { signer: address(row.signer), issuedAt: row.issued_at, expiresAt: row.expires_at, proof: bytesOf(row.proof) };
  if (row.kind === "refusal" && row.reason !== null) return { kind: "refusal", reason: row.reason, ...common };
  if (row.kind === "result" && row.output !== null) {
    return {
      kind: "result",
      output: bytesOf(row.output),
      outputHash: hex32(row.output_hash),
      runtimeProfile: hex32(row.runtime_profile),
      ...common,
    };
  }
  throw storeError("STORE_ROW_MALFORMED", "a stored answer lacks its parts", { context: { jobId: row.job_id } });
}

export function endingOf(key: JobKey, row: EndingRow): Ending {
  const reason = row.reason === null ? undefined : row.reason.startsWith("0x") ? (row.reason as HexBytes) : Number(row.reason);
  return {
    key,
    kind: row.kind,
    ...(row.signer === null ? {} : { signer: address(row.signer) }),
    ...(reason === undefined ? {} : { reason }),
    block: { number: row.block_number, hash: hex32(row.block_hash) },
    time: row.block_time,
    transactionHash: hex32(row.transaction_hash),
    logIndex: row.log_index,
  };
}

function versionOf(row: VersionRow): SignedVersion {
  return {
    hash: hex32(row.hash),
    raw: row.raw as HexBytes,
    maxFeePerGasWei: BigInt(row.max_fee_wei),
    maxPriorityFeePerGasWei: BigInt(row.max_priority_fee_wei),
  };
}

export function transactionOf(row: Read<TransactionRow>, versions: readonly VersionRow[], carried: readonly CarriedRow[]): StoredTransaction {
  return {
    id: row.id,
    sender: address(row.sender),
    chainId: BigInt(row.chain_id),
    nonce: row.nonce,
    label: row.label,
    ...(row.name === null ? {} : { name: row.name }),
    to: address(row.to),
    data: row.data as HexBytes,
    valueWei: BigInt(row.value_wei),
    gasLimit: BigInt(row.gas_limit),
    feeCapWei: BigInt(row.fee_cap_wei),
    signedAtBlock: row.signed_at_block,
    state: row.state,
    versions: versions.map(versionOf),
    jobs: carried.map((c) => ({ jobId: c.job_id, fence: c.fence, requestId: hex32(c.request_id) })),
    ...(row.block_number === null || row.block_hash === null ? {} : { block: { number: row.block_number, hash: hex32(row.block_hash) } }),
    ...(row.gas_used === null ? {} : { gasUsed: BigInt(row.gas_used) }),
  };
}
