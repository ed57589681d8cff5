import type { ColumnType, Generated } from "kysely";

/** Rows as SQLite holds them: hashes and addresses as 0x text, wei as decimal text, bytes as blobs. */
export interface JobTable {
  id: Generated<number>;
  source: string;
  chain_id: string;
  contract: string;
  external_id: string;
  state: string;
  reason: string | null;
  fence: number;
  lease_until_ms: number;
  attempts: number;
  not_before_ms: number;
  deadline: number;
  requester: string;
  salt: string;
  model_hash: string;
  input_hash: string;
  terms: Uint8Array;
  reward_wei: string;
  input: Uint8Array;
  requested_at: number;
  block_number: number;
  block_hash: string;
  transaction_hash: string;
  answer_kind: string | null;
  answer_signer: string | null;
  answer_output: Uint8Array | null;
  answer_output_hash: string | null;
  answer_profile: string | null;
  answer_reason: number | null;
  answer_issued_at: number | null;
  answer_expires_at: number | null;
  answer_proof: Uint8Array | null;
  ending_kind: string | null;
  ending_block: number | null;
  ending_transaction: string | null;
  ending_signer: string | null;
  updated_ms: ColumnType<number, number, number>;
}

export interface BlockTable {
  number: number;
  hash: string;
  parent_hash: string;
  timestamp: number;
}

export interface OutboxTable {
  hash: string;
  from_address: string;
  nonce: number;
  raw: string;
  label: string;
  gas_limit: string;
  max_fee: string;
  max_tip: string;
  state: string;
  block_number: number | null;
}

export interface OutboxJobTable {
  hash: string;
  job_id: number;
}

export interface TimelineTable {
  id: Generated<number>;
  request_id: string;
  step: string;
  host_ms: number;
  detail: string;
}

export interface PipeItemTable {
  /** The order in which items were accepted. */
  seq: Generated<number>;
  id: string;
  kind: string;
  sender: string;
  nonce: string;
  payload: string;
  state: string;
  reason: string | null;
  detail: string | null;
  accepted_ms: number;
  deadline_ms: number;
  updated_ms: number;
  transaction_hash: string | null;
  publish_hash: string | null;
  block_number: number | null;
  block_hash: string | null;
}

export interface PipeStepTable {
  seq: Generated<number>;
  item_id: string;
  step: string;
  host_ms: number;
  detail: string;
}

export interface Tables {
  jobs: JobTable;
  blocks: BlockTable;
  outbox: OutboxTable;
  outbox_jobs: OutboxJobTable;
  timeline: TimelineTable;
  pipe_items: PipeItemTable;
  pipe_steps: PipeStepTable;
}

