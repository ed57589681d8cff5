import type { Command } from "commander";
import { JsonRpcProvider, type Signer, Wallet } from "ethers";
import { AssayClient } from "../client/index";
import { AssayError } from "../domain/errors";
import { openKeystore } from "../keystore/keystoreFile";
import { passwordFromFile } from "../keystore/password";
import { type ChainOptions, connected } from "./connect";

export interface PayerOptions {
  readonly keystore?: string;
  readonly passwordFile?: string;
  readonly account?: string;
}

/** The options of every command that pays. */
export function withPayer(command: Command): Command {
  return command
    .option("--keystore <file>", "encrypted key that asks and pays")
    .option("--password-file <file>", "password of the keystore")
    .option("--account <n>", "account of a development node, where no keystore is given");
}

/**
 * A client that pays with the key that the options name. Close it.
 * @throws AssayError `CLI_PASSWORD_MISSING`, `CLI_NUMBER_INVALID`, and those of the connection, the keystore and the client
 */
export async function payingClient(
  options: ChainOptions & PayerOptions,
): Promise<{ readonly client: AssayClient; close(): void }> {
  const deployment = await connected(options, async ({ rpc, record }) => {
    // Asked here, because ethers waits for a node that does not answer, without an end.
    await rpc.call("eth_chainId", []);
    return record;
  });
  const provider = new JsonRpcProvider(options.rpcUrl, undefined, { cacheTimeout: -1 });
  try {
    const client = await AssayClient.connect({ signer: await signerOf(options, provider), deployment });
    return { client, close: () => provider.destroy() };
  } catch (error) {
    provider.destroy();
    throw error;
  }
}

/**
 * A key of an encrypted file, or an account that the node itself holds (development nodes do).
 * @throws AssayError `CLI_PASSWORD_MISSING`, `CLI_NUMBER_INVALID`, and those of the keystore
 */
export async function signerOf(options: PayerOptions, provider: JsonRpcProvider): Promise<Signer> {
  if (options.keystore === undefined) return provider.getSigner(whole(options.account ?? "0", "--account"));
  if (options.passwordFile === undefined)
    throw new AssayError({ code: "CLI_PASSWORD_MISSING", message: "--keystore needs --password-file" });
  const { privateKey } = await openKeystore({
    path: options.keystore,
    password: passwordFromFile(options.passwordFile),
  });
  return new Wallet(privateKey, provider);
}

/** @throws AssayError `CLI_NUMBER_INVALID` */
export function whole(text: string, flag: string): number {
  return Number(digits(text, flag, 9));
}

/** @throws AssayError `CLI_NUMBER_INVALID` */
export function weiOf(text: string, flag: string): bigint {
  return BigInt(digits(text, flag, 30));
}

function digits(text: string, flag: string, most: number): string {
  if (/^\d+$/.test(text) && text.length <= most) return text;
  throw new AssayError({ code: "CLI_NUMBER_INVALID", message: `${flag} takes a whole number` });
}
