import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { EnclaveError } from "../errors";

/**
 * The text of a root's file; the file is made if it is not there, readable by its owner only, and never written over: of two processes that start
 * together one makes it and both use it.
 * @throws EnclaveError `ENCLAVE_ROOT_UNUSABLE`
 */
export function secretFile(path: string, make: () => string): string {
  try {
    const fd = openSync(path, "wx", 0o600);
    try {
      writeSync(fd, make());
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unusableRoot(path, "it can not be created", error);
  }
  if ((statSync(path).mode & 0o077) !== 0) throw unusableRoot(path, "it is open to others; its mode must be 0600");
  return readFileSync(path, "utf8");
}

export function unusableRoot(path: string, why: string, cause?: unknown): EnclaveError {
  return new EnclaveError({
    code: "ENCLAVE_ROOT_UNUSABLE",
    message: `the development root ${path} is of no use: ${why}`,
    context: { path },
    cause,
  });
}
