import {
  Contract,
  ethers,
  type Interface,
  JsonRpcProvider,
  type JsonRpcSigner,
  type TransactionReceipt,
  Wallet,
} from "ethers";
import { PipeClient } from "../../executor/client";
import type { DeploymentRecord } from "../../executor/deployment/record";
import { formatTimeline, type TimelineRow } from "../../executor/observability/timeline";
import { FORWARDER_ABI, HUB_ABI } from "../../executor/protocol/generated/abi";
import { localKey } from "./localKeys";
import { UNIT } from "./pool";
import { mined } from "./timeline";

/** What bringing one result costs in the demonstration. */
export const PIPE_FEE_WEI = ethers.parseEther("0.0002");
const RELAY_FEE_WEI = ethers.parseEther("0.01");
/** Local accounts of the three users. */
const USERS = { bundle: 3, intent: 4, raw: 5 } as const;
const OPERATOR_ID = 1;
/** The pool's fee is that part of the forecast, within these bounds (contracts/examples/VolatilityFeePool.sol). */
const FEE_PER_VOLATILITY = 15n;
const MIN_FEE = (5n * UNIT) / 10_000n;
const MAX_FEE = UNIT / 100n;

const percent = (wad: bigint): string => `${(Number(wad) / 1e16).toFixed(2)} %`;
const ether = (wei: bigint): string => `${ethers.formatEther(wei)} ETH`;

export interface PipeStage {
  readonly provider: JsonRpcProvider;
  readonly record: DeploymentRecord;
  readonly pipeUrl: string;
  readonly pool: Contract;
  readonly margin: Contract;
}

/** The accounts that need tokens of the pool. */
export async function poolTraders(provider: JsonRpcProvider): Promise<string[]> {
  const signers = [await provider.getSigner(USERS.bundle), await provider.getSigner(USERS.intent)];
  return signers.map(({ address }: JsonRpcSigner) => address);
}

/** One transaction of each way, each with its answer inside it, and each printed as a timeline. */
export async function showPipeWays(stage: PipeStage): Promise<void> {
  for (const show of [bundle, intent, raw]) console.log(`\n${formatTimeline(await show(stage))}`);
}

interface Shown {
  readonly title: string;
  readonly rows: readonly TimelineRow[];
}

/** A key that had no code delegates to `BatchDelegate` and swaps, in one transaction of its own. */
async function bundle({ provider, record, pipeUrl, pool }: PipeStage): Promise<Shown> {
  const signer = new Wallet(localKey(USERS.bundle), provider);
  const client = await PipeClient.connect({ engineUrl: pipeUrl, signer, deployment: record });
  const askedMs = Date.now();
  const data = pool.interface.encodeFunctionData("swap", [true, UNIT, 0n]);
  const authorization = await client.authorize();
  const { request, feeWei, results, report } = await client.prepareBundle(
    { to: String(pool.target), data },
    { maxFeeWei: PIPE_FEE_WEI, authorization },
  );
  const preparedMs = Date.now();
  const receipt = landed(await (await signer.sendTransaction(request)).wait());
  return {
    title: "PIPE, a bundle (EIP-7702): a swap whose fee follows the forecast",
    rows: [
      { step: "asked", hostMs: askedMs, detail: { user: signer.address } },
      {
        step: "prepared",
        hostMs: preparedMs,
        detail: { inferences: results.length, rounds: report.rounds, fee: ether(feeWei) },
      },
      ...ending(receipt, swapIn(pool, receipt)),
    ],
  };
}

/** Another user signs, and sends nothing: the engine's operator brings it, with the result. */
async function intent({ provider, record, pipeUrl, pool }: PipeStage): Promise<Shown> {
  const signer = new Wallet(localKey(USERS.intent), provider);
  const forwarder = new Contract(record.contracts.IntentForwarder.address, FORWARDER_ABI, signer);
  await (await forwarder.getFunction("depositFor").send(signer.address, { value: ethers.parseEther("0.1") })).wait();
  const client = await PipeClient.connect({ engineUrl: pipeUrl, signer, deployment: record });
  const askedMs = Date.now();
  const signed = await client.signIntent({
    target: String(pool.target),
    data: pool.interface.encodeFunctionData("swap", [false, 2_000n * UNIT, 0n]),
    gas: 700_000,
    maxResultFeeWei: PIPE_FEE_WEI,
    relayFeeWei: RELAY_FEE_WEI,
  });
  const id = await client.sendIntent(signed);
  const end = await client.wait(id, { timeoutMs: 30_000 });
  if (end.kind !== "landed") throw new Error(`the intent did not land: ${JSON.stringify(end)}`);
  const receipt = landed(await provider.getTransactionReceipt(end.transactionHash));
  const executed = eventIn(receipt, forwarder.interface, "IntentExecuted");
  return {
    title: "PIPE, an intent: the same question of another user, answered once, by signature alone",
    rows: [
      { step: "asked", hostMs: askedMs, detail: { user: signer.address } },
      ...(await engineSteps(client, id)),
      {
        ...row("landed", receipt),
        detail: {
          ...mined(receipt),
          transaction: receipt.hash,
          fee: ether(executed.resultFeesWei ?? 0n),
          relayer: ether(executed.relayFeeWei ?? 0n),
        },
      },
      { step: "acted", hostMs: Date.now(), detail: { outcome: swapIn(pool, receipt) } },
    ],
  };
}

