import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { JOB_STATES, JOB_TRANSITIONS } from "../../../executor/domain/job";
import { openStore } from "../../../executor/jobs/open";
import { newJobRow } from "../../../executor/jobs/rows";
import { block, request } from "./fixtures";

describe("job store: the table of moves", () => {
  it("lets a job along every drawn edge and along no other, whatever statement tries", async () => {
    const folder = mkdtempSync(join(tmpdir(), "assay-moves-"));
    const { db, close } = openStore(join(folder, "store.sqlite"));
    try {
      const row = newJobRow(request("1", block(1)), 0);
      await db.insertInto("jobs").values(row).execute();
      // The start of each case is put there without a move: the row is written anew.
      const moves = async (from: string, to: string): Promise<boolean> => {
        await db.deleteFrom("jobs").execute();
        await db
          .insertInto("jobs")
          .values({ ...row, state: from } as never)
          .execute();
        try {
          await db
            .updateTable("jobs")
            .set({ state: to } as never)
            .execute();
          return true;
        } catch {
          const { state } = await db.selectFrom("jobs").select("state").executeTakeFirstOrThrow();
          expect(state).to.equal(from);
          return false;
        }
      };
      for (const from of JOB_STATES)
        for (const to of JOB_STATES)
          expect(await moves(from, to), `${from} to ${to}`).to.equal(from === to || JOB_TRANSITIONS[from].includes(to));
    } finally {
      await close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
