import {
  type Contract,
  ContractFactory,
  ethers,
  type Interface,
  type Provider,
  type Signer,
  type TransactionReceipt,
} from "ethers";
import { readArtifact } from "../../executor/deployment/artifacts";
import type { DeploymentRecord } from "../../executor/deployment/record";
import { committedModel, marketFeatures } from "./marketData";

const REWARD = ethers.parseEther("0.001");
/** Dollars in the feed are 1e18 fixed point. */
const usd = (amount: number): bigint => BigInt(Math.round(amount * 100)) * 10n ** 16n;
const ETH_PRICE_USD = usd(2_000);

export interface Example {
  readonly title: string;
  /** Sends the transaction that asks. */
  readonly ask: () => Promise<TransactionReceipt>;
  /** Event of the consumer that says what it did with the answer. */
  readonly acts: readonly string[];
  readonly consumer: Contract;
  readonly say: (event: string, args: Readonly<Record<string, bigint>>) => string;
}

export interface ExamplePlan {
  readonly record: DeploymentRecord;
  readonly provider: Provider;
  readonly owner: Signer;
  readonly borrower: Signer;
  /** What the consumers demand of whoever answers. */
  readonly policy: { readonly profile: string; readonly imageId: string; readonly minTrust: number };
}

async function deploy(name: string, owner: Signer, args: readonly unknown[]): Promise<Contract> {
  const { abi, bytecode } = readArtifact(`examples/${name}.sol`, name);
  const contract = await new ContractFactory(abi, bytecode, owner).deploy(...args);
  await contract.waitForDeployment();
  return contract as Contract;
}

async function mined(sent: Promise<{ wait(): Promise<TransactionReceipt | null> }>): Promise<TransactionReceipt> {
  const receipt = await (await sent).wait();
  if (receipt === null) throw new Error("a transaction was not mined");
  return receipt;
}

const percent = (wad: bigint): string => `${(Number(wad) / 1e16).toFixed(2)} %`;

export interface Examples {
  /** What is to be asked of them. */
  readonly list: readonly Example[];
  /** `ChainedMargin`, which asks in its own transaction. */
  readonly margin: Contract;
}

/** Deploys and funds the examples on real market data. */
export async function prepareExamples(plan: ExamplePlan): Promise<Examples> {
  const { owner, borrower } = plan;
  const hub = plan.record.contracts.InferenceHub.address;
  const policy = { ...plan.policy, callbackGas: 400_000, deadlineSeconds: 3_600, retrySeconds: 3_600 };
  const feed = await deploy("MarketFeed", owner, [await owner.getAddress()]);
  await mined(feed.getFunction("report").send(ETH_PRICE_USD, marketFeatures()));
  const desk = await deploy("LendingDesk", owner, [
    hub,
    policy,
    await feed.getAddress(),
    committedModel("liquidation_risk").hash,
    REWARD,
  ]);
  await mined(desk.getFunction("deposit").send({ value: ethers.parseEther("50") }));
  const vault = await deploy("VolatilityVault", owner, [
    hub,
    policy,
    await feed.getAddress(),
    committedModel("eth_volatility").hash,
    REWARD,
  ]);
  await mined(vault.getFunction("supply").send({ value: ethers.parseEther("20") }));
  const margin = await deploy("ChainedMargin", owner, [
    hub,
    plan.policy,
    await feed.getAddress(),
    [committedModel("eth_volatility").hash, committedModel("liquidation_risk").hash],
  ]);
  const asBorrower = desk.connect(borrower) as Contract;
  const loan = (collateralEth: string, debtUsd: number) => () =>
    mined(asBorrower.getFunction("ask").send(usd(debtUsd), { value: ethers.parseEther(collateralEth) + REWARD }));
  const sayLoan: Example["say"] = (event, args) =>
    event === "LoanGranted"
      ? `granted: risk ${percent(args.risk ?? 0n)}, ${ethers.formatEther(args.payoutWei ?? 0n)} ETH paid out, ${ethers.formatEther(args.debtUsd ?? 0n)} USD owed`
      : `refused: risk ${percent(args.risk ?? 0n)} is above what the desk takes`;
  const acts = ["LoanGranted", "LoanRefused"];
  const list: Example[] = [
    { title: "A loan of 1,500 USD on 1 ETH (25 % buffer)", ask: loan("1", 1_500), acts, consumer: desk, say: sayLoan },
    { title: "A loan of 1,980 USD on 1 ETH (1 % buffer)", ask: loan("1", 1_980), acts, consumer: desk, say: sayLoan },
    {
      title: "The vault asks for tomorrow's volatility",
      ask: () => mined(vault.getFunction("refresh").send({ value: REWARD })),
      acts: ["ForecastTaken", "ForecastIgnored"],
      consumer: vault,
      say: (event, args) =>
        event === "ForecastTaken"
          ? `daily volatility ${percent(args.volatility ?? 0n)}, loan-to-value now ${percent(args.loanToValue ?? 0n)}`
          : "an older forecast, ignored",
    },
  ];
  return { list, margin };
}

/** The event of a consumer in a transaction, if it is one of those named. */
export function actIn(
  receipt: TransactionReceipt,
  example: Example,
): { name: string; args: Record<string, bigint> } | undefined {
  const face: Interface = example.consumer.interface;
  for (const log of receipt.logs) {
    if (log.address !== example.consumer.target) continue;
    const parsed = face.parseLog(log);
    if (parsed !== null && example.acts.includes(parsed.name))
      return { name: parsed.name, args: parsed.args.toObject() as Record<string, bigint> };
  }
  return undefined;
}
