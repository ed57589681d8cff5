import { assertMove, type JobState } from "../../domain/job";
import type { JobId, TimelineStage } from "../ports";
import { type Session, sql } from "./connection";

/** The states in which a job is somebody's business; finality and reorgs look at these. */
export const OPEN_STATES = ["seen", "running", "answered", "posting", "orphaned"] as const satisfies readonly JobState[];

export interface Move {
  readonly jobId: JobId;
  readonly from: JobState;
  readonly to: JobState;
  readonly now: number;
  /** Refuses the move unless the job still has this fence. */
  readonly fence?: number;
  readonly reason?: string;
  readonly notBefore?: number;
  readonly endingBlock?: number | null;
}

/**
 * The only way a single job changes state. Whatever leaves `running` loses its lease.
 * @returns false if the job is not in `from`, or has another fence.
 * @throws AssayError `JOB_ILLEGAL_MOVE`
 */
export function move(session: Session, m: Move): boolean {
  assertMove(m.from, m.to);
  let update = sql
    .updateTable("jobs")
    .set({ state: m.to, updated_at: m.now, lease_owner: null, lease_until: null })
    .where("id", "=", m.jobId)
    .where("state", "=", m.from);
  if (m.reason !== undefined) update = update.set({ reason: m.reason });
  if (m.notBefore !== undefined) update = update.set({ not_before: m.notBefore });
  if (m.endingBlock !== undefined) update = update.set({ ending_block: m.endingBlock });
  if (m.fence !== undefined) update = update.where("fence", "=", m.fence);
  return session.run(update) === 1;
}

export interface Mark {
  readonly jobId: JobId;
  readonly stage: TimelineStage;
  readonly hostMs: number;
  readonly blockTime: number;
  readonly blockNumber: number;
}

/** Writes or rewrites points of the timeline: a retry makes the last time the true one. */
export function writeMarks(session: Session, marks: readonly Mark[]): void {
  for (const mark of marks) {
    session.run(
      sql
        .insertInto("timeline")
        .values({ job_id: mark.jobId, stage: mark.stage, host_ms: mark.hostMs, block_time: mark.blockTime, block_number: mark.blockNumber })
        .onConflict((oc) =>
          oc.columns(["job_id", "stage"]).doUpdateSet((eb) => ({
            host_ms: eb.ref("excluded.host_ms"),
            block_time: eb.ref("excluded.block_time"),
            block_number: eb.ref("excluded.block_number"),
          })),
        ),
    );
  }
}

/** The newest block the store knows of: the block time of whatever happens now. */
export function tip(session: Session): { readonly blockTime: number; readonly blockNumber: number } {
  const row = session.first(sql.selectFrom("blocks").select(["number", "time"]).orderBy("number", "desc").limit(1));
  return { blockTime: row?.time ?? 0, blockNumber: row?.number ?? 0 };
}
