import type { Generated } from "kysely";
import type { EndingKind } from "../../domain/chain";
import type { JobState } from "../../domain/job";
import type { JobKey } from "../../domain/request";
import type { TransactionState } from "../../domain/transaction";
import type { TimelineStage } from "../ports";

/** Hex is text, wei is decimal text (64 bits are too few), times are integers, bytes are blobs. */
export interface JobRow {
  id: Generated<number>;
  source: JobKey["source"];
  chain_id: string;
  contract: string;
  external_id: string;
  state: JobState;
  fence: number;
  attempts: number;
  not_before: number;
  lease_owner: string | null;
  lease_until: number | null;
  reason: string;
  deadline: number;
  requester: string;
  salt: string;
  model_hash: string;
  input_hash: string;
  input_length: number;
  terms: ArrayBuffer | Uint8Array;
  reward_wei: string;
  requested_at: number;
  block_number: number;
  block_hash: string;
  transaction_hash: string;
  has_answer: number;
  ending_block: number | null;
  updated_at: number;
}

/** Apart from the job, so that a change of state does not rewrite the pages of a large tensor. */
export interface InputRow {
  job_id: number;
  bytes: ArrayBuffer | Uint8Array;
}

export interface AnswerRow {
  job_id: number;
  kind: "result" | "refusal";
  signer: string;
  output: ArrayBuffer | Uint8Array | null;
  output_hash: string | null;
  runtime_profile: string | null;
  reason: number | null;
  issued_at: number;
  expires_at: number;
  proof: ArrayBuffer | Uint8Array;
}

/** One row per event, so that a reorg forgets exactly those above its ancestor. */
export interface EndingRow {
  job_id: number;
  block_number: number;
  log_index: number;
  kind: EndingKind;
  signer: string | null;
  reason: string | null;
  block_hash: string;
  block_time: number;
  transaction_hash: string;
}

export interface BlockRow {
  number: number;
  hash: string;
  time: number;
}

export interface UnreadableRow {
  external_id: string;
  code: string;
  block_number: number;
}

export interface TransactionRow {
  id: Generated<number>;
  chain_id: string;
  sender: string;
  nonce: number;
  label: string;
  name: string | null;
  to: string;
  data: string;
  value_wei: string;
  gas_limit: string;
  fee_cap_wei: string;
  signed_at_block: number;
  state: TransactionState;
  block_number: number | null;
  block_hash: string | null;
  gas_used: string | null;
  updated_at: number;
}

export interface VersionRow {
  transaction_id: number;
  hash: string;
  raw: string;
  max_fee_wei: string;
  max_priority_fee_wei: string;
}

export interface CarriedRow {
  transaction_id: number;
  position: number;
  job_id: number;
  fence: number;
  request_id: string;
}

export interface TimelineRow {
  job_id: number;
  stage: TimelineStage;
  host_ms: number;
  block_time: number;
  block_number: number;
}

export interface StoreTables {
  jobs: JobRow;
  inputs: InputRow;
  answers: AnswerRow;
  endings: EndingRow;
  blocks: BlockRow;
  unreadable: UnreadableRow;
  transactions: TransactionRow;
  versions: VersionRow;
  carried: CarriedRow;
  timeline: TimelineRow;
  meta: { key: string; value: string };
}
