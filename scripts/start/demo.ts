import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { JsonRpcProvider, type TransactionReceipt } from "ethers";
import { type ApprovedImage, approvedImages } from "../../executor/app/images";
import { platformRootPath } from "../../executor/app/paths";
import { packageRoot } from "../../executor/deployment/artifacts";
import { contractOf, deployAssay } from "../../executor/deployment/deploy";
import { type DeploymentRecord, writeDeployment } from "../../executor/deployment/record";
import { hex32 } from "../../executor/domain/ids";
import { startStrongest } from "../../executor/enclave/levels";
import { loadPlatform } from "../../executor/enclave/platform/platform";
import { locateImage } from "../../executor/enclave/sandbox/image";
import { verifyRequest } from "../../executor/explain/verifyRequest";
import { formatTimeline, type TimelineRow } from "../../executor/observability/timeline";
import { RpcClient } from "../../executor/rpc/client";
import { type Chain, startChain } from "./chain";
import { Children } from "./children";
import { startDaemon } from "./daemon";
import { actIn, type Example, prepareExamples } from "./examples";
import { localKey } from "./localKeys";
import { PIPE_FEE_WEI, type PipeStage, poolTraders, showPipeWays } from "./pipeWays";
import { CHAIN_STARTS_BEFORE_SECONDS, growPool } from "./pool";
import { daemonTimeline, mined } from "./timeline";

const ANSWER_WITHIN_MS = 30_000;
const NETWORK = "demo";

/** Prints a step, and, if it takes longer than two seconds, that it still runs. */
async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = Date.now();
  const timer = setInterval(() => console.log(`  … ${what}, ${Math.round((Date.now() - started) / 1_000)} s`), 2_000);
  try {
    const result = await work();
    console.log(`  ${what}: ${Date.now() - started} ms`);
    return result;
  } finally {
    clearInterval(timer);
  }
}

interface Stage {
  readonly chain: Chain;
  readonly provider: JsonRpcProvider;
  readonly record: DeploymentRecord;
  readonly httpUrl: string;
  readonly examples: readonly Example[];
  readonly pipe: PipeStage;
}

/** The strongest level that this machine reaches is what the executor will reach, too; started and ended again to see it. */
async function strongestImage(images: readonly ApprovedImage[]): Promise<ApprovedImage> {
  const started = await startStrongest(locateImage(), { minimumLevel: 2 });
  started.connection.kill("the probe is over");
  await started.launched.ended;
  const image = images.find(({ level }) => level === started.launcher.level);
  if (image === undefined) throw new Error(`there is no image of level ${started.launcher.level}`);
  return image;
}

async function setStage(children: Children): Promise<Stage> {
  const startsAt = new Date(Date.now() - 1_000 * CHAIN_STARTS_BEFORE_SECONDS);
  const chain = await step("start a local Hardhat chain", () => startChain({ kind: "hardhat", children, startsAt }));
  const provider = new JsonRpcProvider(chain.url, undefined, { cacheTimeout: -1, staticNetwork: true });
  const dataDir = join(packageRoot(), ".assay", NETWORK, String(process.pid));
  mkdirSync(dataDir, { recursive: true });
  const platform = loadPlatform(platformRootPath(dataDir));
  const [owner, borrower] = await Promise.all([provider.getSigner(0), provider.getSigner(2)]);
  const images = await approvedImages(platform);
  const record = await step("measure the enclave image and deploy", () =>
    deployAssay({
      network: NETWORK,
      deployer: owner,
      rootPublicKey: platform.rootKey,
      images: images.map(({ imageId }) => imageId),
    }),
  );
  const pool = await step("let a pool of the chain live through a month of trades", async () => {
    const { level, imageId } = await strongestImage(images);
    const terms = { minTrust: level, profile: `0x${"00".repeat(32)}`, imageId };
    return growPool({ url: chain.url, record, traders: await poolTraders(provider), terms });
  });
  const deploymentFile = join(packageRoot(), "deployments", `${NETWORK}.json`);
  writeDeployment(deploymentFile, record);
  const { httpUrl, pipeUrl } = await step("start the executor with two enclaves", () =>
    startDaemon({
      children,
      rpcUrl: chain.url,
      wsUrl: chain.wsUrl,
      deploymentFile,
      dataDir,
      operatorKey: localKey(1),
      args: ["--enclaves", "2"],
      pipe: ["--pipe-fee-wei", PIPE_FEE_WEI.toString()],
    }),
  );
  const registered = await contractOf(record, "EnclaveRegistry", provider).queryFilter("EnclaveRegistered");
  const { trust, runtimeProfile, imageId } =
    (registered[0] as unknown as { args: Record<string, string | bigint> } | undefined)?.args ?? {};
  if (runtimeProfile === undefined) throw new Error("no enclave was registered");
  console.log(
    `  enclaves registered: ${registered.length}, trust level ${trust} (${LEVEL_WORDS[Number(trust)] ?? "unknown"}), image ${String(imageId).slice(0, 18)}…`,
  );
  if (Number(trust) < 3) console.log("  a stronger level may be possible here: npx assay doctor says how");
  const policy = { profile: String(runtimeProfile), imageId: `0x${"00".repeat(32)}`, minTrust: Number(trust) };
  const { list, margin } = await step("deploy and fund the examples", () =>
    prepareExamples({ record, provider, owner, borrower, policy }),
  );
  return { chain, provider, record, httpUrl, examples: list, pipe: { provider, record, pipeUrl, pool, margin } };
}

