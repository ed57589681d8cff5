import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import Database from "libsql";
import { isAssayError } from "../../../executor/domain/errors";
import { MIGRATIONS } from "../../../executor/jobs/schema";
import { sqliteJobStore } from "../../../executor/jobs/sqliteStore";
import { jobStoreConformance } from "./conformance";
import { block, h, request } from "./fixtures";
import { pipeStoreConformance } from "./pipeConformance";

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (isAssayError(error)) return error.code;
    throw error;
  }
  return "none";
};

describe("SQLite job store", () => {
  let dir: string;
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "assay-store-"));
    path = join(dir, "jobs.db");
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  describe("as any job store", () => jobStoreConformance(async () => sqliteJobStore(path)));
  describe("as any store of PIPE", () => pipeStoreConformance(async () => sqliteJobStore(path)));

  it("refuses a store of a newer release and leaves it as it is", () => {
    const raw = new Database(path);
    raw.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    raw.close();
    expect(codeOf(() => sqliteJobStore(path))).to.equal("STORE_VERSION_NEWER");
  });

  it("brings a store of version 1 to the newest with its jobs", async () => {
    const raw = new Database(path);
    for (const statement of MIGRATIONS[0] ?? []) raw.exec(statement);
    raw.exec("PRAGMA user_version = 1");
    raw.exec(`INSERT INTO blocks VALUES (7, '${h("b")}', '${h("a")}', 9)`);
    raw.close();
    const store = sqliteJobStore(path);
    expect((await store.blocks(1))[0]?.number).to.equal(7);
    await store.close();
  });

  it("refuses a file that is no database", () => {
    require("node:fs").writeFileSync(path, "this is not a database, and long enough to be looked at as one".repeat(40));
    expect(codeOf(() => sqliteJobStore(path))).to.equal("STORE_UNREADABLE");
  });

  it("reads no finished job in any statement of the hot path", () => {
    const raw = new Database(":memory:");
    for (const statement of MIGRATIONS.flat()) raw.exec(statement);
    const hot = [
      "SELECT id FROM jobs WHERE state = ? AND not_before_ms <= ? ORDER BY deadline, id LIMIT ?",
      "SELECT * FROM jobs WHERE state = ? ORDER BY deadline, id LIMIT ?",
      "UPDATE jobs SET state = ? WHERE state = ? AND ending_block <= ?",
      "UPDATE jobs SET state = ? WHERE state IN (?, ?, ?, ?, ?) AND deadline < ?",
      "UPDATE jobs SET state = ? WHERE state = ? AND lease_until_ms < ?",
      "UPDATE jobs SET state = ? WHERE state IN (?, ?) AND block_number > ?",
      "SELECT * FROM outbox WHERE state = ? AND from_address = ? ORDER BY nonce",
      "SELECT * FROM pipe_items WHERE state = ? ORDER BY seq",
      "UPDATE pipe_items SET state = ? WHERE id = ? AND state IN (?)",
      "DELETE FROM pipe_items WHERE state IN (?, ?, ?) AND updated_ms < ?",
    ];
    for (const text of hot) {
      const parameters = new Array((text.match(/\?/g) ?? []).length).fill(1);
      const plan = raw.prepare(`EXPLAIN QUERY PLAN ${text}`).all(parameters) as { detail: string }[];
      expect(plan.map((row) => row.detail).join("; "), text)
        .to.match(/USING (COVERING )?INDEX/)
        .and.not.match(/SCAN|TEMP B-TREE/);
    }
    raw.close();
  });

  it("backs up a consistent copy and never over a file", async () => {
    const store = sqliteJobStore(path);
    await store.applyBlocks({ blocks: [block(1)], requests: [request("a", block(1))], endings: [], nowMs: 1 });
    const copy = join(dir, "copy.db");
    await store.backup(copy);
    const second = await store.backup(copy).catch((error: unknown) => error);
    expect(isAssayError(second, "STORE_BACKUP_EXISTS")).to.equal(true);
    await store.close();
    const restored = sqliteJobStore(copy);
    expect((await restored.counts()).seen).to.equal(1);
    await restored.close();
  });

  it("refuses a second daemon with the pid of the first, and only while that one lives", async () => {
    const child = startWriter(path);
    const { pid } = await child.line();
    try {
      sqliteJobStore(path);
      expect.fail("two daemons hold one store");
    } catch (error) {
      expect(isAssayError(error, "STORE_LOCKED")).to.equal(true);
      if (isAssayError(error)) expect(Number(error.context.pid)).to.equal(Number(pid));
    }
    await child.kill();
    await sqliteJobStore(path).close();
  });

  it("loses nothing that a killed writer had been told was stored", async () => {
    const child = startWriter(path);
    let last = -1;
    // The kill comes in the middle of a stream of commits, wherever the writer happens to be.
    while (last < 200) last = Number((await child.line()).stored ?? -1);
    await child.kill();
    const store = sqliteJobStore(path);
    const stored = (await store.counts()).seen;
    expect(stored).to.be.greaterThan(last);
    expect((await store.blocks(1))[0]?.number, "cursor and jobs move together").to.equal(stored);
    await store.close();
  });
});

/** A process that stores one request a block and says so after each. */
function startWriter(path: string): { line(): Promise<Record<string, unknown>>; kill(): Promise<void> } {
  const script = `
    const { sqliteJobStore } = require(${JSON.stringify(require.resolve("../../../executor/jobs/sqliteStore"))});
    const { block, request } = require(${JSON.stringify(require.resolve("./fixtures"))});
    (async () => {
      const store = sqliteJobStore(${JSON.stringify(path)});
      console.log(JSON.stringify({ pid: process.pid }));
      for (let i = 0; ; i++) {
        await store.applyBlocks({ blocks: [block(i + 1)], requests: [request(String(i), block(i + 1))], endings: [], nowMs: i });
        console.log(JSON.stringify({ stored: i }));
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();`;
  const child: ChildProcess = spawn(process.execPath, ["-r", "ts-node/register/transpile-only", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("no output");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    line: async () => JSON.parse((await lines.next()).value) as Record<string, unknown>,
    kill: () => {
      child.kill("SIGKILL");
      return exited;
    },
  };
}
