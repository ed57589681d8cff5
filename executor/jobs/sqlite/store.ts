import { existsSync, statSync } from "node:fs";
import type { ChainChange, HeadRef } from "../../domain/chain";
import { hex32 } from "../../domain/ids";
import type { JobKey } from "../../domain/request";
import type { CarriedOutcome, SignedVersion, TransactionDraft } from "../../domain/transaction";
import { storeError } from "../errors";
import type { JobId, JobStore, Lease, RecordResult, StoreIdentity, TimelineStage } from "../ports";
import { applyChanges, findJob } from "./apply";
import { type SqliteConnection, sql } from "./connection";
import { tip, writeMarks } from "./moves";
import { type OpenedStore, openForReading, openForWriting } from "./open";
import * as outbox from "./outbox";
import * as queries from "./queries";
import * as work from "./work";

/** The chain can tell it again: surviving the process is enough. */
const REBUILT = { durable: false } as const;
/** Only this file knows it: it survives a power cut. */
const ONLY_HERE = { durable: true } as const;

type Argument<K extends keyof JobStore> = Parameters<JobStore[K]>[0];

/** The job store on one SQLite file, for one process on a local disk. */
export class SqliteJobStore implements JobStore {
  readonly #path: string;
  readonly #opened: OpenedStore;
  readonly #db: SqliteConnection;

  private constructor(path: string, opened: OpenedStore) {
    this.#path = path;
    this.#opened = opened;
    this.#db = opened.connection;
  }

  /** @throws AssayError as `openForWriting` */
  static async open(options: { path: string; identity: StoreIdentity; pid?: number }): Promise<SqliteJobStore> {
    const opened = await openForWriting(options.path, { identity: options.identity, pid: options.pid ?? process.pid });
    return new SqliteJobStore(options.path, opened);
  }

  /** For looking at a store while its daemon runs. */
  static openReadOnly(path: string): SqliteJobStore {
    return new SqliteJobStore(path, openForReading(path));
  }

  loadCursor(): Promise<readonly HeadRef[]> {
    return this.#db.read((s) =>
      s.all(sql.selectFrom("blocks").selectAll().orderBy("number")).map((row) => ({ number: row.number, hash: hex32(row.hash), time: row.time })),
    );
  }

  apply(changes: readonly ChainChange[], now: number) {
    return this.#db.write((s) => applyChanges(s, changes, now), REBUILT);
  }

  waiting(query: Argument<"waiting">) {
    return this.#db.read((s) => work.waiting(s, query));
  }

  claim(order: Argument<"claim">) {
    return this.#db.write((s) => work.claim(s, order), REBUILT);
  }

  heartbeat(lease: Lease, until: number) {
    return this.#db.write((s) => work.heartbeat(s, lease, until), REBUILT);
  }

  complete(result: Argument<"complete">) {
    return this.#db.write((s) => work.complete(s, result), REBUILT);
  }

  fail(result: Argument<"fail">) {
    return this.#db.write((s) => work.fail(s, result), REBUILT);
  }

  reap(query: Argument<"reap">) {
    return this.#db.write((s) => work.reap(s, query), REBUILT);
  }

  releaseLeases(query: Argument<"releaseLeases">) {
    return this.#db.write((s) => work.releaseLeases(s, query), REBUILT);
  }

  setAside(order: Argument<"setAside">) {
    return this.#db.write((s) => work.setAside(s, order), REBUILT);
  }

  revive(jobId: JobId, now: number) {
    return this.#db.write((s) => work.revive(s, jobId, now), REBUILT);
  }

  answered(query: Argument<"answered">) {
    return this.#db.read((s) => work.answered(s, query));
  }

  holdAnswers(holds: readonly (CarriedOutcome & { readonly fence: number })[], now: number) {
    return this.#db.write((s) => outbox.holdAnswers(s, holds, now), REBUILT);
  }

  recordSigned(draft: TransactionDraft, now: number): Promise<RecordResult> {
    return this.#db.write((s) => outbox.recordSigned(s, draft, now), ONLY_HERE).catch(outbox.asRecordResult);
  }

  recordVersion(transactionId: number, version: SignedVersion, signedAtBlock: number) {
    return this.#db.write((s) => outbox.recordVersion(s, { transactionId, version, signedAtBlock }), ONLY_HERE);
  }

  settleTransaction(result: outbox.Settlement) {
    return this.#db.write((s) => outbox.settleTransaction(s, result), REBUILT);
  }

  liveTransactions(query: Argument<"liveTransactions">) {
    return this.#db.read((s) => outbox.liveTransactions(s, query));
  }

  transactionNamed(name: string) {
    return this.#db.read((s) => outbox.transactionNamed(s, name));
  }

  get(key: JobKey) {
    return this.#db.read((s) => {
      const row = findJob(s, key);
      return row === undefined ? undefined : queries.withEnding(s, row);
    });
  }

  payload(jobId: JobId) {
    return this.#db.read((s) => queries.payload(s, jobId));
  }

  list(query: Argument<"list">) {
    return this.#db.read((s) => queries.list(s, query));
  }

  timeline(jobId: JobId) {
    return this.#db.read((s) => queries.timeline(s, jobId));
  }

  mark(marks: readonly { readonly jobId: JobId; readonly stage: TimelineStage; readonly at: number }[]) {
    return this.#db.write((s) => {
      const now = tip(s);
      writeMarks(s, marks.map((mark) => ({ jobId: mark.jobId, stage: mark.stage, hostMs: mark.at, ...now })));
    }, REBUILT);
  }

  stats() {
    return this.#db.read((s) => queries.stats(s, statSync(this.#path).size));
  }

  prune(query: Argument<"prune">) {
    return this.#db.write((s) => queries.prune(s, query), REBUILT);
  }

  async backup(path: string): Promise<void> {
    if (existsSync(path)) throw storeError("STORE_BACKUP_EXISTS", "a backup never overwrites a file", { context: { path } });
    // SQLite takes no parameter here in every version; a quote in a path is doubled as in any literal.
    this.#db.exec(`VACUUM INTO '${path.replaceAll("'", "''")}'`);
  }

  async close(): Promise<void> {
    this.#db.close();
    this.#opened.lock?.release();
  }
}
