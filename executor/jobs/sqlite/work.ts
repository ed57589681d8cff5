import type { Answer } from "../../domain/request";
import { assertMove } from "../../domain/job";
import type { AnsweredJob, Guarded, JobId, JobSummary, Lease, LeasedJob } from "../ports";
import { type Session, sql } from "./connection";
import { move, tip, writeMarks } from "./moves";
import { answerOf, bytesOf, requestOf, rowOfAnswer, summaryOf } from "./rows";

const STALE: Guarded = { ok: false, reason: "stale" };
const guarded = (done: boolean): Guarded => (done ? { ok: true } : STALE);

export function waiting(session: Session, query: { now: number; limit: number }): JobSummary[] {
  const rows = sql.selectFrom("jobs").selectAll().where("state", "=", "seen").where("not_before", "<=", query.now).orderBy("deadline").limit(query.limit);
  return session.all(rows).map((row) => summaryOf(row));
}

/** One `UPDATE … RETURNING`: whoever comes second finds the job in another state. */
export function claim(session: Session, order: { jobIds: readonly JobId[]; owner: string; now: number; leaseMs: number }): LeasedJob[] {
  if (order.jobIds.length === 0) return [];
  assertMove("seen", "running");
  const until = order.now + order.leaseMs;
  const rows = session.all(
    sql
      .updateTable("jobs")
      .set((eb) => ({
        state: "running",
        fence: eb("fence", "+", 1),
        attempts: eb("attempts", "+", 1),
        lease_owner: order.owner,
        lease_until: until,
        updated_at: order.now,
      }))
      .where("id", "in", [...order.jobIds])
      .where("state", "=", "seen")
      .where("not_before", "<=", order.now)
      .returningAll(),
  );
  const at = tip(session);
  return rows.map((row) => {
    writeMarks(session, [{ jobId: row.id, stage: "matched", hostMs: order.now, ...at }]);
    const input = session.first(sql.selectFrom("inputs").select("bytes").where("job_id", "=", row.id));
    return {
      lease: { jobId: row.id, fence: row.fence, owner: order.owner, until },
      request: requestOf(row, input === undefined ? new Uint8Array(0) : bytesOf(input.bytes)),
      attempts: row.attempts,
    };
  });
}

export function heartbeat(session: Session, lease: Lease, until: number): Guarded {
  const update = sql
    .updateTable("jobs")
    .set({ lease_until: until })
    .where("id", "=", lease.jobId)
    .where("state", "=", "running")
    .where("fence", "=", lease.fence);
  return guarded(session.run(update) === 1);
}

export function complete(session: Session, result: { lease: Lease; answer: Answer; now: number; computedAt?: number }): Guarded {
  const { lease, now } = result;
  const done = move(session, { jobId: lease.jobId, from: "running", to: "answered", fence: lease.fence, now, reason: "", notBefore: 0 });
  if (!done) return STALE;
  const row = rowOfAnswer(lease.jobId, result.answer);
  session.run(sql.insertInto("answers").values(row).onConflict((oc) => oc.column("job_id").doUpdateSet(row)));
  session.run(sql.updateTable("jobs").set({ has_answer: 1 }).where("id", "=", lease.jobId));
  const at = tip(session);
  writeMarks(session, [
    { jobId: lease.jobId, stage: "computed", hostMs: result.computedAt ?? now, ...at },
    { jobId: lease.jobId, stage: "signed", hostMs: now, ...at },
  ]);
  return { ok: true };
}

export function fail(
  session: Session,
  result: { lease: Lease; to: "seen" | "abandoned" | "dead"; reason: string; notBefore: number; now: number },
): Guarded {
  const { lease, to, reason, notBefore, now } = result;
  return guarded(move(session, { jobId: lease.jobId, from: "running", to, fence: lease.fence, reason, notBefore, now }));
}

export function reap(session: Session, query: { now: number; maxAttempts: number; backoffMs: number }): { returned: JobId[]; dead: JobId[] } {
  const late = session.all(
    sql.selectFrom("jobs").select(["id", "attempts", "fence"]).where("state", "=", "running").where("lease_until", "<=", query.now),
  );
  const outcome = { returned: [] as JobId[], dead: [] as JobId[] };
  for (const { id, attempts, fence } of late) {
    const spent = attempts >= query.maxAttempts;
    const notBefore = query.now + query.backoffMs * 2 ** Math.min(attempts - 1, 10);
    move(session, { jobId: id, from: "running", to: spent ? "dead" : "seen", fence, reason: "LEASE_EXPIRED", notBefore, now: query.now });
    (spent ? outcome.dead : outcome.returned).push(id);
  }
  return outcome;
}

export function releaseLeases(session: Session, query: { exceptOwner: string; now: number }): JobId[] {
  assertMove("running", "seen");
  const update = sql
    .updateTable("jobs")
    // A killed daemon is not the job's fault: the attempt does not count.
    .set((eb) => ({ state: "seen", lease_owner: null, lease_until: null, updated_at: query.now, attempts: eb("attempts", "-", 1) }))
    .where("state", "=", "running")
    .where("lease_owner", "<>", query.exceptOwner)
    .returning("id");
  return session.all(update).map((row) => row.id);
}

export function setAside(
  session: Session,
  order: { jobId: JobId; fence: number; to: "seen" | "abandoned"; reason: string; notBefore: number; now: number },
): Guarded {
  if (order.to === "abandoned") return guarded(move(session, { ...order, from: "seen", to: "abandoned" }));
  const update = sql
    .updateTable("jobs")
    .set({ reason: order.reason, not_before: order.notBefore, updated_at: order.now })
    .where("id", "=", order.jobId)
    .where("state", "=", "seen")
    .where("fence", "=", order.fence);
  return guarded(session.run(update) === 1);
}

export function revive(session: Session, jobId: JobId, now: number): Guarded {
  const row = session.first(sql.selectFrom("jobs").select("state").where("id", "=", jobId));
  if (row?.state !== "abandoned" && row?.state !== "dead") return STALE;
  session.run(sql.updateTable("jobs").set({ attempts: 0 }).where("id", "=", jobId));
  return guarded(move(session, { jobId, from: row.state, to: "seen", reason: "", notBefore: 0, now }));
}

export function answered(session: Session, query: { now: number; limit: number }): AnsweredJob[] {
  const rows = session.all(
    sql.selectFrom("jobs").selectAll().where("state", "=", "answered").where("not_before", "<=", query.now).orderBy("deadline").limit(query.limit),
  );
  if (rows.length === 0) return [];
  const answers = session.all(
    sql
      .selectFrom("answers")
      .selectAll()
      .where(
        "job_id",
        "in",
        rows.map((row) => row.id),
      ),
  );
  const byJob = new Map(answers.map((row) => [row.job_id, row]));
  return rows.flatMap((row) => {
    const answer = byJob.get(row.id);
    if (answer === undefined) return [];
    return [{ jobId: row.id, fence: row.fence, attempts: row.attempts, request: requestOf(row), answer: answerOf(answer) }];
  });
}
