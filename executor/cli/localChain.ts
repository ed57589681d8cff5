import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JsonRpcProvider, parseEther, Wallet } from "ethers";
import { runExecutor } from "../app/daemon";
import { approvedImages } from "../app/images";
import { platformRootPath } from "../app/paths";
import { AssayClient } from "../client/index";
import { loadConfig } from "../config/loadConfig";
import type { InferencePath } from "../conformance/run";
import { deployAssay } from "../deployment/deploy";
import { type LocalNode, startLocalNode } from "../deployment/localNode";
import { writeDeployment } from "../deployment/record";
import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import { chainPath } from "./chainPath";

const REWARD_WEI = 10n ** 15n;

/**
 * The whole chain path of this machine and nothing outside of it: a development chain, the contracts, the executor with its real enclave, and
 * a client that asks and reads back. All of it is new, and gone after `close`.
 * @throws AssayError of whatever can not start: `LOCAL_NODE_…`, `ARTIFACT_MISSING`, `ENCLAVE_…`; nothing is left running then
 */
export async function openLocalChain(options: {
  readonly minimumLevel: number;
  readonly timeoutMs: number;
}): Promise<InferencePath & { readonly level: number; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "assay-check-"));
  const closers: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  // Who ends this command by a signal must not leave a chain and an enclave behind.
  const onSignal = (): void => void close().finally(() => process.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, onSignal);
    closers.push(() => {
      process.off(signal, onSignal);
    });
  }
  try {
    const node = await startLocalNode();
    closers.push(() => node.stop());
    const provider = new JsonRpcProvider(node.url, undefined, {
      cacheTimeout: -1,
      staticNetwork: true,
      pollingInterval: 50,
    });
    closers.push(() => provider.destroy());
    const executor = await startExecutor({ provider, folder, node, ...options });
    closers.push(() => executor.stop());
    const client = await AssayClient.connect({
      signer: await provider.getSigner(1),
      deployment: join(folder, "deployment.json"),
    });
    const offer = offerIn(executor.modelsDir);
    const { timeoutMs, minimumLevel } = options;
    const parts = { client, rewardWei: REWARD_WEI, minTrust: minimumLevel, timeoutMs, offer, failed: executor.failed };
    return { ...chainPath(parts), level: executor.level, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface LocalExecutor {
  /** The trust level that the chain gave its enclave. */
  readonly level: number;
  readonly modelsDir: string;
  /** Rejects when the executor ends by itself. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** Deploys, and starts the same executor that `assay executor` is, in this process, with an operator's key that is made for it. */
async function startExecutor(parts: {
  readonly provider: JsonRpcProvider;
  readonly node: LocalNode;
  readonly folder: string;
  readonly minimumLevel: number;
}): Promise<LocalExecutor> {
  const { provider, node, folder } = parts;
  const { loadPlatform } = await import("../enclave/platform/platform.js");
  const [dataDir, modelsDir, deploymentFile] = ["data", "models", "deployment.json"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const made of [dataDir, modelsDir]) mkdirSync(made);
  const platform = loadPlatform(platformRootPath(dataDir));
  const deployer = await provider.getSigner(0);
  const operator = Wallet.createRandom();
  await (await deployer.sendTransaction({ to: operator.address, value: parseEther("1000") })).wait();
  const images = (await approvedImages(platform)).map(({ imageId }) => imageId);
  const record = await deployAssay({ network: "check", deployer, rootPublicKey: platform.rootKey, images });
  writeDeployment(deploymentFile, record);
  const flags = {
    "rpc-urls": node.url,
    "ws-url": node.wsUrl,
    "deployment-file": deploymentFile,
    "data-dir": dataDir,
    "models-dir": modelsDir,
    "http-port": "0",
    confirmations: "0",
    "poll-interval-ms": "50",
    enclaves: "1",
    "minimum-level": String(parts.minimumLevel),
    "log-level": "silent",
  };
  const { config } = loadConfig({
    argv: [
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
      "--allow-raw-key",
      "--allow-loss",
    ],
    env: { ASSAY_OPERATOR_PRIVATE_KEY: operator.privateKey },
    readFile: () => undefined,
  });
  const abort = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const level = new Promise<number>((resolve) => {
    const onReady = ({ levels }: { levels: readonly number[] }): void => resolve(Math.min(...levels));
    running = runExecutor(config, abort.signal, { ask, onReady });
  });
  const failed = running.then((): Promise<never> => {
    // Stopped from here: who still waits is about to be ended too.
    if (abort.signal.aborted) return new Promise<never>(() => undefined);
    throw new AssayError({ code: "CLI_EXECUTOR_ENDED", message: "the executor of this check ended before its time" });
  });
  // Looked at where somebody waits for an answer; an executor that ends at the end is no failure.
  failed.catch(() => undefined);
  const stop = async (): Promise<void> => {
    abort.abort();
    await running.catch(() => undefined);
  };
  return { level: await Promise.race([level, failed]), modelsDir, failed, stop };
}

function ask(): never {
  throw new AssayError({ code: "KEYS_NOBODY_TO_ASK", message: "the executor of a check has a key of its own" });
}

/** Lays a model where the executor looks for it. One at a time: a folder of cases may hold more than a disk has room for twice. */
function offerIn(modelsDir: string): (modelHash: Hex32, model: Uint8Array) => void {
  let offered: Hex32 | undefined;
  const fileOf = (hash: Hex32): string => join(modelsDir, `${hash}.onnx`);
  return (hash, model) => {
    if (hash === offered) return;
    if (offered !== undefined) rmSync(fileOf(offered));
    // Renamed when it is whole, because the executor reads the folder whenever it likes.
    writeFileSync(`${fileOf(hash)}.part`, model);
    renameSync(`${fileOf(hash)}.part`, fileOf(hash));
    offered = hash;
  };
}
