import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { JOB_STATES, JOB_TRANSITIONS } from "../../../executor/domain/job";
import { PIPE_STATES, PIPE_TRANSITIONS } from "../../../executor/domain/pipe";
import { openStore } from "../../../executor/jobs/open";
import { newJobRow } from "../../../executor/jobs/rows";
import { block, request } from "./fixtures";

const CASES = [
  {
    table: "jobs",
    row: newJobRow(request("1", block(1)), 0),
    states: JOB_STATES,
    transitions: JOB_TRANSITIONS as Readonly<Record<string, readonly string[]>>,
  },
  {
    table: "pipe_items",
    row: {
      id: "0x01",
      kind: "raw",
      sender: "0x02",
      nonce: "0",
      payload: "0x",
      accepted_ms: 0,
      deadline_ms: 0,
      updated_ms: 0,
    },
    states: PIPE_STATES,
    transitions: PIPE_TRANSITIONS as Readonly<Record<string, readonly string[]>>,
  },
] as const;

for (const { table, row, states, transitions } of CASES) {
  describe(`job store: the table of moves of ${table}`, () => {
    it("lets a row along every drawn edge and along no other, whatever statement tries", async () => {
      const folder = mkdtempSync(join(tmpdir(), "assay-moves-"));
      const { db, close } = openStore(join(folder, "store.sqlite"));
      try {
        // The start of each case is put there without a move: the row is written anew.
        const moves = async (from: string, to: string): Promise<boolean> => {
          await db.deleteFrom(table).execute();
          await db
            .insertInto(table)
            .values({ ...row, state: from } as never)
            .execute();
          try {
            await db
              .updateTable(table as "jobs")
              .set({ state: to } as never)
              .execute();
            return true;
          } catch {
            const { state } = await db.selectFrom(table).select("state").executeTakeFirstOrThrow();
            expect(state).to.equal(from);
            return false;
          }
        };
        for (const from of states)
          for (const to of states)
            expect(await moves(from, to), `${from} to ${to}`).to.equal(from === to || transitions[from]?.includes(to));
      } finally {
        await close();
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
}
