import type { Address } from "../../domain/ids";
import type { BlockRef } from "../../domain/request";
import type { CarriedOutcome, SignedVersion, StoredTransaction, TransactionDraft, TransactionState } from "../../domain/transaction";
import { sqliteCodeOf, storeError } from "../errors";
import type { RecordResult } from "../ports";
import { type Session, sql } from "./connection";
import { move, tip, writeMarks } from "./moves";
import { type Read, transactionOf } from "./rows";
import type { TransactionRow } from "./schema";

/** Thrown inside the transaction to undo it, and turned into a value outside. */
class Stale extends Error {
  constructor(readonly jobIds: readonly number[]) {
    super("stale");
  }
}

/** Wraps `recordSigned`: a stale job undoes everything that was written for the others. */
export function asRecordResult(error: unknown): RecordResult {
  if (error instanceof Stale) return { ok: false, reason: "stale", jobIds: error.jobIds };
  throw error;
}

export function recordSigned(session: Session, draft: TransactionDraft, now: number): RecordResult {
  const named = draft.name === undefined ? undefined : transactionNamed(session, draft.name);
  if (named !== undefined) return { ok: false, reason: "named", transaction: named };
  const id = insertTransaction(session, draft, now);
  insertVersion(session, id, draft.version);
  const stale = draft.jobs.filter(
    (job) => !move(session, { jobId: job.jobId, from: "answered", to: "posting", fence: job.fence, reason: "", now }),
  );
  if (stale.length > 0) throw new Stale(stale.map((job) => job.jobId));
  const at = tip(session);
  draft.jobs.forEach((job, position) => {
    session.run(
      sql.insertInto("carried").values({ transaction_id: id, position, job_id: job.jobId, fence: job.fence, request_id: job.requestId }),
    );
    writeMarks(session, [{ jobId: job.jobId, stage: "posted", hostMs: now, ...at }]);
  });
  const { version, ...rest } = draft;
  return { ok: true, transaction: { ...rest, id, state: "pending", versions: [version] } };
}

function insertTransaction(session: Session, draft: TransactionDraft, now: number): number {
  try {
    const row = session.first(
      sql
        .insertInto("transactions")
        .values({
          chain_id: draft.chainId.toString(),
          sender: draft.sender,
          nonce: draft.nonce,
          label: draft.label,
          name: draft.name ?? null,
          to: draft.to,
          data: draft.data,
          value_wei: draft.valueWei.toString(),
          gas_limit: draft.gasLimit.toString(),
          fee_cap_wei: draft.feeCapWei.toString(),
          signed_at_block: draft.signedAtBlock,
          state: "pending",
          block_number: null,
          block_hash: null,
          gas_used: null,
          updated_at: now,
        })
        .returning("id"),
    );
    if (row !== undefined) return row.id;
  } catch (error) {
    if (sqliteCodeOf(error) !== "SQLITE_CONSTRAINT_UNIQUE") throw error;
    throw storeError("STORE_NONCE_TAKEN", "a transaction under this nonce is alive", { context: { nonce: draft.nonce }, cause: error });
  }
  throw storeError("STORE_ROW_MALFORMED", "an insert gave no row");
}

export function insertVersion(session: Session, transactionId: number, version: SignedVersion): void {
  session.run(
    sql.insertInto("versions").values({
      transaction_id: transactionId,
      hash: version.hash,
      raw: version.raw,
      max_fee_wei: version.maxFeePerGasWei.toString(),
      max_priority_fee_wei: version.maxPriorityFeePerGasWei.toString(),
    }),
  );
}

export function recordVersion(session: Session, record: { transactionId: number; version: SignedVersion; signedAtBlock: number }): void {
  insertVersion(session, record.transactionId, record.version);
  session.run(sql.updateTable("transactions").set({ signed_at_block: record.signedAtBlock }).where("id", "=", record.transactionId));
}

export interface Settlement {
  readonly transactionId: number;
  readonly state: Exclude<TransactionState, "pending">;
  readonly block?: BlockRef;
  readonly gasUsed?: bigint;
  readonly jobs: readonly CarriedOutcome[];
  readonly now: number;
}

export function settleTransaction(session: Session, s: Settlement): void {
  session.run(
    sql
      .updateTable("transactions")
      .set({
        state: s.state,
        block_number: s.block?.number ?? null,
        block_hash: s.block?.hash ?? null,
        gas_used: s.gasUsed?.toString() ?? null,
        updated_at: s.now,
      })
      .where("id", "=", s.transactionId),
  );
  for (const job of s.jobs) {
    if (job.to === "stay" || carriedByAnother(session, job.jobId, s.transactionId)) continue;
    // A job that the chain follower moved meanwhile is not `posting` any more, and its word counts.
    move(session, { jobId: job.jobId, from: "posting", to: job.to, reason: job.reason, notBefore: job.notBefore, now: s.now });
  }
}

/** After a reorg an older transaction may carry the same job; while one of them can land, the job stays where it is. */
function carriedByAnother(session: Session, jobId: number, transactionId: number): boolean {
  const other = sql
    .selectFrom("carried")
    .innerJoin("transactions", "transactions.id", "carried.transaction_id")
    .select("transactions.id")
    .where("carried.job_id", "=", jobId)
    .where("transactions.state", "=", "pending")
    .where("transactions.id", "<>", transactionId)
    .limit(1);
  return session.first(other) !== undefined;
}

export function holdAnswers(session: Session, holds: readonly (CarriedOutcome & { fence: number })[], now: number): void {
  for (const hold of holds) {
    if (hold.to === "stay") continue;
    if (hold.to === "answered") {
      session.run(
        sql
          .updateTable("jobs")
          .set({ reason: hold.reason, not_before: hold.notBefore, updated_at: now })
          .where("id", "=", hold.jobId)
          .where("state", "=", "answered")
          .where("fence", "=", hold.fence),
      );
    } else move(session, { jobId: hold.jobId, from: "answered", to: hold.to, fence: hold.fence, reason: hold.reason, notBefore: hold.notBefore, now });
  }
}

function load(session: Session, row: Read<TransactionRow>): StoredTransaction {
  const versions = session.all(sql.selectFrom("versions").selectAll().where("transaction_id", "=", row.id).orderBy("rowid" as never));
  const carried = session.all(sql.selectFrom("carried").selectAll().where("transaction_id", "=", row.id).orderBy("position"));
  return transactionOf(row, versions, carried);
}

export function transactionNamed(session: Session, name: string): StoredTransaction | undefined {
  const row = session.first(sql.selectFrom("transactions").selectAll().where("name", "=", name));
  return row === undefined ? undefined : load(session, row);
}

export function liveTransactions(session: Session, query: { sender: Address; aboveBlock: number }): StoredTransaction[] {
  const own = sql.selectFrom("transactions").selectAll().where("sender", "=", query.sender);
  const pending = session.all(own.where("state", "=", "pending"));
  const mined = (["confirmed", "reverted"] as const).flatMap((state) =>
    session.all(own.where("state", "=", state).where("block_number", ">", query.aboveBlock)),
  );
  return [...pending, ...mined].sort((a, b) => a.nonce - b.nonce).map((row) => load(session, row));
}
