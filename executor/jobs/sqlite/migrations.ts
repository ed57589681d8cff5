/**
 * The store's versions: entry `n` leads from version `n` to `n + 1`. An entry that was released is never changed.
 * Indexes begin with the state, so that a hundred thousand finished jobs lie behind those that wait and are not touched.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL, chain_id TEXT NOT NULL, contract TEXT NOT NULL, external_id TEXT NOT NULL,
    state TEXT NOT NULL, fence INTEGER NOT NULL, attempts INTEGER NOT NULL, not_before INTEGER NOT NULL,
    lease_owner TEXT, lease_until INTEGER, reason TEXT NOT NULL,
    deadline INTEGER NOT NULL, requester TEXT NOT NULL, salt TEXT NOT NULL, model_hash TEXT NOT NULL,
    input_hash TEXT NOT NULL, input_length INTEGER NOT NULL, terms BLOB NOT NULL, reward_wei TEXT NOT NULL,
    requested_at INTEGER NOT NULL, block_number INTEGER NOT NULL, block_hash TEXT NOT NULL, transaction_hash TEXT NOT NULL,
    has_answer INTEGER NOT NULL, ending_block INTEGER, updated_at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX jobs_key ON jobs (external_id, contract, chain_id, source);
  CREATE INDEX jobs_due ON jobs (state, deadline);
  CREATE INDEX jobs_ending ON jobs (state, ending_block);
  CREATE INDEX jobs_lease ON jobs (state, lease_until);
  CREATE INDEX jobs_updated ON jobs (state, updated_at);
  CREATE INDEX jobs_block ON jobs (block_number);
  CREATE TABLE inputs (job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE, bytes BLOB NOT NULL);
  CREATE TABLE answers (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL, signer TEXT NOT NULL, output BLOB, output_hash TEXT, runtime_profile TEXT, reason INTEGER,
    issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, proof BLOB NOT NULL
  );
  CREATE TABLE endings (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    block_number INTEGER NOT NULL, log_index INTEGER NOT NULL, kind TEXT NOT NULL, signer TEXT, reason TEXT,
    block_hash TEXT NOT NULL, block_time INTEGER NOT NULL, transaction_hash TEXT NOT NULL,
    PRIMARY KEY (job_id, block_number, log_index)
  ) WITHOUT ROWID;
  CREATE INDEX endings_block ON endings (block_number);
  CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash TEXT NOT NULL, time INTEGER NOT NULL);
  CREATE TABLE unreadable (external_id TEXT PRIMARY KEY, code TEXT NOT NULL, block_number INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chain_id TEXT NOT NULL, sender TEXT NOT NULL, nonce INTEGER NOT NULL, label TEXT NOT NULL, name TEXT UNIQUE,
    "to" TEXT NOT NULL, data TEXT NOT NULL, value_wei TEXT NOT NULL, gas_limit TEXT NOT NULL, fee_cap_wei TEXT NOT NULL,
    signed_at_block INTEGER NOT NULL, state TEXT NOT NULL, block_number INTEGER, block_hash TEXT, gas_used TEXT,
    updated_at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX transactions_nonce ON transactions (sender, chain_id, nonce) WHERE state <> 'dropped';
  CREATE INDEX transactions_state ON transactions (sender, state, block_number);
  CREATE TABLE versions (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
    hash TEXT NOT NULL, raw TEXT NOT NULL, max_fee_wei TEXT NOT NULL, max_priority_fee_wei TEXT NOT NULL,
    PRIMARY KEY (transaction_id, hash)
  );
  CREATE TABLE carried (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id) ON DELETE CASCADE, position INTEGER NOT NULL,
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, fence INTEGER NOT NULL, request_id TEXT NOT NULL,
    PRIMARY KEY (transaction_id, position)
  ) WITHOUT ROWID;
  CREATE INDEX carried_job ON carried (job_id);
  CREATE TABLE timeline (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, stage TEXT NOT NULL,
    host_ms INTEGER NOT NULL, block_time INTEGER NOT NULL, block_number INTEGER NOT NULL,
    PRIMARY KEY (job_id, stage)
  ) WITHOUT ROWID;
  `,
];

/** The version that this release reads and writes. */
export const STORE_VERSION = MIGRATIONS.length;

/** "ASAY": tells our file from any other SQLite database. */
export const APPLICATION_ID = 0x41534159;
