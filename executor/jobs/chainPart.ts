import { type Kysely, sql, type Transaction } from "kysely";
import type { Ending, SeenBlock } from "../domain/chain";
import { hex32 } from "../domain/ids";
import type { JobStore } from "./ports";
import { newJobRow } from "./rows";
import type { Tables } from "./schema";

/** Blocks that are kept to find a common ancestor after a reorg; a deeper reorg than this starts again from the deployment. */
const RING = 1_024;

/** What a reorg takes back. Final states stay: a job that was given up is not taken up because its request moved to another block. */
const REVOCABLE = ["seen", "running", "answered", "posting", "landed"] as const;

/**
 * Where a job stands that the chain says nothing about any more: as far as our own record reaches. While a stored transaction
 * can still land the answer, a second one would only pay for a revert.
 */
const STATE_WITHOUT_CHAIN = sql<string>`CASE WHEN answer_kind IS NULL THEN 'seen' WHEN EXISTS (
  SELECT 1 FROM outbox_jobs JOIN outbox ON outbox.hash = outbox_jobs.hash
  WHERE outbox_jobs.job_id = jobs.id AND outbox.state = 'open') THEN 'posting' ELSE 'answered' END`;

type Tx = Transaction<Tables>;

/** The half of the store that follows the chain: requests, endings, and the cursor, always in one transaction. */
export function chainPart(db: Kysely<Tables>): Pick<JobStore, "blocks" | "applyBlocks" | "rewind" | "finalize"> {
  return {
    blocks: async (limit) => {
      const rows = await db.selectFrom("blocks").selectAll().orderBy("number", "desc").limit(limit).execute();
      return rows.map((row) => ({
        number: row.number,
        hash: hex32(row.hash),
        parentHash: hex32(row.parent_hash),
        timestamp: row.timestamp,
      }));
    },

    applyBlocks: ({ blocks, requests, endings, nowMs }) =>
      db.transaction().execute(async (tx) => {
        for (const block of blocks) await insertBlock(tx, block);
        const newest = blocks.at(-1);
        if (newest !== undefined)
          await tx
            .deleteFrom("blocks")
            .where("number", "<=", newest.number - RING)
            .execute();
        let added = 0;
        for (const request of requests) {
          const result = await tx
            .insertInto("jobs")
            .values(newJobRow(request, nowMs))
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst();
          if (Number(result.numInsertedOrUpdatedRows ?? 0n) > 0) {
            added++;
            continue;
          }
          // It came back in another block; an answer that was computed before is still good, since the id commits to everything.
          await tx
            .updateTable("jobs")
            .set({
              state: STATE_WITHOUT_CHAIN,
              block_number: request.block.number,
              block_hash: request.block.hash,
              transaction_hash: request.transactionHash,
              requested_at: request.requestedAt,
              fence: sql`fence + 1`,
              updated_ms: nowMs,
            })
            .where("external_id", "=", request.requestId)
            .where("state", "=", "orphaned")
            .execute();
        }
        let ended = 0;
        for (const ending of endings) ended += await applyEnding(tx, ending, nowMs);
        return { added, ended };
      }),

    rewind: (ancestor) =>
      db.transaction().execute(async (tx) => {
        await tx.deleteFrom("blocks").where("number", ">", ancestor).execute();
        // A transaction that the reorg threw out may be mined again or not: it is open until the chain says. First of all, because
        // where a job goes depends on it.
        await tx
          .updateTable("outbox")
          .set({ state: "open", block_number: null })
          .where("block_number", ">", ancestor)
          .execute();
        // Endings first: a job that lost both its request and its ending is orphaned by the second statement.
        const reopened = await tx
          .updateTable("jobs")
          .set({
            state: STATE_WITHOUT_CHAIN,
            reason: null,
            ending_kind: null,
            ending_block: null,
            ending_transaction: null,
            ending_signer: null,
            fence: sql`fence + 1`,
          })
          .where("state", "=", "landed")
          .where("ending_block", ">", ancestor)
          .executeTakeFirst();
        const orphaned = await tx
          .updateTable("jobs")
          .set({ state: "orphaned", fence: sql`fence + 1` })
          .where("state", "in", [...REVOCABLE])
          .where("block_number", ">", ancestor)
          .executeTakeFirst();
        return { orphaned: Number(orphaned.numUpdatedRows), reopened: Number(reopened.numUpdatedRows) };
      }),

    finalize: ({ number, timestamp }) =>
      db.transaction().execute(async (tx) => {
        const settled = await tx
          .updateTable("jobs")
          .set({ state: "settled" })
          .where("state", "=", "landed")
          .where("ending_block", "<=", number)
          .executeTakeFirst();
        const expired = await tx
          .updateTable("jobs")
          .set({ state: "expired", reason: "DEADLINE_PASSED", fence: sql`fence + 1` })
          .where("state", "in", ["seen", "running", "answered", "posting", "orphaned"])
          .where("deadline", "<", timestamp)
          .executeTakeFirst();
        return { settled: Number(settled.numUpdatedRows), expired: Number(expired.numUpdatedRows) };
      }),
  };
}

async function insertBlock(tx: Tx, block: SeenBlock): Promise<void> {
  const row = { number: block.number, hash: block.hash, parent_hash: block.parentHash, timestamp: block.timestamp };
  await tx
    .insertInto("blocks")
    .values(row)
    .onConflict((conflict) => conflict.column("number").doUpdateSet(row))
    .execute();
}

/** An ending is a fact of the chain and overrules whatever state the job was in; the fence turns a worker that still computes away. */
async function applyEnding(tx: Tx, ending: Ending, nowMs: number): Promise<number> {
  const result = await tx
    .updateTable("jobs")
    .set({
      state: "landed",
      reason: ending.callbackFailed ? "CALLBACK_FAILED" : null,
      ending_kind: ending.kind,
      ending_block: ending.block.number,
      ending_transaction: ending.transactionHash,
      ending_signer: ending.signer ?? null,
      fence: sql`fence + 1`,
      updated_ms: nowMs,
    })
    .where("external_id", "=", ending.requestId)
    .where("state", "not in", ["settled", "landed", "expired"])
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}
