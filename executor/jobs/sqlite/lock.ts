import Database from "libsql";
import { fromSqlite, sqliteCodeOf, storeError } from "../errors";

/**
 * Holds a store for one process. The lock is SQLite's own on a file beside the store, so the kernel drops it when the
 * process dies, however it dies; a pid file alone would have to be believed. Readers of the store are not kept out.
 */
export class StoreLock {
  readonly #database: Database.Database;

  private constructor(database: Database.Database) {
    this.#database = database;
  }

  /** @throws AssayError `STORE_LOCKED` with the holder's pid. */
  static acquire(storePath: string, pid: number): StoreLock {
    const database = new Database(`${storePath}.lock`);
    try {
      database.exec("PRAGMA busy_timeout = 200");
      database.exec("CREATE TABLE IF NOT EXISTS holder (one INTEGER PRIMARY KEY CHECK (one = 1), pid INTEGER NOT NULL)");
      database.exec("BEGIN IMMEDIATE");
      database.exec(`INSERT INTO holder VALUES (1, ${Math.trunc(pid)}) ON CONFLICT (one) DO UPDATE SET pid = excluded.pid`);
      database.exec("COMMIT");
      // From here to the end of the process: nobody else can begin, everybody can read who holds it.
      database.exec("BEGIN IMMEDIATE");
      return new StoreLock(database);
    } catch (error) {
      const holder = sqliteCodeOf(error)?.startsWith("SQLITE_BUSY") ? holderOf(database) : undefined;
      database.close();
      if (holder === undefined) throw fromSqlite(error);
      throw storeError("STORE_LOCKED", "another process uses this store", { context: { path: storePath, pid: holder }, cause: error });
    }
  }

  release(): void {
    this.#database.exec("ROLLBACK");
    this.#database.close();
  }
}

function holderOf(database: Database.Database): number | undefined {
  const row: unknown = database.prepare("SELECT pid FROM holder").all([])[0];
  return typeof row === "object" && row !== null && "pid" in row ? Number(row.pid) : undefined;
}
