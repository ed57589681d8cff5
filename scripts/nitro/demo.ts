import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Contract, hexlify, JsonRpcProvider, type TransactionReceipt } from "ethers";
import { approvedImages } from "../../executor/app/images";
import { nitroRootPath, platformRootPath } from "../../executor/app/paths";
import { AssayClient, float32, numbersOf } from "../../executor/client/index";
import { packageRoot } from "../../executor/deployment/artifacts";
import { contractOf, deployAssay } from "../../executor/deployment/deploy";
import { type DeploymentRecord, writeDeployment } from "../../executor/deployment/record";
import { TRANSACTION_GAS_CAP } from "../../executor/domain/gas";
import { loadNitroPlatform } from "../../executor/enclave/platform/nitroPlatform";
import { loadPlatform } from "../../executor/enclave/platform/platform";
import { hexToBytes } from "../../executor/protocol/bytes";
import { nitroHints } from "../../executor/protocol/nitroHints";
import { type Chain, startChain } from "../start/chain";
import { Children } from "../start/children";
import { type DaemonProcess, startDaemon } from "../start/daemon";
import { localKey } from "../start/localKeys";

const REWARD_WEI = 10n ** 15n;
const FEATURES = 17;
const LEVELS: Readonly<Record<string, string>> = { 1: "a plain process", 2: "Landlock and seccomp", 3: "namespaces" };

interface Stage {
  readonly children: Children;
  readonly chain: Chain;
  readonly provider: JsonRpcProvider;
  readonly record: DeploymentRecord;
  readonly registry: Contract;
  readonly dataDir: string;
  readonly deploymentFile: string;
}

/** A chain with everything deployed on it, that pins a root of AWS's format which was made for it and which it knows as a development root. */
async function setStage(children: Children, dataDir: string): Promise<Stage> {
  const chain = await startChain({ kind: "anvil", children });
  const provider = new JsonRpcProvider(chain.url, undefined, { cacheTimeout: -1, staticNetwork: true });
  const platform = loadNitroPlatform(nitroRootPath(dataDir));
  const record = await deployAssay({
    network: "nitro",
    deployer: await provider.getSigner(0),
    rootPublicKey: loadPlatform(platformRootPath(dataDir)).rootKey,
    images: (await approvedImages(platform)).map(({ imageId }) => imageId),
    nitroRoot: platform,
  });
  const deploymentFile = join(dataDir, "deployment.json");
  writeDeployment(deploymentFile, record);
  const registry = contractOf(record, "EnclaveRegistry", provider);
  return { children, chain, provider, record, registry, dataDir, deploymentFile };
}

/** The daemon as an operator starts it: its enclave registers itself by a document of AWS's format. */
const serveFrom = ({ children, chain, dataDir, deploymentFile }: Stage): Promise<DaemonProcess> =>
  startDaemon({
    children,
    rpcUrl: chain.url,
    wsUrl: chain.wsUrl,
    deploymentFile,
    dataDir,
    operatorKey: localKey(1),
    args: ["--attestation-format", "nitro", "--enclaves", "1", "--minimum-level", "1", "--allow-loss"],
  });

interface Registered {
  readonly receipt: TransactionReceipt;
  readonly document: Uint8Array;
  readonly signer: string;
  readonly trust: bigint;
}

/** The newest registration, with the document from its calldata: attestation is public. */
async function newestRegistration({ registry, provider }: Stage): Promise<Registered> {
  const log = (await registry.queryFilter("EnclaveRegistered")).at(-1);
  const [receipt, sent] = await Promise.all(
    log === undefined ? [null, null] : [log.getTransactionReceipt(), provider.getTransaction(log.transactionHash)],
  );
  if (log === undefined || receipt === null || sent === null) throw new Error("no enclave was registered");
  const [{ document }] = registry.interface.decodeFunctionData("register", sent.data) as unknown as [
    { document: string },
  ];
  const { signer, trust } = (log as unknown as { args: { signer: string; trust: bigint } }).args;
  return { receipt, document: hexToBytes(document), signer, trust };
}

/** Anyone may remember that the signatures of a document's CA certificates are valid. */
async function cacheCertificates({ record, provider }: Stage, document: Uint8Array): Promise<TransactionReceipt> {
  const verifier = contractOf(record, "NitroAttestationVerifier", await provider.getSigner(3));
  // Never estimated: nodes differ in what they can estimate, and the limit of a transaction is enough.
  const sent = await verifier
    .getFunction("cacheCertificates")
    .send(hexlify(document), nitroHints(document), { gasLimit: TRANSACTION_GAS_CAP });
  const receipt = await sent.wait();
  if (receipt?.status !== 1) throw new Error("caching the certificates failed");
  return receipt;
}

/** One request, from a client that verifies the answer from chain data alone. */
async function ask({ provider, record }: Stage, minTrust: number): Promise<string> {
  const model = readFileSync(join(packageRoot(), "models", "liquidation_risk", "liquidation_risk.onnx"));
  const client = await AssayClient.connect({ signer: await provider.getSigner(2), deployment: record });
  const asked = await client.request({
    model: `0x${createHash("sha256").update(model).digest("hex")}`,
    inputs: [{ name: "features", tensor: float32([1, FEATURES], new Array<number>(FEATURES).fill(0.5)) }],
    rewardWei: REWARD_WEI,
    terms: { minTrust },
  });
  const end = await asked.wait();
  if (end.kind !== "fulfilled" || end.verdict !== "verified") throw new Error(`the request ended as ${end.kind}`);
  const [output] = end.outputs ?? [];
  const shown = output === undefined ? "" : `, answer ${numbersOf(output.tensor).join(", ")}`;
  return `${end.gasUsed.toLocaleString("en-US")} gas, ${end.verdict} from chain data (${end.checks.length} checks)${shown}`;
}

function say(what: string, { gasUsed }: TransactionReceipt): void {
  console.log(`  ${what.padEnd(46)} ${gasUsed.toLocaleString("en-US").padStart(10)} gas`);
}

async function show(stage: Stage): Promise<void> {
  const daemon = await serveFrom(stage);
  const first = await newestRegistration(stage);
  say("the executor registers cold, in one transaction", first.receipt);
  await daemon.child.stop();
  say("cache its CA certificates (anyone may)", await cacheCertificates(stage, first.document));
  await serveFrom(stage);
  const second = await newestRegistration(stage);
  if (second.signer === first.signer) throw new Error("the executor that was started again registered no new key");
  say("started again, it registers a new key warm", second.receipt);
  const level = LEVELS[String(second.trust)] ?? "unknown";
  console.log(`  ${second.signer} has trust level ${second.trust}, ${level}: never 4, which is AWS's root's`);
  console.log(`  one request, served by it: ${await ask(stage, Number(second.trust))}`);
}

async function main(): Promise<void> {
  const children = new Children();
  const dataDir = join(packageRoot(), ".assay", "nitro", String(process.pid));
  mkdirSync(dataDir, { recursive: true });
  let stage: Stage | undefined;
  try {
    console.log("Attestation documents of AWS's format, under a development root that was made for this chain");
    stage = await setStage(children, dataDir);
    await show(stage);
  } finally {
    stage?.provider.destroy();
    await children.stopAll();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
