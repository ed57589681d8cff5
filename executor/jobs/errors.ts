import { AssayError, type RetryClass } from "../domain/errors";

/**
 * Codes of the store.
 * - `STORE_LOCKED`: another process holds it; its pid is in the context.
 * - `STORE_VERSION_NEWER`: written by a newer release. `STORE_NOT_OURS`: a database of something else.
 * - `STORE_WRONG_DEPLOYMENT`: the store belongs to another chain or hub.
 * - `STORE_DISK_FULL`, `STORE_CORRUPT`, `STORE_BUSY`, `STORE_IO`: the file; nothing of the transaction took effect.
 * - `STORE_CLOSED`: used after `close`.
 * - `STORE_NONCE_TAKEN`: a transaction under this nonce is still alive. `STORE_CURSOR_MISMATCH`: changes do not follow the cursor.
 * - `STORE_BACKUP_EXISTS`: a backup never overwrites. `STORE_ROW_MALFORMED`: a row was changed by hand.
 */
export type StoreCode =
  | "STORE_LOCKED"
  | "STORE_VERSION_NEWER"
  | "STORE_NOT_OURS"
  | "STORE_WRONG_DEPLOYMENT"
  | "STORE_DISK_FULL"
  | "STORE_CORRUPT"
  | "STORE_BUSY"
  | "STORE_IO"
  | "STORE_CLOSED"
  | "STORE_NONCE_TAKEN"
  | "STORE_BACKUP_EXISTS"
  | "STORE_ROW_MALFORMED"
  | "STORE_CURSOR_MISMATCH";

const RETRY: Partial<Record<StoreCode, RetryClass>> = { STORE_DISK_FULL: "later", STORE_BUSY: "later", STORE_IO: "later", STORE_LOCKED: "later" };

export function storeError(code: StoreCode, message: string, more: { context?: Record<string, unknown>; cause?: unknown } = {}): AssayError {
  return new AssayError({
    code,
    message,
    retry: RETRY[code] ?? "never",
    ...(more.context === undefined ? {} : { context: more.context }),
    ...(more.cause === undefined ? {} : { cause: more.cause }),
  });
}

/** SQLite's primary result codes (sqlite.org/rescode.html) by the names that the driver gives them. */
const CODE_OF_SQLITE: readonly (readonly [prefix: string, code: StoreCode])[] = [
  ["SQLITE_FULL", "STORE_DISK_FULL"],
  ["SQLITE_CORRUPT", "STORE_CORRUPT"],
  ["SQLITE_NOTADB", "STORE_NOT_OURS"],
  ["SQLITE_BUSY", "STORE_BUSY"],
  ["SQLITE_LOCKED", "STORE_BUSY"],
  ["SQLITE_IOERR", "STORE_IO"],
  ["SQLITE_CANTOPEN", "STORE_IO"],
  ["SQLITE_READONLY", "STORE_IO"],
];

/** The driver's result code, if the error is the driver's. */
export function sqliteCodeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : undefined;
}

/** The store's error for a failure of the file; any other error as it is, because it is a bug or an `AssayError`. */
export function fromSqlite(error: unknown): unknown {
  const code = sqliteCodeOf(error);
  const found = CODE_OF_SQLITE.find(([prefix]) => code?.startsWith(prefix));
  return found === undefined ? error : storeError(found[1], "the store's file failed", { context: { sqlite: code }, cause: error });
}
