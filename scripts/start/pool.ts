import { type Contract, ContractFactory, JsonRpcProvider } from "ethers";
import { readArtifact } from "../../executor/deployment/artifacts";
import type { DeploymentRecord } from "../../executor/deployment/record";
import { committedModel } from "./marketData";

export const UNIT = 10n ** 18n;
const HOUR = 3_600;
/** One hour starts the series, `HISTORY_HOURS` of it are closed ones, and the present one is open. */
const HISTORY_HOURS = 722;
/** Between two trades: each costs the node a block, and a price that stands for hours is nothing unusual in a small pool. */
const TRADE_EVERY_HOURS = 12;
/** The present hour and some room for what is deployed before the pool. */
export const CHAIN_STARTS_BEFORE_SECONDS = (HISTORY_HOURS + 1) * HOUR;
const GAS = `0x${(8_000_000).toString(16)}`;
const MUCH = 10n ** 30n;

/** What the pool demands: the image is known before an enclave is registered, its profile is not. */
export interface PoolTerms {
  readonly minTrust: number;
  readonly profile: string;
  readonly imageId: string;
}

/**
 * Deploys `VolatilityFeePool` and lets it live through a month of trades, on a chain whose clock was set back for it: its features come from its own
 * series and from nowhere else. The trades are made up, the same in every run. At the end the chain's clock is this machine's.
 */
export async function growPool(args: {
  readonly url: string;
  readonly record: DeploymentRecord;
  readonly traders: readonly string[];
  readonly terms: PoolTerms;
}): Promise<Contract> {
  const { url, record, traders, terms } = args;
  // One request at a time and at once: some four hundred of them follow one another.
  const provider = new JsonRpcProvider(url, undefined, { batchMaxCount: 1, cacheTimeout: -1, staticNetwork: true });
  const owner = await provider.getSigner(0);
  const deploy = async (source: string, name: string, values: readonly unknown[]): Promise<Contract> => {
    const { abi, bytecode } = readArtifact(`${source}/${name}.sol`, name);
    const contract = await new ContractFactory(abi, bytecode, owner).deploy(...values);
    await contract.waitForDeployment();
    return contract as Contract;
  };
  const { InferenceHub, IntentForwarder } = record.contracts;
  const tokens = [await deploy("mocks", "MockToken", []), await deploy("mocks", "MockToken", [])] as const;
  const pool = await deploy("examples", "VolatilityFeePool", [
    InferenceHub.address,
    terms,
    IntentForwarder.address,
    tokens.map(({ target }) => target),
    committedModel("eth_volatility").hash,
  ]);
  const liquidity = owner.address;
  const send = async (from: string, contract: Contract, name: string, values: readonly unknown[]): Promise<void> => {
    const data = contract.interface.encodeFunctionData(name, values);
    await provider.send("eth_sendTransaction", [{ from, to: contract.target, data, gas: GAS }]);
  };
  for (const token of tokens) {
    for (const who of [liquidity, ...traders]) {
      await send(liquidity, token, "mint", [who, MUCH]);
      await send(who, token, "approve", [pool.target, MUCH]);
    }
  }

  const now = (): number => Math.floor(Date.now() / 1_000);
  const at = (time: number): Promise<unknown> => provider.send("evm_setNextBlockTimestamp", [time]);
  const start = (Math.floor(now() / HOUR) - HISTORY_HOURS) * HOUR + 10;
  await at(start);
  await send(liquidity, pool, "add", [1_000n * UNIT, 2_000_000n * UNIT]);
  const random = numbers(5);
  let [reserve0, reserve1] = [1_000, 2_000_000];
  for (let hour = TRADE_EVERY_HOURS; hour < HISTORY_HOURS; hour += TRADE_EVERY_HOURS) {
    await at(start + hour * HOUR + Math.floor(random() * 3_000));
    // What moves the price by up to 4 % either way, back to where the walk began if it has gone far.
    const isHigh = reserve1 / reserve0 > 2_000 * (0.9 + 0.2 * random());
    const share = random() * 0.02;
    const amount = isHigh ? reserve0 * share : reserve1 * share;
    await send(liquidity, pool, "swap", [isHigh, BigInt(Math.floor(amount * 1e6)) * 10n ** 12n, 0n]);
    if (isHigh) [reserve0, reserve1] = [reserve0 + amount, (reserve1 * reserve0) / (reserve0 + amount)];
    else [reserve0, reserve1] = [(reserve1 * reserve0) / (reserve1 + amount), reserve1 + amount];
  }
  await at(now());
  await send(liquidity, pool, "advance", []);
  provider.destroy();
  return pool;
}

/** The same numbers in every run (a 32-bit linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
