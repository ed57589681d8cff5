import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement, sql } from "kysely";
import Database from "libsql";
import { AssayError } from "../domain/errors";
import { moveGuards } from "./moves";
import { MIGRATIONS, type Tables } from "./schema";

export interface OpenStore {
  readonly db: Kysely<Tables>;
  /** Closes the database and gives the lock back. */
  close(): Promise<void>;
}

interface RawDatabase extends SqliteDatabase {
  exec(sql: string): void;
  pragma(text: string): unknown;
  readonly inTransaction: boolean;
}

function openRaw(path: string): RawDatabase {
  return new Database(path) as unknown as RawDatabase;
}

const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/**
 * A lock that lives exactly as long as the process: an exclusive SQLite transaction on a file beside the store. The kernel drops
 * it on any death, SIGKILL included, so there is no stale lock to reason about; the pid in it is for the message only.
 * @throws AssayError `STORE_LOCKED`
 */
function lock(path: string): () => void {
  const file = `${path}.lock`;
  const pidFile = `${path}.pid`;
  const db = openRaw(file);
  try {
    db.pragma("busy_timeout = 0");
    db.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    if (!codeOf(cause).startsWith("SQLITE_BUSY")) throw diskError(path, cause);
    const pid = existsSync(pidFile) ? readFileSync(pidFile, "utf8").trim() : "unknown";
    throw new AssayError({
      code: "STORE_LOCKED",
      message: `the store is in use by process ${pid}; stop that daemon or give this one another dataDir`,
      context: { path, pid },
      cause,
    });
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return () => {
    // libsql keeps the file open until its handle is collected; only the end of the transaction gives the lock back now.
    db.exec("ROLLBACK");
    db.close();
  };
}

/** What SQLite or the file system says when the disk is to blame, and not the statement. */
const DISK_ERRORS = /^(SQLITE_(FULL|IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY)|ENOSPC|EDQUOT|EIO|EROFS)/;

/** Out of space and broken files are the operator's to mend; both keep what was committed. */
export function diskError(path: string, cause: unknown): AssayError {
  const code = codeOf(cause);
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC" || code === "EDQUOT") {
    return new AssayError({
      code: "STORE_DISK_FULL",
      message: "the disk is full; nothing was lost, free some space",
      context: { path },
      retry: "later",
      cause,
    });
  }
  return new AssayError({
    code: "STORE_UNREADABLE",
    message: "the store can not be read or written; look at the disk and its rights, or restore a backup",
    context: { path, sqlite: code },
    cause,
  });
}

/**
 * The database as Kysely uses it. Errors of the disk come in our own words, so that the loops above know that waiting helps. And when SQLite
 * has ended a transaction itself, as it does on a full disk, there is nothing to roll back: the failing rollback would hide the reason.
 */
function guarded(raw: RawDatabase, path: string): SqliteDatabase {
  const told = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw DISK_ERRORS.test(codeOf(cause)) ? diskError(path, cause) : cause;
    }
  };
  const nothing: SqliteStatement = {
    reader: false,
    all: () => [],
    run: () => ({ changes: 0, lastInsertRowid: 0 }),
    iterate: () => [].values(),
  };
  const prepare = (text: string): SqliteStatement => {
    const statement = told(() => raw.prepare(text));
    return {
      reader: statement.reader,
      all: (parameters) => told(() => statement.all(parameters)),
      run: (parameters) => told(() => statement.run(parameters)),
      iterate: (parameters) => told(() => statement.iterate(parameters)),
    };
  };
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => raw.close(),
    prepare: (text) => {
      if (text === "rollback" && !raw.inTransaction) return nothing;
      const known = prepared.get(text);
      if (known !== undefined) return known;
      const statement = prepare(text);
      // Few statements make up nearly all work; those with lists of values come in every length.
      if (prepared.size < MAX_PREPARED && text.length < MAX_PREPARED_CHARS) prepared.set(text, statement);
      return statement;
    },
  };
}

const MAX_PREPARED = 200;
const MAX_PREPARED_CHARS = 4_096;

/**
 * Runs a transaction whose commit survives a power cut, and with it everything committed before. Kysely has one connection here, so that
 * nobody else's commit comes in between.
 */
export function durably<T>(db: Kysely<Tables>, work: (tx: Kysely<Tables>) => Promise<T>): Promise<T> {
  return db.connection().execute(async (connection) => {
    await sql`PRAGMA synchronous = FULL`.execute(connection);
    try {
      return await connection.transaction().execute(work);
    } finally {
      await sql`PRAGMA synchronous = NORMAL`.execute(connection);
    }
  });
}

function migrate(raw: RawDatabase, path: string): void {
  // libsql's `pragma` knows no `simple` option: it hands out an object, whose number is NaN and compares with nothing.
  const [row] = raw.prepare("PRAGMA user_version").all([]) as { user_version: number }[];
  const version = row?.user_version;
  if (version === undefined)
    throw new AssayError({ code: "STORE_UNREADABLE", message: "the store has no version", context: { path } });
  if (version > MIGRATIONS.length) {
    throw new AssayError({
      code: "STORE_VERSION_NEWER",
      message: `the store has version ${version}, this program knows up to ${MIGRATIONS.length}; use the newer program or another dataDir`,
      context: { path, version, known: MIGRATIONS.length },
    });
  }
  if (version === MIGRATIONS.length) return;
  raw.exec("BEGIN IMMEDIATE");
  for (const statement of MIGRATIONS.slice(version).flat()) raw.exec(statement);
  raw.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  raw.exec("COMMIT");
}

/**
 * Opens the store of one daemon, bringing it to the newest version.
 * WAL with `synchronous = NORMAL`: a commit that returned survives the death of this process. A power cut may take the store back to an
 * earlier moment, whole; what was seen is then read from the chain again and what was answered is computed again, by a new key. A transaction
 * that may have been sent is the one thing that must not be forgotten, or it would be sent twice with other bytes: see `durably`.
 * @throws AssayError `STORE_LOCKED`, `STORE_VERSION_NEWER`, `STORE_DISK_FULL`, `STORE_UNREADABLE`
 */
export function openStore(path: string): OpenStore {
  mkdirSync(dirname(path), { recursive: true });
  const unlock = lock(path);
  try {
    const raw = openRaw(path);
    raw.pragma("journal_mode = WAL");
    raw.pragma("synchronous = NORMAL");
    raw.pragma("busy_timeout = 5000");
    migrate(raw, path);
    for (const guard of moveGuards()) raw.exec(guard);
    const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: guarded(raw, path) }) });
    return {
      db,
      close: async () => {
        await db.destroy();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw error instanceof AssayError ? error : diskError(path, error);
  }
}
