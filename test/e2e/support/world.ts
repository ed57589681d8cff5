import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Contract, hexlify, JsonRpcProvider, type Signer, type TransactionReceipt, toBeHex } from "ethers";
import { approvedImages } from "../../../executor/app/images";
import { nitroRootPath, platformRootPath } from "../../../executor/app/paths";
import { packageRoot } from "../../../executor/deployment/artifacts";
import { contractOf, deployAssay } from "../../../executor/deployment/deploy";
import { type DeploymentRecord, writeDeployment } from "../../../executor/deployment/record";
import { loadNitroPlatform } from "../../../executor/enclave/platform/nitroPlatform";
import { loadPlatform } from "../../../executor/enclave/platform/platform";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { decodeTensorSet, encodeTensorSet, type NamedTensor } from "../../../executor/protocol/tensorSet";
import { encodeTerms, standardTerms, type Terms } from "../../../executor/protocol/terms";
import { type Chain, type ChainKind, startChain } from "../../../scripts/start/chain";
import { Children } from "../../../scripts/start/children";
import { type DaemonOptions, type DaemonProcess, startDaemon } from "../../../scripts/start/daemon";
import { localKey } from "../../../scripts/start/localKeys";
import { committedModel } from "../../../scripts/start/marketData";

export const REWARD = 10n ** 15n;

/** A real node, a real deployment, and a real daemon that can be stopped and started. */
export interface World {
  readonly children: Children;
  readonly chain: Chain;
  readonly provider: JsonRpcProvider;
  readonly record: DeploymentRecord;
  readonly deploymentFile: string;
  readonly dataDir: string;
  readonly hub: Contract;
  readonly requester: Signer;
  /** `way` may lead the daemon to its node by another address than the chain's own; that one then has no websocket. */
  start(args?: readonly string[], deploymentFile?: string, way?: Way): Promise<DaemonProcess>;
  /** Seconds of the newest block. */
  now(): Promise<number>;
  end(): Promise<void>;
}

export type Way = Partial<Pick<DaemonOptions, "rpcUrl" | "onOutput" | "env" | "confirmations" | "pipe">>;

export interface WorldOptions {
  /** Pins a root of AWS's format, for daemons that vouch in it; only images under that root are approved then. */
  readonly nitro?: boolean;
  readonly epochSeconds?: number;
}

export async function openWorld(
  kind: ChainKind,
  chainArgs: readonly string[] = [],
  { nitro = false, epochSeconds }: WorldOptions = {},
): Promise<World> {
  const children = new Children();
  const dataDir = mkdtempSync(join(tmpdir(), "assay-e2e-"));
  try {
    const chain = await startChain({ kind, children, args: chainArgs });
    const provider = new JsonRpcProvider(chain.url, undefined, { cacheTimeout: -1, staticNetwork: true });
    const platform = loadPlatform(platformRootPath(dataDir));
    const nitroRoot = nitro ? loadNitroPlatform(nitroRootPath(dataDir)) : undefined;
    const images = (await approvedImages(nitroRoot ?? platform)).map(({ imageId }) => imageId);
    const deployer = await provider.getSigner(0);
    const record = await deployAssay({
      network: "e2e",
      deployer,
      rootPublicKey: platform.rootKey,
      images,
      ...(nitroRoot === undefined ? {} : { nitroRoot }),
      ...(epochSeconds === undefined ? {} : { epochSeconds, heartbeatSeconds: epochSeconds }),
    });
    const deploymentFile = join(dataDir, "deployment.json");
    writeDeployment(deploymentFile, record);
    const requester = await provider.getSigner(2);
    return {
      children,
      chain,
      provider,
      record,
      deploymentFile,
      dataDir,
      requester,
      hub: contractOf(record, "InferenceHub", requester),
      start: (args = [], file = deploymentFile, way = {}) =>
        startDaemon({
          children,
          ...(way.rpcUrl === undefined ? { wsUrl: chain.wsUrl } : {}),
          rpcUrl: chain.url,
          ...way,
          deploymentFile: file,
          dataDir,
          operatorKey: localKey(1),
          args: ["--allow-loss", ...args],
        }),
      now: async () => (await provider.getBlock("latest"))?.timestamp ?? 0,
      end: async () => {
        await children.stopAll();
        provider.destroy();
        rmSync(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await children.stopAll();
    throw error;
  }
}

let salts = 0n;

export interface Asked {
  readonly requestId: string;
  readonly receipt: TransactionReceipt;
}

/** Asks a model by hash, without a callback. */
export async function ask(
  world: World,
  args: { modelHash: string; input: Uint8Array; terms?: Partial<Terms>; rewardWei?: bigint },
): Promise<Asked> {
  const terms = standardTerms({ deadline: (await world.now()) + 3_600, ...args.terms });
  const sent = await world.hub
    .getFunction("request")
    .send(args.modelHash, hexlify(args.input), hexlify(encodeTerms(terms)), toBeHex(++salts, 32), {
      value: args.rewardWei ?? REWARD,
    });
  const receipt = await sent.wait();
  const requestId = receipt?.logs[0]?.topics[1];
  if (receipt === null || receipt === undefined || requestId === undefined)
    throw new Error("the request was not mined");
  return { requestId, receipt };
}

export type End = {
  readonly event: "Fulfilled" | "Refused" | "Refunded";
  readonly transactionHash: string;
  readonly reason: number | undefined;
};

/** Waits until the hub says how a request ended. The bound is for a failing test; a passing one never waits for it. */
export async function ended(world: World, requestId: string, withinMs = 30_000): Promise<End> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline) {
    for (const event of ["Fulfilled", "Refused", "Refunded"] as const) {
      const [log] = await world.hub.queryFilter(
        world.hub.getEvent(event)(requestId),
        world.record.contracts.InferenceHub.block,
      );
      if (log !== undefined) {
        const reason =
          event === "Refused" ? Number((log as unknown as { args: { reason: bigint } }).args.reason) : undefined;
        return { event, transactionHash: log.transactionHash, reason };
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`request ${requestId} did not end within ${withinMs} ms`);
}

/** The output tensors of a fulfilment that was posted alone. */
export async function outputOf(world: World, end: End): Promise<NamedTensor[]> {
  const tx = await world.provider.getTransaction(end.transactionHash);
  const parsed = world.hub.interface.parseTransaction({ data: tx?.data ?? "0x" });
  if (parsed?.name === "fulfill") return decodeTensorSet(hexToBytes(parsed.args.output as string));
  throw new Error(`the answer came by ${parsed?.name ?? "an unknown call"}`);
}

/** Real inputs and outputs of a committed model: the sets of its `io.json`. */
export function goldenSets(name: string): { inputs: NamedTensor[]; outputs: NamedTensor[] }[] {
  const text = readFileSync(join(packageRoot(), "models", name, "io.json"), "utf8");
  type Entry = { name: string; dtype: string; dims: number[]; b64: string };
  const { sets } = JSON.parse(text) as { sets: { inputs: Entry[]; outputs: Entry[] }[] };
  const tensor = (e: Entry): NamedTensor =>
    ({
      name: e.name,
      tensor: { dtype: DTYPES[e.dtype] ?? 0, dims: e.dims, data: new Uint8Array(Buffer.from(e.b64, "base64")) },
    }) as NamedTensor;
  return sets.map(({ inputs, outputs }) => ({ inputs: inputs.map(tensor), outputs: outputs.map(tensor) }));
}

const DTYPES: Readonly<Record<string, number>> = { float32: 1, float: 1, uint8: 2, int64: 7 };

export const encoded = encodeTensorSet;
export { committedModel };
