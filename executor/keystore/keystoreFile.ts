import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { computeAddress, decryptKeystoreJson, encryptKeystoreJson, isError, Wallet } from "ethers";
import { AssayError } from "../domain/errors";
import { type Address, address } from "../domain/ids";
import { parseKeystore } from "./keystoreSchema";

/** How hard guessing the password is made: scrypt's N (RFC 7914), a power of two. 2^17 takes about 128 MB and a second. */
export interface KeystoreCost {
  readonly n: number;
}
export const STANDARD_COST: KeystoreCost = { n: 2 ** 17 };

export interface OpenedKey {
  readonly address: Address;
  /** 0x and 64 hex digits. Never log it, never store it. */
  readonly privateKey: string;
}

/** Asks for a password; it may take as long as a person takes. */
export type PasswordSource = () => Promise<string>;

const fail = (code: string, message: string, path: string, cause?: unknown): AssayError =>
  new AssayError({ code, message, context: { path }, ...(cause === undefined ? {} : { cause }) });

/**
 * Writes a key as an encrypted file (Web3 Secret Storage, version 3), readable by its owner only.
 * An existing file is never touched: it may hold the only copy of a key.
 * @throws AssayError `KEYSTORE_EXISTS`, `KEYSTORE_KEY_INVALID`, `KEYSTORE_PASSWORD_EMPTY`
 */
export async function writeKeystore(args: {
  readonly path: string;
  readonly privateKey: string;
  readonly password: string;
  readonly cost?: KeystoreCost;
}): Promise<Address> {
  const { path, privateKey, password, cost = STANDARD_COST } = args;
  if (password === "") throw fail("KEYSTORE_PASSWORD_EMPTY", "a keystore without a password protects nothing", path);
  if (await exists(path)) throw fail("KEYSTORE_EXISTS", "a file of this name is there already", path);
  let account: string;
  try {
    account = computeAddress(privateKey);
  } catch {
    // No cause: it holds the key.
    throw fail("KEYSTORE_KEY_INVALID", "a private key is 0x and 64 hex digits, within the order of secp256k1", path);
  }
  const text = await encryptKeystoreJson({ address: account, privateKey: privateKey.toLowerCase() }, password, {
    scrypt: { N: cost.n, r: 8, p: 1 },
  });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // A hard link, unlike a rename, fails if the name is taken: no moment between looking and writing.
    await link(temporary, path);
  } catch (cause) {
    if (hasCode(cause, "EEXIST")) throw fail("KEYSTORE_EXISTS", "a file of this name is there already", path);
    throw cause;
  } finally {
    await unlink(temporary);
  }
  return address(account);
}

/** Makes a new key from the system's randomness and writes it. Errors as `writeKeystore`. */
export async function createKeystore(args: {
  readonly path: string;
  readonly password: string;
  readonly cost?: KeystoreCost;
}): Promise<Address> {
  return writeKeystore({ ...args, privateKey: Wallet.createRandom().privateKey });
}

/**
 * Decrypts a keystore file. A damaged ciphertext can not be told from a wrong password: both fail the same MAC.
 * @throws AssayError `KEYSTORE_MISSING`, `KEYSTORE_MODE_TOO_OPEN`, `KEYSTORE_MALFORMED`, `KEYSTORE_WRONG_PASSWORD`
 */
export async function openKeystore(args: {
  readonly path: string;
  readonly password: PasswordSource;
}): Promise<OpenedKey> {
  const { path } = args;
  let text: string;
  try {
    if (process.platform !== "win32" && ((await stat(path)).mode & 0o077) !== 0) {
      throw fail("KEYSTORE_MODE_TOO_OPEN", "other users can read this keystore; chmod 600 it", path);
    }
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) throw fail("KEYSTORE_MISSING", "there is no such keystore", path);
    throw cause;
  }
  const checked = parseKeystore(text, path);
  const password = await args.password();
  try {
    const account = await decryptKeystoreJson(checked, password);
    return { address: address(account.address), privateKey: account.privateKey };
  } catch (cause) {
    // The cause is dropped: ethers keeps the arguments of a call in its errors.
    if (isError(cause, "INVALID_ARGUMENT") && cause.argument === "password")
      throw fail("KEYSTORE_WRONG_PASSWORD", "the password does not open this keystore", path);
    throw fail("KEYSTORE_MALFORMED", "this keystore does not hold the key that it names", path);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
