import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Contract, JsonRpcProvider, type Signer, type TransactionReceipt, type TransactionResponse } from "ethers";
import { approvedImages } from "../../executor/app/images";
import { workerOf } from "../../executor/app/worker";
import { AssayClient, float32, numbersOf } from "../../executor/client/index";
import { packageRoot } from "../../executor/deployment/artifacts";
import { contractOf, deployAssay } from "../../executor/deployment/deploy";
import { nodeProgram, startLocalNode } from "../../executor/deployment/localNode";
import type { DeploymentRecord } from "../../executor/deployment/record";
import { TRANSACTION_GAS_CAP } from "../../executor/domain/gas";
import { address, hex32 } from "../../executor/domain/ids";
import type { Enclave } from "../../executor/enclave/ports";
import { startEnclave } from "../../executor/enclave/supervisor";
import { BASE_GAS, encodeOne, itemGas } from "../../executor/posting/encode";
import { bytesToHex } from "../../executor/protocol/bytes";
import { verifyNitroDocument } from "../../executor/protocol/nitro/verify";
import { nitroHints } from "../../executor/protocol/nitroHints";
import { keccak256 } from "../../executor/protocol/statement";
import { requestIn } from "../../executor/testing/asked";
import { NOW } from "../../test/fixtures/attestation/chain";
import { DEMO_NITRO_ROOT, NitroFormatPlatform } from "./platform";

const NITRO_VERIFIER_INDEX = 1;
/** Where the CA certificates are cached: the target's signature and the document's. */
const WARM_SIGNATURES = 2;
const REWARD_WEI = 10n ** 15n;
const FEATURES = 17;
const LEVELS: Readonly<Record<string, string>> = { 1: "a plain process", 2: "Landlock and seccomp", 3: "namespaces" };

interface Stage {
  readonly provider: JsonRpcProvider;
  readonly record: DeploymentRecord;
  readonly registry: Contract;
  readonly operator: Signer;
  /** Seconds of block time. */
  readonly clock: () => number;
  readonly start: () => Promise<Enclave>;
}

/** A chain whose time is that of the demonstration's certificates, and everything deployed on it. */
async function setStage(provider: JsonRpcProvider): Promise<Stage> {
  const [deployer, operator] = await Promise.all([provider.getSigner(0), provider.getSigner(1)]);
  const started = Date.now();
  const clock = (): number => NOW + Math.floor((Date.now() - started) / 1_000);
  const platform = new NitroFormatPlatform(clock);
  const images = (await approvedImages(platform)).map(({ imageId }) => imageId);
  const { rootKey: rootPublicKey } = platform;
  const record = await deployAssay({
    network: "nitro",
    deployer,
    rootPublicKey,
    images,
    nitroRoot: DEMO_NITRO_ROOT,
  });
  const account = address(await operator.getAddress());
  const start = (): Promise<Enclave> =>
    startEnclave({
      chainId: BigInt(record.chainId),
      registry: record.contracts.EnclaveRegistry.address,
      hub: record.contracts.InferenceHub.address,
      operator: account,
      payout: account,
      endpoint: "",
      platform,
      minimumLevel: 1,
    });
  return { provider, record, registry: contractOf(record, "EnclaveRegistry", operator), operator, clock, start };
}

async function mined(sent: Promise<TransactionResponse>): Promise<TransactionReceipt> {
  const receipt = await (await sent).wait();
  if (receipt?.status !== 1) throw new Error("a transaction was not mined, or failed");
  return receipt;
}

/** Registers by one document, after the TypeScript verifier has accepted it: a wrong one costs no gas. */
async function register(
  { registry, clock }: Stage,
  enclave: Enclave,
  signatures?: number,
): Promise<{ receipt: TransactionReceipt; document: Uint8Array }> {
  const document = await enclave.attest();
  const verdict = verifyNitroDocument({ document, root: DEMO_NITRO_ROOT.certificateHash, at: BigInt(clock()) });
  if (!verdict.ok) throw new Error(`the document breaks the rule ${verdict.rule}`);
  const registration = {
    verifierIndex: NITRO_VERIFIER_INDEX,
    document: bytesToHex(document),
    aux: nitroHints(document, signatures),
    endpoint: "",
    keyConfig: bytesToHex(enclave.description.keyConfig),
    consentDeadline: 0,
    consent: "0x",
  };
  // Never estimated: nodes differ in what they can estimate, and the limit of a transaction is enough.
  const gasLimit = TRANSACTION_GAS_CAP;
  return { receipt: await mined(registry.getFunction("register").send(registration, { gasLimit })), document };
}

