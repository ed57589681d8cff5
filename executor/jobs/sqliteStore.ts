import { existsSync, rmSync } from "node:fs";
import { type Kysely, type Selectable, sql } from "kysely";
import { AssayError } from "../domain/errors";
import { hex32 } from "../domain/ids";
import { JOB_STATES, type JobState } from "../domain/job";
import { chainPart } from "./chainPart";
import { openStore } from "./open";
import { outboxPart } from "./outboxPart";
import { pipePart, prunePipe } from "./pipePart";
import type { JobStore, JobSummary, TimelineStep } from "./ports";
import { requestOf } from "./rows";
import type { JobTable, Tables } from "./schema";
import { workPart } from "./workPart";

/**
 * The job store of one daemon in one SQLite file.
 * @throws AssayError `STORE_LOCKED`, `STORE_VERSION_NEWER`, `STORE_DISK_FULL`, `STORE_UNREADABLE`
 */
export function sqliteJobStore(path: string): JobStore {
  const { db, close } = openStore(path);
  return { ...chainPart(db), ...workPart(db), ...outboxPart(db), ...pipePart(db), ...readPart(db), close };
}

type ReadMethods = "get" | "request" | "timeline" | "addTimeline" | "counts" | "recent" | "prune" | "backup";

function readPart(db: Kysely<Tables>): Pick<JobStore, ReadMethods> {
  return {
    get: async (requestId) => {
      const row = await db.selectFrom("jobs").selectAll().where("external_id", "=", requestId).executeTakeFirst();
      return row === undefined ? undefined : summary(row);
    },
    request: async (requestId) => {
      const row = await db.selectFrom("jobs").selectAll().where("external_id", "=", requestId).executeTakeFirst();
      return row === undefined ? undefined : requestOf(row);
    },
    timeline: async (requestId) => {
      const rows = await db
        .selectFrom("timeline")
        .selectAll()
        .where("request_id", "=", requestId)
        .orderBy("id")
        .execute();
      return rows.map((row) => ({
        step: row.step as TimelineStep,
        hostMs: row.host_ms,
        detail: JSON.parse(row.detail) as Record<string, string>,
      }));
    },
    addTimeline: async (requestId, entries) => {
      if (entries.length === 0) return;
      await db
        .insertInto("timeline")
        .values(
          entries.map((e) => ({
            request_id: requestId,
            step: e.step,
            host_ms: e.hostMs,
            detail: JSON.stringify(e.detail),
          })),
        )
        .execute();
    },
    counts: async () => {
      const rows = await db
        .selectFrom("jobs")
        .select(["state", (e) => e.fn.countAll<number>().as("n")])
        .groupBy("state")
        .execute();
      const counts = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>;
      for (const row of rows) counts[row.state as JobState] = Number(row.n);
      return counts;
    },
    recent: async (limit) =>
      (await db.selectFrom("jobs").selectAll().orderBy("id", "desc").limit(limit).execute()).map(summary),
    prune: (beforeMs) =>
      db.transaction().execute(async (tx) => {
        const old = tx
          .selectFrom("jobs")
          .select("id")
          .where("state", "in", ["settled", "expired", "abandoned", "dead"])
          .where("updated_ms", "<", beforeMs);
        await tx
          .deleteFrom("timeline")
          .where("request_id", "in", tx.selectFrom("jobs").select("external_id").where("id", "in", old))
          .execute();
        await tx.deleteFrom("outbox_jobs").where("job_id", "in", old).execute();
        const result = await tx.deleteFrom("jobs").where("id", "in", old).executeTakeFirst();
        return Number(result.numDeletedRows) + (await prunePipe(tx, beforeMs));
      }),
    backup: async (path) => {
      if (existsSync(path)) {
        throw new AssayError({
          code: "STORE_BACKUP_EXISTS",
          message: "the backup file exists already; choose another name",
          context: { path },
        });
      }
      try {
        await sql`VACUUM INTO ${path}`.execute(db);
      } catch (error) {
        // Half a copy must not be taken for a backup, nor stand in the way of the next one.
        rmSync(path, { force: true });
        throw error;
      }
    },
  };
}

function summary(row: Selectable<JobTable>): JobSummary {
  return {
    jobId: row.id,
    requestId: hex32(row.external_id),
    state: row.state as JobState,
    reason: row.reason ?? undefined,
    attempts: row.attempts,
  };
}
