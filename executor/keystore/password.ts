import { readFile } from "node:fs/promises";
import { AssayError } from "../domain/errors";
import type { PasswordSource } from "./keystoreFile";

/**
 * The password in a file: its text without one line end, which editors and `echo` leave behind. Other white space belongs to it.
 * The source throws AssayError `KEYSTORE_PASSWORD_MISSING`, `KEYSTORE_PASSWORD_EMPTY`.
 */
export function passwordFromFile(path: string): PasswordSource {
  return async () => {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (cause) {
      throw new AssayError({
        code: "KEYSTORE_PASSWORD_MISSING",
        message: "the password file can not be read",
        context: { path },
        cause,
      });
    }
    const password = text.replace(/\r?\n$/, "");
    if (password === "")
      throw new AssayError({
        code: "KEYSTORE_PASSWORD_EMPTY",
        message: "the password file is empty",
        context: { path },
      });
    return password;
  };
}
