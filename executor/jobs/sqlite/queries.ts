import { JOB_STATES, type JobState } from "../../domain/job";
import type { Answer } from "../../domain/request";
import type { TransactionState } from "../../domain/transaction";
import type { JobId, JobSummary, StoreStats, TimelineMark } from "../ports";
import { STAGES } from "../ports";
import { type Session, sql } from "./connection";
import { answerOf, bytesOf, endingOf, keyOf, type Read, summaryOf } from "./rows";
import type { JobRow } from "./schema";

/** With how the request ended, where it did: the result or refusal, not how its callback went. */
export function withEnding(session: Session, row: Read<JobRow>): JobSummary {
  const ending = session.first(
    sql
      .selectFrom("endings")
      .selectAll()
      .where("job_id", "=", row.id)
      .where("kind", "in", ["fulfilled", "refused", "refunded"])
      .orderBy("block_number", "desc")
      .limit(1),
  );
  return summaryOf(row, ending === undefined ? undefined : endingOf(keyOf(row), ending));
}

export function payload(session: Session, jobId: JobId): { input: Uint8Array; answer?: Answer } | undefined {
  const input = session.first(sql.selectFrom("inputs").select("bytes").where("job_id", "=", jobId));
  if (input === undefined) return undefined;
  const answer = session.first(sql.selectFrom("answers").selectAll().where("job_id", "=", jobId));
  return { input: bytesOf(input.bytes), ...(answer === undefined ? {} : { answer: answerOf(answer) }) };
}

export function list(session: Session, query: { states: readonly JobState[]; afterId?: JobId; limit: number }): JobSummary[] {
  const rows = sql
    .selectFrom("jobs")
    .selectAll()
    .where("state", "in", [...query.states])
    .where("id", ">", query.afterId ?? 0)
    .orderBy("id")
    .limit(query.limit);
  return session.all(rows).map((row) => withEnding(session, row));
}

export function timeline(session: Session, jobId: JobId): TimelineMark[] {
  const rows = session.all(sql.selectFrom("timeline").selectAll().where("job_id", "=", jobId));
  return rows
    .map((row) => ({ stage: row.stage, hostMs: row.host_ms, blockTime: row.block_time, blockNumber: row.block_number }))
    .sort((a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage));
}

export function stats(session: Session, fileBytes: number): StoreStats {
  const jobs = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>;
  const transactions: Record<TransactionState, number> = { pending: 0, confirmed: 0, reverted: 0, dropped: 0 };
  const count = <T extends "jobs" | "transactions">(table: T) =>
    sql
      .selectFrom(table as "jobs")
      .select(["state", (eb) => eb.fn.countAll<number>().as("n")])
      .groupBy("state");
  for (const row of session.all(count("jobs"))) jobs[row.state] = row.n;
  for (const row of session.all(count("transactions"))) transactions[row.state as unknown as TransactionState] = row.n;
  return { jobs, transactions, fileBytes };
}

const PRUNED = ["settled", "expired", "abandoned", "dead"] as const satisfies readonly JobState[];

export function prune(session: Session, query: { before: number; limit: number }): number {
  let left = query.limit;
  for (const state of PRUNED) {
    if (left <= 0) break;
    const ids = session
      .all(sql.selectFrom("jobs").select("id").where("state", "=", state).where("updated_at", "<", query.before).orderBy("updated_at").limit(left))
      .map((row) => row.id);
    if (ids.length === 0) continue;
    // Everything of a job goes with it: the tables refer to it with ON DELETE CASCADE.
    session.run(sql.deleteFrom("jobs").where("id", "in", ids));
    left -= ids.length;
  }
  const old = sql
    .selectFrom("transactions")
    .select("id")
    .where("state", "<>", "pending")
    .where("updated_at", "<", query.before)
    .where((eb) => eb.not(eb.exists(eb.selectFrom("carried").select("job_id").whereRef("carried.transaction_id", "=", "transactions.id"))))
    .limit(query.limit);
  session.run(sql.deleteFrom("transactions").where("id", "in", old));
  return query.limit - left;
}
