import type { ChainChange, Ending, HeadRef, UnreadableRequest } from "../../domain/chain";
import { assertMove, type JobState } from "../../domain/job";
import type { InferenceRequest, JobKey } from "../../domain/request";
import { storeError } from "../errors";
import type { AppliedChanges } from "../ports";
import { type Session, sql } from "./connection";
import { move, OPEN_STATES, tip, writeMarks } from "./moves";
import { forget, stateWithout } from "./forget";
import { keyOf, type Read } from "./rows";
import type { JobRow } from "./schema";

export type Moved = AppliedChanges["moved"][number];

/** How far below the finalized block the ring of known blocks reaches. */
const RING_BELOW_FINALITY = 512;

export function applyChanges(session: Session, changes: readonly ChainChange[], now: number): AppliedChanges {
  const moved: Moved[] = [];
  for (const change of changes) {
    if (change.type === "block") applyBlock(session, { change, now, moved });
    else if (change.type === "reorg") moved.push(...forget(session, change.ancestor, now));
    else finalize(session, { head: change.head, now, moved });
  }
  return { moved };
}

export function findJob(session: Session, key: JobKey): Read<JobRow> | undefined {
  return session.first(
    sql
      .selectFrom("jobs")
      .selectAll()
      .where("external_id", "=", key.externalId)
      .where("contract", "=", key.contract)
      .where("chain_id", "=", key.chainId.toString())
      .where("source", "=", key.source),
  );
}

function applyBlock(session: Session, args: { change: Extract<ChainChange, { type: "block" }>; now: number; moved: Moved[] }): void {
  const { change, now, moved } = args;
  const cursor = tip(session);
  if (cursor.blockTime !== 0 && change.head.number <= cursor.blockNumber) {
    throw storeError("STORE_CURSOR_MISMATCH", "the changes do not follow the cursor", {
      context: { cursor: cursor.blockNumber, head: change.head.number },
    });
  }
  for (const request of change.requests) moved.push(...open(session, request, now));
  for (const unreadable of change.unreadable) noteUnreadable(session, unreadable);
  for (const ending of change.endings) moved.push(...end(session, ending, now));
  rememberBlock(session, change.head);
}

export function rememberBlock(session: Session, head: HeadRef): void {
  session.run(
    sql
      .insertInto("blocks")
      .values({ number: head.number, hash: head.hash, time: head.time })
      .onConflict((oc) => oc.column("number").doUpdateSet({ hash: head.hash, time: head.time })),
  );
}

function noteUnreadable(session: Session, u: UnreadableRequest): void {
  const row = { external_id: u.key.externalId, code: u.code, block_number: u.block.number };
  session.run(sql.insertInto("unreadable").values(row).onConflict((oc) => oc.column("external_id").doUpdateSet(row)));
}

/** A request appears, for the first time or again after a reorg took it away. */
function open(session: Session, request: InferenceRequest, now: number): Moved[] {
  const place = {
    requested_at: request.requestedAt,
    block_number: request.block.number,
    block_hash: request.block.hash,
    transaction_hash: request.transactionHash,
  };
  const known = findJob(session, request.key);
  if (known === undefined) return [insert(session, request, now)];
  session.run(sql.updateTable("jobs").set(place).where("id", "=", known.id));
  if (known.state !== "orphaned") return [];
  const to = stateWithout(session, known);
  move(session, { jobId: known.id, from: "orphaned", to, now });
  return [{ jobId: known.id, key: request.key, from: "orphaned", to }];
}

