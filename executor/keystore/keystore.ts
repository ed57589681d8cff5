import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { type BaseWallet, Wallet, isKeystoreJson } from "ethers";
import { AssayError } from "../domain/errors";

/** Writes a new keystore (Web3 Secret Storage, version 3), readable by its owner only; an existing file is never touched. */
export async function createKeystore(args: { path: string; password: string; wallet?: BaseWallet }): Promise<BaseWallet> {
  const wallet = args.wallet ?? Wallet.createRandom();
  if (args.password.length < 8) {
    throw new AssayError({ code: "KEYSTORE_PASSWORD_SHORT", message: "the password must have at least eight characters" });
  }
  const json = await new Wallet(wallet.privateKey).encrypt(args.password);
  try {
    const fd = openSync(args.path, "wx", 0o600);
    writeSync(fd, json);
    closeSync(fd);
  } catch (cause) {
    throw new AssayError({ code: "KEYSTORE_NOT_WRITTEN", message: `${args.path} can not be written, or exists already`, context: { path: args.path }, cause });
  }
  return wallet;
}

/**
 * Opens a keystore.
 * @throws AssayError `KEYSTORE_MISSING`, `KEYSTORE_MALFORMED`, `KEYSTORE_WRONG_PASSWORD`
 */
export async function openKeystore(args: { path: string; password: string }): Promise<BaseWallet> {
  const { path } = args;
  let json: string;
  try {
    json = readFileSync(path, "utf8");
  } catch (cause) {
    throw new AssayError({ code: "KEYSTORE_MISSING", message: `there is no keystore at ${path}`, context: { path }, cause });
  }
  if (!isKeystoreJson(json)) {
    throw new AssayError({ code: "KEYSTORE_MALFORMED", message: `${path} is no keystore of version 3`, context: { path } });
  }
  try {
    return await Wallet.fromEncryptedJson(json, args.password);
  } catch (cause) {
    // The file is well-formed, so what is left is the MAC: the password is wrong. The cause is dropped, it could quote the password.
    if ((cause as { code?: unknown }).code === "INVALID_ARGUMENT") {
      throw new AssayError({ code: "KEYSTORE_WRONG_PASSWORD", message: `the password does not open ${path}`, context: { path } });
    }
    throw new AssayError({ code: "KEYSTORE_MALFORMED", message: `${path} is no keystore of version 3`, context: { path } });
  }
}
