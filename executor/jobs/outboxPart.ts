import type { Kysely } from "kysely";
import { durably } from "./open";
import type { JobStore } from "./ports";
import { outboxRow, transactionOf } from "./rows";
import type { Tables } from "./schema";

/** Signed transactions: stored before they are sent, followed until the chain says what became of them. */
export function outboxPart(
  db: Kysely<Tables>,
): Pick<JobStore, "recordTransaction" | "openTransactions" | "closeTransaction"> {
  return {
    recordTransaction: (tx) =>
      durably(db, async (inner) => {
        await inner
          .insertInto("outbox")
          .values(outboxRow(tx))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        if (tx.jobIds.length === 0) return;
        await inner
          .insertInto("outbox_jobs")
          .values(tx.jobIds.map((job_id) => ({ hash: tx.hash, job_id })))
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await inner
          .updateTable("jobs")
          .set({ state: "posting" })
          .where("id", "in", tx.jobIds)
          .where("state", "=", "answered")
          .execute();
      }),

    openTransactions: async (from) => {
      const rows = await db
        .selectFrom("outbox")
        .selectAll()
        .where("state", "=", "open")
        .where("from_address", "=", from)
        .orderBy("nonce")
        .execute();
      return Promise.all(
        rows.map(async (row) => {
          const jobs = await db.selectFrom("outbox_jobs").select("job_id").where("hash", "=", row.hash).execute();
          return transactionOf(
            row,
            jobs.map((job) => job.job_id),
          );
        }),
      );
    },

    closeTransaction: ({ hash, state, block }) =>
      db.transaction().execute(async (inner) => {
        if (block !== undefined && !(await isOfRecordedChain(inner, block))) return false;
        await inner
          .updateTable("outbox")
          .set({ state, block_number: block?.number ?? null })
          .where("hash", "=", hash)
          .execute();
        // What this transaction ended is `landed` by now: a block's endings are applied together with its record. So a job that is still here was
        // not ended by it, whatever the receipt says: its item was rejected, its nonce was lost, or the receipt was of a block that a reorg had
        // taken away unseen. It is posted again, unless another open transaction carries it too (a fee bump).
        await inner
          .updateTable("jobs")
          .set({ state: "answered" })
          .where("state", "=", "posting")
          .where("id", "in", (jobs) => jobs.selectFrom("outbox_jobs").select("job_id").where("hash", "=", hash))
          .where("id", "not in", (jobs) =>
            jobs
              .selectFrom("outbox_jobs")
              .innerJoin("outbox", "outbox.hash", "outbox_jobs.hash")
              .select("outbox_jobs.job_id")
              .where("outbox.state", "=", "open"),
          )
          .execute();
        return true;
      }),
  };
}

/** A number without a record, below the newest one, is of a stretch that was read in one piece: only its last block is on record. */
async function isOfRecordedChain(
  db: Kysely<Tables>,
  block: { readonly number: number; readonly hash: string },
): Promise<boolean> {
  const known = await db
    .selectFrom("blocks")
    .select(["number", "hash"])
    .where("number", ">=", block.number)
    .orderBy("number")
    .limit(1)
    .executeTakeFirst();
  return known !== undefined && (known.number !== block.number || known.hash === block.hash);
}