/** One request, from a client that verifies the answer from chain data alone. */
async function serve({ provider, record, operator, clock }: Stage, enclave: Enclave): Promise<string> {
  const model = readFileSync(join(packageRoot(), "models", "liquidation_risk", "liquidation_risk.onnx"));
  const client = await AssayClient.connect({ signer: await provider.getSigner(2), deployment: record });
  const asked = await client.request({
    model: `0x${createHash("sha256").update(model).digest("hex")}`,
    inputs: [{ name: "features", tensor: float32([1, FEATURES], new Array<number>(FEATURES).fill(0.5)) }],
    rewardWei: REWARD_WEI,
    terms: { minTrust: enclave.description.level },
  });
  const hub = contractOf(record, "InferenceHub", operator);
  const request = await requestIn({ asked: asked.receipt, hub, record, operator, keccak256 });
  const { timestamp } = (await provider.getBlock("latest")) ?? { timestamp: clock() };
  const worker = workerOf(enclave, () => ({ chainNow: timestamp, notAfter: timestamp + 3_600 }));
  const outcome = await worker.run(request, model);
  if (!outcome.ok) throw new Error(`the enclave did not answer: ${outcome.failure.code}`);
  const { answer } = outcome;
  const gasLimit = BASE_GAS + itemGas({ request, answer });
  await mined(operator.sendTransaction({ to: hub.target, data: encodeOne({ request, answer }), gasLimit }));
  const end = await asked.wait();
  if (end.kind !== "fulfilled" || end.verdict !== "verified") throw new Error(`the request ended as ${end.kind}`);
  const [output] = end.outputs ?? [];
  const shown = output === undefined ? "" : `, answer ${numbersOf(output.tensor).join(", ")}`;
  return `${end.gasUsed.toLocaleString("en-US")} gas, ${end.verdict} from chain data (${end.checks.length} checks)${shown}`;
}

async function main(): Promise<void> {
  const anvil = nodeProgram("anvil", 0);
  if (anvil === undefined) throw new Error("npm has no anvil for this platform (an optional package)");
  const node = await startLocalNode([{ ...anvil, args: [...anvil.args, "--timestamp", String(NOW)] }]);
  const provider = new JsonRpcProvider(node.url, undefined, {
    staticNetwork: true,
    cacheTimeout: -1,
    pollingInterval: 50,
  });
  const enclaves: Enclave[] = [];
  try {
    console.log(
      "Attestation documents of AWS's format, under a development root (its keys are public: they prove nothing)",
    );
    const stage = await setStage(provider);
    const begin = async (): Promise<Enclave> => {
      const enclave = await stage.start();
      enclaves.push(enclave);
      return enclave;
    };
    const say = (what: string, { gasUsed }: TransactionReceipt): void =>
      console.log(`  ${what.padEnd(46)} ${gasUsed.toLocaleString("en-US").padStart(10)} gas`);
    const first = await register(stage, await begin());
    say("register cold, in one transaction", first.receipt);
    const verifier = contractOf(stage.record, "NitroAttestationVerifier", stage.operator);
    const cached = verifier.getFunction("cacheCertificates").send(first.document, nitroHints(first.document), {
      gasLimit: TRANSACTION_GAS_CAP,
    });
    say("cache its CA certificates (anyone may)", await mined(cached));
    const enclave = await begin();
    const second = await register(stage, enclave, WARM_SIGNATURES);
    say("register another one warm", second.receipt);
    const { signer, level } = enclave.description;
    const [, , trust] = await stage.registry.getFunction("check")(signer, 0, hex32(`0x${"00".repeat(32)}`));
    console.log(`  ${signer} has trust level ${trust}, ${LEVELS[level] ?? "unknown"}: never 4, which is AWS's root's`);
    console.log(`  one request, served by it: ${await serve(stage, enclave)}`);
  } finally {
    await Promise.all(enclaves.map((each) => each.close()));
    provider.destroy();
    await node.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
