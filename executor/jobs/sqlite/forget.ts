import type { HeadRef } from "../../domain/chain";
import type { JobState } from "../../domain/job";
import { rememberBlock, type Moved } from "./apply";
import { type Session, sql } from "./connection";
import { move } from "./moves";
import { keyOf, type Read } from "./rows";
import type { JobRow } from "./schema";

const ENDS = ["fulfilled", "refused", "refunded"] as const;
const TAKEN_BACK = ["seen", "running", "answered", "posting", "landed"] as const satisfies readonly JobState[];

/** Where a job stands that the chain says nothing about any more: as far as our own record reaches. */
export function stateWithout(session: Session, job: Read<JobRow>): "posting" | "answered" | "seen" {
  if (job.has_answer === 0) return "seen";
  const live = sql
    .selectFrom("carried")
    .innerJoin("transactions", "transactions.id", "carried.transaction_id")
    .select("transactions.id")
    .where("carried.job_id", "=", job.id)
    .where("transactions.state", "=", "pending")
    .limit(1);
  return session.first(live) === undefined ? "answered" : "posting";
}

/**
 * A reorg: requests *and* endings above the ancestor are forgotten, and our transactions there are pending again, so that
 * the same bytes are broadcast once more. Final jobs stay: they were deeper than the operator's own bound.
 */
export function forget(session: Session, ancestor: HeadRef, now: number): Moved[] {
  const above = ancestor.number;
  const touched = session.all(sql.selectFrom("endings").select("job_id").distinct().where("block_number", ">", above));
  session.run(sql.deleteFrom("endings").where("block_number", ">", above));
  session.run(sql.deleteFrom("unreadable").where("block_number", ">", above));
  session.run(sql.deleteFrom("blocks").where("number", ">", above));
  rememberBlock(session, ancestor);
  session.run(
    sql
      .updateTable("transactions")
      .set({ state: "pending", block_number: null, block_hash: null, gas_used: null, updated_at: now })
      .where("state", "in", ["confirmed", "reverted"])
      .where("block_number", ">", above),
  );
  const moved: Moved[] = [];
  const gone = session.all(sql.selectFrom("jobs").selectAll().where("block_number", ">", above));
  for (const job of gone) {
    const from = TAKEN_BACK.find((state) => state === job.state);
    if (from === undefined) continue;
    move(session, { jobId: job.id, from, to: "orphaned", now, endingBlock: null });
    moved.push({ jobId: job.id, key: keyOf(job), from, to: "orphaned" });
  }
  for (const { job_id } of touched) moved.push(...reopen(session, job_id, now));
  return moved;
}

/** A job that lost an ending; unless another one remains it is open again. */
function reopen(session: Session, jobId: number, now: number): Moved[] {
  const ending = sql.selectFrom("endings").select("block_number").where("job_id", "=", jobId).where("kind", "in", ENDS);
  if (session.first(ending) !== undefined) return [];
  session.run(sql.deleteFrom("timeline").where("job_id", "=", jobId).where("stage", "in", ["landed", "acted"]));
  const job = session.first(sql.selectFrom("jobs").selectAll().where("id", "=", jobId));
  if (job?.state !== "landed") return [];
  const to = stateWithout(session, job);
  move(session, { jobId, from: "landed", to, now, endingBlock: null });
  return [{ jobId, key: keyOf(job), from: "landed", to }];
}