/** An ordinary wallet whose RPC address is the engine: its bytes are held until the answers of both models are published. */
async function raw({ provider, record, pipeUrl, margin }: PipeStage): Promise<Shown> {
  const engine = new JsonRpcProvider(pipeUrl, undefined, { cacheTimeout: -1, staticNetwork: true });
  engine.pollingInterval = 20;
  try {
    const signer = new Wallet(localKey(USERS.raw), engine);
    const hub = new Contract(record.contracts.InferenceHub.address, HUB_ABI, signer);
    const dailyWei = 10n * PIPE_FEE_WEI;
    const grant = await hub.getFunction("grant").send(OPERATOR_ID, dailyWei, { value: dailyWei });
    await grant.wait();
    const client = await PipeClient.connect({
      engineUrl: pipeUrl,
      signer: new Wallet(localKey(USERS.raw), provider),
      deployment: record,
    });
    const askedMs = Date.now();
    const data = margin.interface.encodeFunctionData("refresh");
    const sent = await signer.sendTransaction({ to: margin.target, data });
    const receipt = landed(await sent.wait());
    const landedMs = Date.now();
    const publishHash = (await client.status(sent.hash))?.publishHash;
    if (typeof publishHash !== "string") throw new Error(`nothing was published for ${sent.hash}`);
    const steps = await engineSteps(client, sent.hash);
    const published = landed(await provider.getTransactionReceipt(publishHash));
    const fees = published.logs.map((log) => hub.interface.parseLog(log)).filter((log) => log?.name === "Published");
    const set = eventIn(receipt, margin.interface, "MarginSet");
    return {
      title: "PIPE, a raw transaction of an ordinary wallet: the second model reads the first one's answer",
      rows: [
        { step: "asked", hostMs: askedMs, detail: { user: signer.address } },
        ...steps,
        {
          step: "published",
          hostMs: steps.at(-1)?.hostMs ?? landedMs,
          detail: {
            ...mined(published),
            results: fees.length,
            fee: ether(fees.reduce((sum, log) => sum + BigInt(log?.args.feeWei ?? 0n), 0n)),
          },
        },
        ...ending(
          receipt,
          `daily volatility ${percent(set.volatility ?? 0n)}, so a buffer of ${percent(set.buffer ?? 0n)}; risk ${percent(set.risk ?? 0n)}, so a margin of ${percent(set.margin ?? 0n)}`,
          landedMs,
        ),
      ],
    };
  } finally {
    engine.destroy();
  }
}

function landed(receipt: TransactionReceipt | null): TransactionReceipt {
  if (receipt?.status !== 1) throw new Error(`transaction ${receipt?.hash ?? ""} was not mined, or reverted`);
  return receipt;
}

const row = (step: string, receipt: TransactionReceipt, hostMs = Date.now()): TimelineRow => ({
  step,
  hostMs,
  detail: { ...mined(receipt), transaction: receipt.hash },
});

const ending = (receipt: TransactionReceipt, outcome: string, hostMs = Date.now()): TimelineRow[] => [
  row("landed", receipt, hostMs),
  { step: "acted", hostMs, detail: { outcome } },
];

/** What the engine noted until it let the transaction go. */
async function engineSteps(client: PipeClient, id: string): Promise<readonly TimelineRow[]> {
  const status = await client.status(id);
  return (status?.timeline ?? []).filter(({ step }) => step !== "landed" && step !== "final");
}

function eventIn(receipt: TransactionReceipt, face: Interface, name: string): Record<string, bigint> {
  const found = receipt.logs.map((log) => face.parseLog(log)).find((log) => log?.name === name);
  if (found === undefined || found === null) throw new Error(`transaction ${receipt.hash} has no ${name}`);
  return found.args.toObject() as Record<string, bigint>;
}

function swapIn(pool: Contract, receipt: TransactionReceipt): string {
  const { amountIn = 0n, amountOut = 0n, fee = 0n } = eventIn(receipt, pool.interface, "Swapped");
  const forecast = fee > MIN_FEE && fee < MAX_FEE ? `daily volatility ${percent(fee * FEE_PER_VOLATILITY)}, so ` : "";
  const tokens = (amount: bigint): string => Number(ethers.formatEther(amount)).toFixed(4);
  return `${forecast}a fee of ${percent(fee)}: ${tokens(amountIn)} in, ${tokens(amountOut)} out`;
}
