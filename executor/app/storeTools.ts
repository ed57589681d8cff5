import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AssayError } from "../domain/errors";
import { diskError } from "../jobs/open";
import { sqliteJobStore } from "../jobs/sqliteStore";

/** Opens the store for one piece of work; a running daemon holds its lock, and then this is refused with `STORE_LOCKED`. */
async function withStore<T>(path: string, work: (store: ReturnType<typeof sqliteJobStore>) => Promise<T>): Promise<T> {
  if (!existsSync(path))
    throw new AssayError({
      code: "STORE_MISSING",
      message: `there is no store at ${path}; name it by --store`,
      context: { path },
    });
  const store = sqliteJobStore(path);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A consistent copy in a new file. @throws AssayError `STORE_MISSING`, `STORE_BACKUP_EXISTS`, `STORE_LOCKED` */
export async function backupStore(path: string, target: string): Promise<void> {
  await withStore(path, (store) => store.backup(target));
}

/**
 * Puts a copy in the place of a store that is not there. What is there is never overwritten: it may hold signed transactions that the
 * copy does not know, and sending others with their nonces would pay twice.
 * @throws AssayError `STORE_MISSING`, `STORE_FILE_EXISTS`, `STORE_UNREADABLE`, `STORE_VERSION_NEWER`, `STORE_DISK_FULL`
 */
export async function restoreStore(source: string, path: string): Promise<void> {
  if (existsSync(path))
    throw new AssayError({
      code: "STORE_FILE_EXISTS",
      message: `${path} is there already; move it away first`,
      context: { path },
    });
  if (!existsSync(source))
    throw new AssayError({
      code: "STORE_MISSING",
      message: `there is no copy at ${source}`,
      context: { path: source },
    });
  // A folder beside the place, so that the name is given by one rename on one disk.
  const folder = mkdtempSync(`${path}.restoring-`);
  try {
    const copy = join(folder, "store.sqlite");
    try {
      copyFileSync(source, copy);
    } catch (cause) {
      throw diskError(path, cause);
    }
    // Opened once before it has its name, so that a damaged copy is refused here and not by the daemon.
    await withStore(copy, (store) => store.counts());
    renameSync(copy, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Deletes final jobs that were not touched for so many days. @returns how many */
export function pruneStore(path: string, olderThanDays: number): Promise<number> {
  return withStore(path, (store) => store.prune(Date.now() - olderThanDays * 86_400_000));
}
