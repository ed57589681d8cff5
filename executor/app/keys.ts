import { type BaseWallet, Wallet } from "ethers";
import type { Config } from "../config/loadConfig";
import { isDevelopmentChain } from "../domain/developmentChains";
import { AssayError } from "../domain/errors";
import { openKeystore } from "../keystore/keystoreFile";
import { passwordFromFile } from "../keystore/password";

export interface OperatorKeys {
  readonly operator: BaseWallet;
  readonly poster: BaseWallet;
  /** Of PIPE. */
  readonly publisher: BaseWallet;
}

/**
 * The keys of the operator: from encrypted keystores, or, on development chains only, raw from the environment.
 * @throws AssayError `KEYS_RAW_OUTSIDE_DEVELOPMENT`, `KEYS_MISSING` and those of the keystore
 */
export async function openKeys(args: {
  config: Config;
  chainId: bigint;
  ask: (prompt: string) => Promise<string>;
}): Promise<OperatorKeys> {
  const { config } = args;
  const open = async (
    what: string,
    raw: string | undefined,
    file: string | undefined,
    passwordFile: string | undefined,
  ): Promise<BaseWallet | undefined> => {
    if (raw !== undefined) {
      // A raw key in the environment is readable by whatever else runs as this user; where there is real money it must not be there.
      if (!isDevelopmentChain(args.chainId)) {
        throw new AssayError({
          code: "KEYS_RAW_OUTSIDE_DEVELOPMENT",
          message: `chain ${args.chainId} is no development chain; keep the ${what} key in a keystore`,
          context: { chainId: args.chainId.toString(), what },
        });
      }
      return new Wallet(raw);
    }
    if (file === undefined) return undefined;
    const password =
      passwordFile === undefined
        ? () => args.ask(`Password of the ${what} keystore: `)
        : passwordFromFile(passwordFile);
    return new Wallet((await openKeystore({ path: file, password })).privateKey);
  };
  const operator = await open(
    "operator",
    config.operatorPrivateKey,
    config.operatorKeystore,
    config.operatorPasswordFile,
  );
  if (operator === undefined) {
    throw new AssayError({
      code: "KEYS_MISSING",
      message: "name the operator's key: --operator-keystore FILE (assay config lists all ways)",
    });
  }
  const passwordFile = config.posterPasswordFile ?? config.operatorPasswordFile;
  const poster = await open("posting", config.posterPrivateKey, config.posterKeystore, passwordFile);
  const publisher = await open(
    "publisher",
    config.publisherPrivateKey,
    config.publisherKeystore,
    config.publisherPasswordFile ?? passwordFile,
  );
  return { operator, poster: poster ?? operator, publisher: publisher ?? poster ?? operator };
}