function insert(session: Session, request: InferenceRequest, now: number): Moved {
  const row = session.first(
    sql
      .insertInto("jobs")
      .values({
        source: request.key.source,
        chain_id: request.key.chainId.toString(),
        contract: request.key.contract,
        external_id: request.key.externalId,
        state: "seen",
        fence: 0,
        attempts: 0,
        not_before: 0,
        lease_owner: null,
        lease_until: null,
        reason: "",
        deadline: request.terms.deadline,
        requester: request.requester,
        salt: request.salt,
        model_hash: request.modelHash,
        input_hash: request.inputHash,
        input_length: request.input.length,
        terms: request.termsBytes,
        reward_wei: request.rewardWei.toString(),
        requested_at: request.requestedAt,
        block_number: request.block.number,
        block_hash: request.block.hash,
        transaction_hash: request.transactionHash,
        has_answer: 0,
        ending_block: null,
        updated_at: now,
      })
      .returning("id"),
  );
  if (row === undefined) throw storeError("STORE_ROW_MALFORMED", "an insert gave no row");
  session.run(sql.insertInto("inputs").values({ job_id: row.id, bytes: request.input }));
  const at = { blockTime: request.requestedAt, blockNumber: request.block.number };
  writeMarks(session, [
    { jobId: row.id, stage: "asked", hostMs: request.requestedAt * 1000, ...at },
    { jobId: row.id, stage: "seen", hostMs: now, ...at },
  ]);
  return { jobId: row.id, key: request.key, from: "none", to: "seen" };
}

/** A request has ended, by us or by anybody; one that was never seen (before the first block followed) is nobody's. */
function end(session: Session, ending: Ending, now: number): Moved[] {
  const job = findJob(session, ending.key);
  if (job === undefined) return [];
  const row = {
    job_id: job.id,
    block_number: ending.block.number,
    log_index: ending.logIndex,
    kind: ending.kind,
    signer: ending.signer ?? null,
    reason: ending.reason === undefined ? null : String(ending.reason),
    block_hash: ending.block.hash,
    block_time: ending.time,
    transaction_hash: ending.transactionHash,
  };
  session.run(sql.insertInto("endings").values(row).onConflict((oc) => oc.doNothing()));
  const acted = { jobId: job.id, stage: "acted" as const, hostMs: now, blockTime: ending.time, blockNumber: ending.block.number };
  if (ending.kind === "callbackRetried") writeMarks(session, [acted]);
  if (ending.kind === "callbackFailed") session.run(sql.deleteFrom("timeline").where("job_id", "=", job.id).where("stage", "=", "acted"));
  if (ending.kind === "callbackFailed" || ending.kind === "callbackRetried") return [];
  // Bytes 11 to 14 of the terms are `callbackGas` (docs/protocol.md, section 2).
  const hasCallback = Buffer.from(job.terms as ArrayBuffer).readUInt32BE(11) !== 0;
  writeMarks(session, [{ ...acted, stage: "landed" }, ...(ending.kind === "fulfilled" && hasCallback ? [acted] : [])]);
  if (job.state === "settled" || job.state === "expired") return [];
  if (job.state === "landed") {
    session.run(sql.updateTable("jobs").set({ ending_block: ending.block.number }).where("id", "=", job.id));
    return [];
  }
  move(session, { jobId: job.id, from: job.state, to: "landed", now, endingBlock: ending.block.number, reason: "" });
  return [{ jobId: job.id, key: ending.key, from: job.state, to: "landed" }];
}

/** What ended at or below the block has ended; what was not ended by its deadline never will be. */
function finalize(session: Session, args: { head: HeadRef; now: number; moved: Moved[] }): void {
  const { head, now, moved } = args;
  const note = (rows: readonly Read<JobRow>[], from: JobState, to: JobState) => {
    for (const row of rows) moved.push({ jobId: row.id, key: keyOf(row), from, to });
  };
  assertMove("landed", "settled");
  const settle = sql.updateTable("jobs").set({ state: "settled", updated_at: now }).where("state", "=", "landed").where("ending_block", "<=", head.number);
  note(session.all(settle.returningAll()), "landed", "settled");
  for (const from of OPEN_STATES) {
    assertMove(from, "expired");
    const expire = sql
      .updateTable("jobs")
      .set({ state: "expired", updated_at: now, lease_owner: null, lease_until: null, reason: "DEADLINE_PASSED" })
      .where("state", "=", from)
      .where("deadline", "<", head.time);
    note(session.all(expire.returningAll()), from, "expired");
  }
  session.run(sql.deleteFrom("blocks").where("number", "<", head.number - RING_BELOW_FINALITY));
}
