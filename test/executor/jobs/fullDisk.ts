import { appendFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { restoreStore } from "../../../executor/app/storeTools";
import { isAssayError } from "../../../executor/domain/errors";
import { sqliteJobStore } from "../../../executor/jobs/sqliteStore";
import { block, request } from "./fixtures";

/** What a store on a disk that runs full said; printed as one line of JSON by the program below. */
export interface FullDiskReport {
  /** Blocks whose storing was confirmed before the first that failed. */
  readonly stored: number;
  readonly writing: string;
  /** Jobs and newest block afterwards, read while the disk is full. */
  readonly kept: readonly [jobs: number, newest: number];
  readonly backingUp: string;
  readonly halfBackup: boolean;
  readonly restoring: string;
  readonly halfRestored: boolean;
  /** Jobs after there is space again and the failed block is given once more. */
  readonly after: number;
  readonly opening: string;
  /** Jobs of the store that was opened at last. */
  readonly reopened: number;
}

async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    return isAssayError(error) ? `${error.code}: ${error.message}` : `untyped: ${String(error)}`;
  }
}

function fill(file: string): void {
  try {
    for (;;) appendFileSync(file, Buffer.alloc(4_096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** `node fullDisk.ts <folder>`: the folder is a disk of its own, of about a megabyte, that may be filled. */
async function main(folder: string): Promise<void> {
  const [path, copy, ballast] = ["jobs.db", "copy.db", "ballast"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(ballast, Buffer.alloc(300 * 1_024));
  const store = sqliteJobStore(path);
  const write = (n: number) =>
    store.applyBlocks({
      blocks: [block(n + 1)],
      requests: [request(String(n), block(n + 1))],
      endings: [],
      nowMs: n,
    });
  let stored = 0;
  let writing = await outcomeOf(() => write(stored));
  for (; writing === "done"; writing = await outcomeOf(() => write(stored))) stored += 1;
  fill(ballast);
  const kept = [(await store.counts()).seen, (await store.blocks(1))[0]?.number ?? 0] as const;
  const backingUp = await outcomeOf(() => store.backup(copy));
  const halfBackup = existsSync(copy);
  const other = join(folder, "other.db");
  const restoring = await outcomeOf(() => restoreStore(path, other));
  const halfRestored = existsSync(other);
  rmSync(ballast);
  await write(stored);
  const after = (await store.counts()).seen;
  await store.close();
  fill(ballast);
  const opening = await outcomeOf(() => sqliteJobStore(path));
  rmSync(ballast);
  const again = sqliteJobStore(path);
  const reopened = (await again.counts()).seen;
  await again.close();
  const report: FullDiskReport = {
    stored,
    writing,
    kept,
    backingUp,
    halfBackup,
    restoring,
    halfRestored,
    after,
    opening,
    reopened,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

if (require.main === module) {
  main(process.argv[2] ?? "").catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
