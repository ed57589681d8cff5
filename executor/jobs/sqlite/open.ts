import Database from "libsql";
import { fromSqlite, storeError } from "../errors";
import type { StoreIdentity } from "../ports";
import { SqliteConnection, sql } from "./connection";
import { StoreLock } from "./lock";
import { APPLICATION_ID, MIGRATIONS, STORE_VERSION } from "./migrations";

function pragma(database: Database.Database, name: string): number {
  const row: unknown = database.prepare(`PRAGMA ${name}`).all([])[0];
  return typeof row === "object" && row !== null ? Number(Object.values(row)[0]) : 0;
}

function assertOurs(database: Database.Database, path: string): number {
  const version = pragma(database, "user_version");
  const application = pragma(database, "application_id");
  const tables = pragma(database, "schema_version");
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0 || tables !== 0)) {
    throw storeError("STORE_NOT_OURS", "the file is not a store of this program", { context: { path } });
  }
  if (version > STORE_VERSION) {
    throw storeError("STORE_VERSION_NEWER", "the store was written by a newer release", {
      context: { path, version, supported: STORE_VERSION },
    });
  }
  return version;
}

/** Each step is a transaction of its own with its version number, so that a crash between two is no half step. */
function migrate(database: Database.Database, from: number): void {
  for (let version = from; version < STORE_VERSION; version++) {
    database.exec("BEGIN IMMEDIATE");
    database.exec(MIGRATIONS[version] ?? "");
    database.exec(`PRAGMA user_version = ${version + 1}`);
    database.exec("COMMIT");
  }
}

/** A store belongs to one hub on one chain: the same file under another would mix up ids, nonces and blocks. */
async function bind(connection: SqliteConnection, identity: StoreIdentity): Promise<void> {
  const value = `${identity.chainId}/${identity.genesisHash}/${identity.contract}`;
  const stored = await connection.write(
    (session) => {
      session.run(sql.insertInto("meta").values({ key: "identity", value }).onConflict((oc) => oc.doNothing()));
      return session.first(sql.selectFrom("meta").select("value").where("key", "=", "identity"))?.value;
    },
    { durable: true },
  );
  if (stored !== value) {
    throw storeError("STORE_WRONG_DEPLOYMENT", "the store belongs to another deployment", { context: { stored, expected: value } });
  }
}

export interface OpenedStore {
  readonly connection: SqliteConnection;
  /** Absent for a reader. */
  readonly lock?: StoreLock;
}

/**
 * Opens or creates the file for writing, holds it for this process, and brings it to this version.
 * @throws AssayError `STORE_LOCKED`, `STORE_NOT_OURS`, `STORE_VERSION_NEWER`, `STORE_WRONG_DEPLOYMENT`, and the file's failures
 */
export async function openForWriting(path: string, options: { identity: StoreIdentity; pid: number }): Promise<OpenedStore> {
  const lock = StoreLock.acquire(path, options.pid);
  try {
    const connection = openFile(path, (database) => {
      const version = assertOurs(database, path);
      database.exec("PRAGMA journal_mode = WAL");
      database.exec("PRAGMA synchronous = FULL");
      database.exec("PRAGMA foreign_keys = ON");
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      migrate(database, version);
    });
    try {
      await bind(connection, options.identity);
    } catch (error) {
      connection.close();
      throw error;
    }
    return { connection, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens an existing store beside the daemon that writes it; every method that writes fails on the file. */
export function openForReading(path: string): OpenedStore {
  const connection = openFile(path, (database) => {
    const version = assertOurs(database, path);
    if (version < STORE_VERSION) {
      throw storeError("STORE_NOT_OURS", "the store is empty or of an older release", { context: { path, version } });
    }
    database.exec("PRAGMA query_only = ON");
  });
  return { connection };
}

function openFile(path: string, prepare: (database: Database.Database) => void): SqliteConnection {
  let database: Database.Database | undefined;
  try {
    database = new Database(path);
    database.exec("PRAGMA busy_timeout = 5000");
    prepare(database);
    return new SqliteConnection(database);
  } catch (error) {
    database?.close();
    throw fromSqlite(error);
  }
}