const LEVEL_WORDS: Readonly<Record<number, string>> = {
  4: "hardware-rooted",
  3: "namespaces and seccomp",
  2: "Landlock and seccomp",
  1: "a plain process",
  0: "none",
};

/** Asks, waits until the consumer acted, and prints the timeline. Returns the request's id. */
async function run(example: Example, stage: Stage): Promise<string> {
  const { record, provider, httpUrl } = stage;
  const hub = contractOf(record, "InferenceHub", provider);
  const askedMs = Date.now();
  const asked = await example.ask();
  const requested = asked.logs.find((log) => log.address.toLowerCase() === record.contracts.InferenceHub.address);
  const requestId = requested?.topics[1];
  if (requestId === undefined) throw new Error(`${example.title}: no request was made`);
  const receipt = await landed({ hub, requestId, fromBlock: asked.blockNumber, provider });
  const landedMs = Date.now();
  const act = actIn(receipt, example);
  if (act === undefined)
    throw new Error(`${example.title}: the callback did not act (npx assay verify ${requestId} says why)`);
  const rows: TimelineRow[] = [
    { step: "asked", hostMs: askedMs, detail: mined(asked) },
    ...(await daemonTimeline(httpUrl, requestId)).filter(({ step }) => step !== "asked"),
    { step: "landed", hostMs: landedMs, detail: mined(receipt) },
    { step: "acted", hostMs: landedMs, detail: { outcome: example.say(act.name, act.args) } },
  ];
  console.log(`\n${formatTimeline({ title: example.title, rows })}`);
  return requestId;
}

/** Waits for the hub to say that the request was fulfilled; another ending is an error at once. */
async function landed(args: {
  hub: ReturnType<typeof contractOf>;
  requestId: string;
  fromBlock: number;
  provider: JsonRpcProvider;
}): Promise<TransactionReceipt> {
  const { hub, requestId, fromBlock, provider } = args;
  const deadline = Date.now() + ANSWER_WITHIN_MS;
  while (Date.now() < deadline) {
    const fulfilled = await hub.queryFilter(hub.getEvent("Fulfilled")(requestId), fromBlock);
    const hash = fulfilled[0]?.transactionHash;
    const receipt = hash === undefined ? null : await provider.getTransactionReceipt(hash);
    if (receipt !== null) return receipt;
    const refused = await hub.queryFilter(hub.getEvent("Refused")(requestId), fromBlock);
    if (refused.length > 0) throw new Error(`request ${requestId} was refused`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`request ${requestId} had no answer within ${ANSWER_WITHIN_MS / 1_000} s`);
}

async function printVerification(stage: Stage, requestId: string): Promise<boolean> {
  const rpc = new RpcClient({ urls: [stage.chain.url] });
  try {
    const { checks, verdict } = await verifyRequest({ rpc, deployment: stage.record, requestId: hex32(requestId) });
    console.log(`\nVerification of the last answer that came by callback, from chain data alone`);
    for (const { name, ok, detail } of checks)
      console.log(`  ${ok === true ? "ok  " : ok === false ? "FAIL" : "–   "} ${name.padEnd(26)} ${detail}`);
    console.log(`  ${verdict}`);
    return verdict === "verified";
  } finally {
    rpc.close();
  }
}

function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

async function main(): Promise<number> {
  const once = process.argv.includes("--once");
  const children = new Children();
  const interrupted = untilInterrupted();
  try {
    console.log("Assay on this machine");
    const stage = await setStage(children);
    let last = "";
    for (const example of stage.examples) last = await run(example, stage);
    await showPipeWays(stage.pipe);
    const verified = await printVerification(stage, last);
    if (!verified) return 1;
    if (once) return 0;
    console.log(
      `\nThe chain is at ${stage.chain.url}, the executor's status at ${stage.httpUrl}/status, PIPE for wallets at ${stage.pipe.pipeUrl}. Ctrl-C ends everything.`,
    );
    await interrupted;
    return 0;
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await children.stopAll();
  }
}

void main().then((code) => {
  process.exitCode = code;
});
