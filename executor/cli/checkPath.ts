import type { InferencePath } from "../conformance/run";
import { AssayError } from "../domain/errors";
import { type PayerOptions, payingClient, weiOf, whole } from "./payer";

/** The options of `assay model check`. */
export interface CheckOptions extends PayerOptions {
  readonly through: string;
  readonly minimumLevel: string;
  readonly timeoutSeconds: string;
  readonly network: string;
  readonly deployment?: string;
  readonly rpcUrl?: string;
  readonly rewardWei?: string;
  readonly json?: boolean;
}

/** A way for models and inputs, open until it is closed. */
export interface OpenPath extends InferencePath {
  /** For the last line: what the cases went through. */
  readonly where: string;
  close(): Promise<void>;
}

/**
 * The path that the options name. What is wrong with them is said at once; the path opens when the function is called.
 * @throws AssayError `CLI_PATH_UNKNOWN`, `CLI_LEVEL_INVALID`, `CLI_NUMBER_INVALID`, `CLI_OPTION_UNUSED`, `CLI_REWARD_MISSING`
 */
export function pathNamed(options: CheckOptions): () => Promise<OpenPath> {
  const { through, rpcUrl, rewardWei } = options;
  if (!/^[1-3]$/.test(options.minimumLevel))
    throw new AssayError({ code: "CLI_LEVEL_INVALID", message: "--minimum-level takes 1, 2 or 3" });
  const minimumLevel = Number(options.minimumLevel) as 1 | 2 | 3;
  const timeoutMs = 1_000 * whole(options.timeoutSeconds, "--timeout-seconds");
  if (through !== "enclave" && through !== "chain")
    throw new AssayError({ code: "CLI_PATH_UNKNOWN", message: `--through takes enclave or chain, not "${through}"` });
  if (rpcUrl !== undefined && through !== "chain")
    throw new AssayError({ code: "CLI_OPTION_UNUSED", message: "--rpc-url belongs to --through chain" });
  if (rpcUrl === undefined) {
    const paying = Object.entries({ rewardWei, keystore: options.keystore, account: options.account });
    const [unused] = paying.find(([, value]) => value !== undefined) ?? [];
    if (unused !== undefined)
      throw new AssayError({
        code: "CLI_OPTION_UNUSED",
        message: `--${unused.replace("Wei", "-wei")} belongs to --rpc-url; without it nothing is paid`,
      });
    return through === "enclave" ? () => enclave(minimumLevel) : () => localChain({ minimumLevel, timeoutMs });
  }
  if (rewardWei === undefined)
    throw new AssayError({
      code: "CLI_REWARD_MISSING",
      message:
        "--rpc-url needs --reward-wei, which is paid for each set of each case (assay quote says what is enough)",
    });
  const reward = weiOf(rewardWei, "--reward-wei");
  return () => runningChain({ ...options, rpcUrl, reward, minTrust: minimumLevel, timeoutMs });
}

async function enclave(minimumLevel: 1 | 2 | 3): Promise<OpenPath> {
  const { openEnclavePath } = await import("../app/enclavePath.js");
  const path = await openEnclavePath(minimumLevel);
  return { run: path.run, close: path.close, where: `at level ${path.level}` };
}

async function localChain(options: { minimumLevel: number; timeoutMs: number }): Promise<OpenPath> {
  const { openLocalChain } = await import("./localChain.js");
  const path = await openLocalChain(options);
  return { run: path.run, close: path.close, where: `through a chain of its own, at level ${path.level}` };
}

/** A chain and an executor that others run; the models must be where that executor finds them. */
async function runningChain(
  options: CheckOptions & { rpcUrl: string; reward: bigint; minTrust: number; timeoutMs: number },
): Promise<OpenPath> {
  const { rpcUrl, reward: rewardWei, minTrust, timeoutMs } = options;
  const { chainPath } = await import("./chainPath.js");
  const { client, close } = await payingClient({ ...options, rpcUrl });
  return {
    ...chainPath({ client, rewardWei, minTrust, timeoutMs }),
    where: `through ${new URL(rpcUrl).origin}`,
    close: async () => close(),
  };
}
