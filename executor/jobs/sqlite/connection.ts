import Database from "libsql";
import { type CompiledQuery, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from "kysely";
import { fromSqlite, storeError } from "../errors";
import type { StoreTables } from "./schema";

/** Builds typed SQL and never runs it: the driver is synchronous, and a transaction that awaits lets others in. */
export const sql = new Kysely<StoreTables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

interface Compilable<Row> {
  compile(): CompiledQuery<Row>;
}

/** What a unit of work may do. It is synchronous from `BEGIN` to `COMMIT`. */
export interface Session {
  all<Row>(query: Compilable<Row>): Row[];
  first<Row>(query: Compilable<Row>): Row | undefined;
  /** Runs a statement that returns no rows; answers how many rows it changed. */
  run(query: Compilable<unknown>): number;
}

interface Work {
  readonly durable: boolean;
  readonly body: (session: Session) => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

type Finished = { readonly work: Work; readonly value: unknown };

/**
 * One SQLite database. Writes that arrive in one turn of the event loop share one transaction and so one `fsync`; each
 * keeps its own savepoint, so that one that throws takes nothing of the others with it.
 *
 * WAL with `synchronous=NORMAL` survives the death of the process; `FULL` survives a power cut as well and is used where
 * the chain can not tell again what was lost. A later `FULL` commit syncs every earlier one, so the order holds.
 */
export class SqliteConnection implements Session {
  readonly #database: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  #queue: Work[] = [];
  #scheduled = false;
  #closed = false;

  constructor(database: Database.Database) {
    this.#database = database;
  }

  write<T>(body: (session: Session) => T, options: { durable: boolean }): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(storeError("STORE_CLOSED", "the store is closed"));
        return;
      }
      this.#queue.push({ durable: options.durable, body, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // A microtask, not a timer: everything that is already on its way joins, nothing waits.
      queueMicrotask(() => queueMicrotask(() => this.#flush()));
    });
  }

  async read<T>(body: (session: Session) => T): Promise<T> {
    if (this.#closed) throw storeError("STORE_CLOSED", "the store is closed");
    try {
      return body(this);
    } catch (error) {
      throw fromSqlite(error);
    }
  }

  all<Row>(query: Compilable<Row>): Row[] {
    const { sql: text, parameters } = query.compile();
    // The driver types rows as unknown; their shape is what the typed builder selected.
    return this.#prepare(text).all(parameters as unknown[]) as Row[];
  }

  first<Row>(query: Compilable<Row>): Row | undefined {
    return this.all(query)[0];
  }

  run(query: Compilable<unknown>): number {
    const { sql: text, parameters } = query.compile();
    return this.#prepare(text).run(parameters as unknown[]).changes;
  }

  /** For statements that the builder has no words for; never with a value inside. */
  exec(text: string): void {
    try {
      this.#database.exec(text);
    } catch (error) {
      throw fromSqlite(error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(text: string): Database.Statement {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(text);
    // Lists in a query make texts of many lengths; a bound keeps a rare one from staying for ever.
    if (this.#statements.size >= 512) this.#statements.clear();
    this.#statements.set(text, statement);
    return statement;
  }

  #flush(): void {
    const group = this.#queue;
    this.#queue = [];
    this.#scheduled = false;
    if (group.length === 0) return;
    const finished: Finished[] = [];
    try {
      this.#database.exec(group.some((work) => work.durable) ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
      this.#database.exec("BEGIN IMMEDIATE");
      for (const work of group) this.#runOne(work, finished);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#rollback();
      for (const work of group) work.reject(fromSqlite(error));
      return;
    }
    for (const { work, value } of finished) work.resolve(value as never);
  }

  /** One unit of work in its savepoint. A failure of the file is everybody's and is thrown on. */
  #runOne(work: Work, finished: Finished[]): void {
    this.#database.exec("SAVEPOINT work");
    try {
      finished.push({ work, value: work.body(this) });
      this.#database.exec("RELEASE work");
    } catch (error) {
      if (fromSqlite(error) !== error) throw error;
      this.#database.exec("ROLLBACK TO work");
      this.#database.exec("RELEASE work");
      work.reject(error);
    }
  }

  #rollback(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself on a full disk or an I/O error; then there is nothing left to roll back.
    }
  }
}
