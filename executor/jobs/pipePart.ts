import type { Insertable, Kysely, Selectable } from "kysely";
import { AssayError } from "../domain/errors";
import { address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import type { PipeItem, PipeMove, PipeState, PipeStep } from "../domain/pipe";
import { durably } from "./open";
import type { PipeRecords } from "./ports";
import type { PipeItemTable, Tables } from "./schema";

/** What was given back, or lost its nonce, may be handed in once more; anything else with that id is alive or on the chain. */
const HANDED_IN_AGAIN: readonly PipeState[] = ["returned", "replaced"];
const ENDED: readonly PipeState[] = ["final", "replaced", "returned"];
/** A transaction with one of these states used its nonce, or still may. */
const NOT_REPLACED = ["open", "confirmed", "reverted"] as const;

/** What PIPE holds and has released, with its timeline; and the transactions of our own that carried it. */
export function pipePart(db: Kysely<Tables>): PipeRecords {
  return {
    addPipeItem: (item) =>
      durably(db, async (tx) => {
        // Told by the row and not by the text of a constraint's error.
        await tx.deleteFrom("pipe_items").where("id", "=", item.id).where("state", "in", HANDED_IN_AGAIN).execute();
        const known = await tx.selectFrom("pipe_items").select("state").where("id", "=", item.id).executeTakeFirst();
        if (known !== undefined) {
          throw new AssayError({
            code: "STORE_PIPE_ITEM_KNOWN",
            message: "this transaction or intent is in the store already; ask for its status",
            context: { id: item.id, state: known.state },
          });
        }
        await tx.insertInto("pipe_items").values(itemRow(item)).execute();
      }),

    movePipeItems: async (moves) => {
      const work = async (tx: Kysely<Tables>): Promise<void> => {
        for (const move of moves) await movePipe(tx, move);
      };
      // What may have been sent must not be forgotten by a power cut; every other state is found again by looking at the chain.
      if (moves.some(({ to }) => to === "released")) await durably(db, work);
      else await db.transaction().execute(work);
    },

    addPipeSteps: (id, steps) => addSteps(db, id, steps),

    pipeItem: async (id) => {
      const row = await db.selectFrom("pipe_items").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) return undefined;
      const steps = await db.selectFrom("pipe_steps").selectAll().where("item_id", "=", id).orderBy("seq").execute();
      const timeline = steps.map((step) => ({
        step: step.step,
        hostMs: step.host_ms,
        detail: JSON.parse(step.detail) as PipeStep["detail"],
      }));
      return { ...itemOf(row), timeline };
    },

    pipeItems: async (states) => {
      if (states.length === 0) return [];
      const rows = await db.selectFrom("pipe_items").selectAll().where("state", "in", states).orderBy("seq").execute();
      return rows.map(itemOf);
    },

    prunePipeItems: (beforeMs) => db.transaction().execute((tx) => prunePipe(tx, beforeMs)),

    transactionFor: async (label) => {
      const row = await db
        .selectFrom("outbox")
        .select("hash")
        .where("state", "in", NOT_REPLACED)
        .where("label", "=", label)
        .orderBy("rowid" as never, "desc")
        .limit(1)
        .executeTakeFirst();
      return row === undefined ? undefined : hex32(row.hash);
    },
  };
}

async function movePipe(
  tx: Kysely<Tables>,
  { id, from, to, reason, detail, transactionHash, publishHash, block, step }: PipeMove,
): Promise<void> {
  const moved = await tx
    .updateTable("pipe_items")
    .set({
      state: to,
      // A reason belongs to the state it was given with: one that went back to `released` has none.
      reason: reason ?? null,
      detail: detail ?? null,
      ...(transactionHash === undefined ? {} : { transaction_hash: transactionHash }),
      ...(publishHash === undefined ? {} : { publish_hash: publishHash }),
      block_number: block?.number ?? null,
      block_hash: block?.hash ?? null,
      ...(step === undefined ? {} : { updated_ms: step.hostMs }),
    })
    .where("id", "=", id)
    .where("state", "in", from)
    .executeTakeFirst();
  if (moved.numUpdatedRows === 1n && step !== undefined) await addSteps(tx, id, [step]);
}

/** Forgets what ended before that moment, inside the caller's transaction; returns how many. */
export async function prunePipe(tx: Kysely<Tables>, beforeMs: number): Promise<number> {
  const old = tx.selectFrom("pipe_items").select("id").where("state", "in", ENDED).where("updated_ms", "<", beforeMs);
  await tx.deleteFrom("pipe_steps").where("item_id", "in", old).execute();
  const gone = await tx
    .deleteFrom("pipe_items")
    .where("state", "in", ENDED)
    .where("updated_ms", "<", beforeMs)
    .executeTakeFirst();
  return Number(gone.numDeletedRows);
}

async function addSteps(db: Kysely<Tables>, id: Hex32, steps: readonly PipeStep[]): Promise<void> {
  if (steps.length === 0) return;
  await db
    .insertInto("pipe_steps")
    .values(
      steps.map((step) => ({
        item_id: id,
        step: step.step,
        host_ms: step.hostMs,
        detail: JSON.stringify(step.detail),
      })),
    )
    .execute();
}

function itemRow(item: PipeItem): Insertable<PipeItemTable> {
  return {
    id: item.id,
    kind: item.kind,
    sender: item.sender,
    nonce: item.nonce,
    payload: item.payload,
    state: item.state,
    reason: item.reason ?? null,
    detail: item.detail ?? null,
    accepted_ms: item.acceptedMs,
    deadline_ms: item.deadlineMs,
    updated_ms: item.acceptedMs,
    transaction_hash: item.transactionHash ?? null,
    publish_hash: item.publishHash ?? null,
    block_number: item.block?.number ?? null,
    block_hash: item.block?.hash ?? null,
  };
}

function itemOf(row: Selectable<PipeItemTable>): PipeItem {
  return {
    id: hex32(row.id),
    kind: row.kind as PipeItem["kind"],
    sender: address(row.sender),
    nonce: row.nonce,
    payload: row.payload as HexBytes,
    state: row.state as PipeState,
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
    acceptedMs: row.accepted_ms,
    deadlineMs: row.deadline_ms,
    transactionHash: row.transaction_hash === null ? undefined : hex32(row.transaction_hash),
    publishHash: row.publish_hash === null ? undefined : hex32(row.publish_hash),
    block:
      row.block_number === null || row.block_hash === null
        ? undefined
        : { number: row.block_number, hash: hex32(row.block_hash) },
  };
}