/**
 * One entry per version of the store; a store is brought from its version to the newest by running what is missing, in one transaction.
 * Entries are never edited after a release, only added.
 * Every index that a request meets begins with the state, so that what was finished long ago costs a new request nothing.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE jobs (
      id INTEGER PRIMARY KEY, source TEXT NOT NULL, chain_id TEXT NOT NULL, contract TEXT NOT NULL, external_id TEXT NOT NULL,
      state TEXT NOT NULL, reason TEXT, fence INTEGER NOT NULL, lease_until_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
      not_before_ms INTEGER NOT NULL, deadline INTEGER NOT NULL, requester TEXT NOT NULL, salt TEXT NOT NULL, model_hash TEXT NOT NULL,
      input_hash TEXT NOT NULL, terms BLOB NOT NULL, reward_wei TEXT NOT NULL, input BLOB NOT NULL, requested_at INTEGER NOT NULL,
      block_number INTEGER NOT NULL, block_hash TEXT NOT NULL, transaction_hash TEXT NOT NULL,
      answer_kind TEXT, answer_signer TEXT, answer_output BLOB, answer_output_hash TEXT, answer_profile TEXT, answer_reason INTEGER,
      answer_issued_at INTEGER, answer_expires_at INTEGER, answer_proof BLOB,
      ending_kind TEXT, ending_block INTEGER, ending_transaction TEXT, ending_signer TEXT, updated_ms INTEGER NOT NULL,
      UNIQUE (source, chain_id, contract, external_id)) STRICT`,
    "CREATE INDEX jobs_by_external ON jobs (external_id)",
    "CREATE INDEX jobs_live ON jobs (state, deadline) WHERE state NOT IN ('settled', 'expired', 'abandoned', 'dead')",
    "CREATE INDEX jobs_ending ON jobs (ending_block) WHERE state = 'landed'",
    "CREATE INDEX jobs_block ON jobs (block_number) WHERE state NOT IN ('settled', 'expired')",
    "CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash TEXT NOT NULL, parent_hash TEXT NOT NULL, timestamp INTEGER NOT NULL) STRICT",
    `CREATE TABLE outbox (hash TEXT PRIMARY KEY, from_address TEXT NOT NULL, nonce INTEGER NOT NULL, raw TEXT NOT NULL, label TEXT NOT NULL,
      gas_limit TEXT NOT NULL, max_fee TEXT NOT NULL, max_tip TEXT NOT NULL, state TEXT NOT NULL, block_number INTEGER) STRICT`,
    "CREATE INDEX outbox_open ON outbox (from_address, nonce) WHERE state = 'open'",
    "CREATE INDEX outbox_block ON outbox (block_number) WHERE block_number IS NOT NULL",
    "CREATE TABLE outbox_jobs (hash TEXT NOT NULL, job_id INTEGER NOT NULL, PRIMARY KEY (hash, job_id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX outbox_jobs_by_job ON outbox_jobs (job_id)",
    "CREATE TABLE timeline (id INTEGER PRIMARY KEY, request_id TEXT NOT NULL, step TEXT NOT NULL, host_ms INTEGER NOT NULL, detail TEXT NOT NULL) STRICT",
    "CREATE INDEX timeline_by_request ON timeline (request_id)",
  ],
  [
    // SQLite uses a partial index only where the query's own text implies its condition; a bound parameter never does. So the
    // indexes of version 1 were never used and every claim read every job. State first: finished jobs lie behind the live ones.
    "DROP INDEX jobs_live",
    "DROP INDEX jobs_ending",
    "DROP INDEX jobs_block",
    "DROP INDEX outbox_open",
    "CREATE INDEX jobs_due ON jobs (state, deadline, id)",
    "CREATE INDEX jobs_ending ON jobs (state, ending_block)",
    "CREATE INDEX jobs_lease ON jobs (state, lease_until_ms)",
    "CREATE INDEX jobs_updated ON jobs (state, updated_ms)",
    "CREATE INDEX jobs_block ON jobs (block_number)",
    "CREATE INDEX outbox_open ON outbox (state, from_address, nonce)",
    "CREATE INDEX outbox_carriers ON outbox_jobs (job_id, hash)",
    "DROP INDEX outbox_jobs_by_job",
  ],
  [
    `CREATE TABLE pipe_items (
      seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, sender TEXT NOT NULL, nonce TEXT NOT NULL, payload TEXT NOT NULL,
      state TEXT NOT NULL, reason TEXT, detail TEXT, accepted_ms INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
      transaction_hash TEXT, publish_hash TEXT, block_number INTEGER, block_hash TEXT) STRICT`,
    "CREATE INDEX pipe_items_live ON pipe_items (state, seq)",
    "CREATE INDEX pipe_items_updated ON pipe_items (state, updated_ms)",
    "CREATE TABLE pipe_steps (seq INTEGER PRIMARY KEY, item_id TEXT NOT NULL, step TEXT NOT NULL, host_ms INTEGER NOT NULL, detail TEXT NOT NULL) STRICT",
    "CREATE INDEX pipe_steps_by_item ON pipe_steps (item_id, seq)",
    "CREATE INDEX outbox_label ON outbox (state, label)",
  ],
];
