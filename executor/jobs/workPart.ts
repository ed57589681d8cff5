import { type Kysely, sql } from "kysely";
import type { JobStore, Lease } from "./ports";
import { answerColumns, answerOf, NO_ANSWER, requestOf } from "./rows";
import type { JobTable, Tables } from "./schema";

type WorkMethods = "claim" | "heartbeat" | "answer" | "release" | "giveUp" | "reap" | "answered" | "dropAnswer";

/** The half of the store that workers use: leases with fences, answers, attempts. */
export function workPart(db: Kysely<Tables>): Pick<JobStore, WorkMethods> {
  /** Every write of a worker goes through here: with an old fence it changes nothing. */
  const fenced = async (
    lease: Lease,
    set: Partial<Record<keyof JobTable, unknown>>,
    on: Kysely<Tables> = db,
  ): Promise<boolean> => {
    const result = await on
      .updateTable("jobs")
      .set(set as never)
      .where("id", "=", lease.jobId)
      .where("state", "=", "running")
      .where("fence", "=", lease.fence)
      .executeTakeFirst();
    return result.numUpdatedRows === 1n;
  };

  return {
    claim: async ({ limit, leaseMs, nowMs }) => {
      if (limit <= 0) return [];
      // One statement: two claimers can not take the same row.
      const rows = await db
        .updateTable("jobs")
        .set({ state: "running", fence: sql`fence + 1`, lease_until_ms: nowMs + leaseMs, updated_ms: nowMs })
        .where("id", "in", (inner) =>
          inner
            .selectFrom("jobs")
            .select("id")
            .where("state", "=", "seen")
            .where("not_before_ms", "<=", nowMs)
            .orderBy("deadline")
            .orderBy("id")
            .limit(limit),
        )
        .returningAll()
        .execute();
      return rows
        .sort((a, b) => a.deadline - b.deadline || a.id - b.id)
        .map((row) => ({ jobId: row.id, fence: row.fence, attempts: row.attempts, request: requestOf(row) }));
    },

    heartbeat: ({ lease, leaseMs, nowMs }) => fenced(lease, { lease_until_ms: nowMs + leaseMs }),

    answer: ({ lease, answer, timeline }) =>
      db.transaction().execute(async (tx) => {
        const stored = await fenced(lease, { state: "answered", reason: null, ...answerColumns(answer) }, tx);
        if (stored && timeline.length > 0) {
          const { external_id } = await tx
            .selectFrom("jobs")
            .select("external_id")
            .where("id", "=", lease.jobId)
            .executeTakeFirstOrThrow();
          await tx
            .insertInto("timeline")
            .values(
              timeline.map((e) => ({
                request_id: external_id,
                step: e.step,
                host_ms: e.hostMs,
                detail: JSON.stringify(e.detail),
              })),
            )
            .execute();
        }
        return stored;
      }),

    release: ({ lease, notBeforeMs, reason, countAttempt }) =>
      fenced(lease, {
        state: "seen",
        not_before_ms: notBeforeMs,
        reason,
        ...(countAttempt ? { attempts: sql`attempts + 1` } : {}),
      }),

    giveUp: ({ lease, state, reason }) => fenced(lease, { state, reason }),

    reap: async (nowMs) => {
      const result = await db
        .updateTable("jobs")
        // No attempt is counted: no input can end this process, and a daemon that is killed again and again must not end its jobs.
        .set({ state: "seen", reason: "LEASE_LOST", fence: sql`fence + 1` })
        .where("state", "=", "running")
        .where("lease_until_ms", "<", nowMs)
        .executeTakeFirst();
      return Number(result.numUpdatedRows);
    },

    answered: async (limit) => {
      const rows = await db
        .selectFrom("jobs")
        .selectAll()
        .where("state", "=", "answered")
        .orderBy("deadline")
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.flatMap((row) => {
        const answer = answerOf(row);
        return answer === undefined ? [] : [{ jobId: row.id, request: requestOf(row), answer }];
      });
    },

    dropAnswer: async ({ jobId, state, reason, notBeforeMs }) => {
      const result = await db
        .updateTable("jobs")
        .set({
          state,
          reason,
          fence: sql`fence + 1`,
          // No attempt: that a key is not known to the chain any more, or not yet again, is no fault of the job.
          ...(state === "seen" ? NO_ANSWER : {}),
          ...(notBeforeMs === undefined ? {} : { not_before_ms: notBeforeMs }),
        } as never)
        .where("id", "=", jobId)
        .where("state", "=", "answered")
        .executeTakeFirst();
      return result.numUpdatedRows === 1n;
    },
  };
}
