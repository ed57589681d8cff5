import { JsonRpcProvider, keccak256, parseEther, toBeHex, Wallet } from "ethers";
import { encodeTerms, standardTerms } from "../../executor/protocol/terms";
import { chainOf, deployProgram, runCall, variant } from "../../test/e2e/support/pipe";
import { committedModel, encoded, goldenSets, openWorld, type World } from "../../test/e2e/support/world";
import type { ChainKind } from "../start/chain";
import type { DaemonProcess } from "../start/daemon";
import { localKey } from "../start/localKeys";
import { median, quantile, timed } from "./statistics";
import { watch } from "./traffic";

const MODEL = committedModel("eth_volatility").hash;
const [GOLDEN] = goldenSets("eth_volatility");
const INPUT = encoded(GOLDEN?.inputs ?? []);
const OUTPUT_BYTES = encoded(GOLDEN?.outputs ?? []).length;
const FEES = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n, type: 2, chainId: 31337, gasLimit: 400_000 };
const WARM_UP = 10;
const SAMPLES = 60;
const STORM_SENDERS = 20;
const STORM = 200;

let asked = 0;
/** A question that was never asked before. */
const fresh = (): string =>
  runCall([{ kind: 0, modelHash: MODEL, input: variant(INPUT, 1_000_000 + ++asked), splices: [] }]);

interface Step {
  readonly step: string;
  readonly hostMs: string;
}

class Bench {
  private constructor(
    readonly world: World,
    readonly daemon: DaemonProcess,
    readonly program: string,
    readonly engine: JsonRpcProvider,
  ) {}

  static async open(kind: ChainKind): Promise<Bench> {
    const world = await openWorld(kind);
    const limits = ["--pipe-simulations-per-minute", "1000000", "--pipe-inferences-per-hour", "1000000"];
    const daemon = await world.start([], undefined, { pipe: limits });
    const engine = new JsonRpcProvider(daemon.pipeUrl, undefined, {
      staticNetwork: true,
      batchMaxCount: 1,
      cacheTimeout: -1,
    });
    return new Bench(world, daemon, await deployProgram(world), engine);
  }

  rpc(method: string, ...params: unknown[]): Promise<string> {
    return this.world.provider.send(method, params);
  }

  async end(): Promise<void> {
    this.engine.destroy();
    await this.world.end();
  }

  async sign(wallet: Wallet, nonce: number, tx: { to?: string; data?: string; value?: bigint }): Promise<string> {
    return wallet.signTransaction({ ...FEES, to: this.program, nonce, ...tx });
  }

  async simulate(data: string): Promise<{ rounds: number; simulations: number }> {
    const from = new Wallet(localKey(6)).address;
    const report = await this.engine.send("pipe_simulate", [{ from, to: this.program, data }]);
    return { rounds: Number(report.rounds), simulations: Number(report.simulations) };
  }
}

/** From acceptance to release, and what a plain transfer pays for the way through the engine. */
async function latencies(bench: Bench): Promise<Record<string, number>> {
  const wallet = new Wallet(localKey(6));
  let nonce = await bench.world.provider.getTransactionCount(wallet.address);
  const added: number[] = [];
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    const hash = await bench.engine.send("eth_sendRawTransaction", [
      await bench.sign(wallet, nonce++, { data: fresh() }),
    ]);
    let released: Step | undefined;
    let status: { acceptedMs: string; timeline: Step[] } | undefined;
    while (released === undefined) {
      status = await bench.engine.send("pipe_status", [hash]);
      released = status?.timeline.find(({ step }) => step === "released");
    }
    while ((await bench.world.provider.getTransactionReceipt(hash)) === null);
    if (i >= WARM_UP) added.push(Number(released.hostMs) - Number(status?.acceptedMs));
  }
  const [through, direct]: [number[], number[]] = [[], []];
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    const [first, second] = [
      await bench.sign(wallet, nonce++, { to: wallet.address, value: 1n }),
      await bench.sign(wallet, nonce++, { to: wallet.address, value: 1n }),
    ];
    const e = await timed(() => bench.engine.send("eth_sendRawTransaction", [first]));
    const d = await timed(() => bench.rpc("eth_sendRawTransaction", second));
    if (i < WARM_UP) continue;
    through.push(e);
    direct.push(d);
  }
  return {
    "pipe.addedMsP50": median(added),
    "pipe.addedMsP99": quantile(added, 0.99),
    "pipe.passThroughMs": median(through) - median(direct),
  };
}

async function rounds(bench: Bench): Promise<Record<string, number>> {
  const step = (index: number) => ({ kind: 0 as const, modelHash: MODEL, input: variant(INPUT, index), splices: [] });
  const fan = await bench.simulate(runCall(Array.from({ length: 16 }, (_, i) => step(2_000_000 + i))));
  const chain = await bench.simulate(runCall(chainOf(MODEL, variant(INPUT, 3_000_000), 8, OUTPUT_BYTES)));
  return { "pipe.rounds.fan16": fan.rounds, "pipe.rounds.chain8": chain.rounds };
}

/** Simulations of a call whose one answer is known: two for each time it is asked for. */
async function simulationsPerSecond(bench: Bench): Promise<number> {
  const data = fresh();
  await bench.simulate(data);
  const ms: number[] = [];
  for (let i = 0; i < 40; i++) {
    let made = 1;
    const taken = await timed(async () => {
      made = (await bench.simulate(data)).simulations;
    });
    ms.push(taken / made);
  }
  return 1_000 / median(ms);
}

/** The share of transactions whose publication and use are in one block, of those sent together into blocks of one second. */
async function sameBlock(bench: Bench, flood: boolean): Promise<number> {
  const { world, engine } = bench;
  const senders = Array.from({ length: STORM_SENDERS }, () => new Wallet(keccak256(toBeHex(++asked, 32))));
  const funder = await world.provider.getSigner(3);
  for (const { address } of senders)
    await (await funder.sendTransaction({ to: address, value: parseEther("20") })).wait();
  const raws: string[] = [];
  for (const sender of senders)
    for (let nonce = 0; nonce < STORM / STORM_SENDERS; nonce++)
      raws.push(await bench.sign(sender, nonce, { data: fresh() }));
  await bench.rpc("evm_setAutomine", false);
  await bench.rpc("evm_setIntervalMining", world.chain.kind === "anvil" ? 1 : 1_000);
  let flooding = flood;
  const flooder = new Wallet(localKey(4));
  const flooded = (async () => {
    let nonce = await world.provider.getTransactionCount(flooder.address);
    while (flooding) {
      const raw = await flooder.signTransaction({
        ...FEES,
        to: flooder.address,
        nonce: nonce++,
        maxFeePerGas: 10n ** 12n,
        maxPriorityFeePerGas: 10n ** 11n,
      });
      await bench.rpc("eth_sendRawTransaction", raw);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  const hashes = await Promise.all(raws.map((raw): Promise<string> => engine.send("eth_sendRawTransaction", [raw])));
  const blocks: (number | undefined)[] = [];
  const until = Date.now() + 120_000;
  for (const hash of hashes) {
    let receipt = await world.provider.getTransactionReceipt(hash);
    while (receipt === null && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      receipt = await world.provider.getTransactionReceipt(hash);
    }
    const { publishHash } = await engine.send("pipe_status", [hash]);
    const publication = publishHash === null ? null : await world.provider.getTransactionReceipt(publishHash);
    const together = receipt?.status === 1 && publication?.blockNumber === receipt.blockNumber;
    blocks.push(together ? receipt?.blockNumber : undefined);
  }
  flooding = false;
  await flooded;
  await bench.rpc("evm_setIntervalMining", 0);
  await bench.rpc("evm_setAutomine", true);
  return blocks.filter((block) => block !== undefined).length / STORM;
}

/** From the wallet's send to the state that the answer changed: one transaction with PIPE, two with a callback, in blocks of one second. */
async function vsCallback(bench: Bench): Promise<number> {
  const { world } = bench;
  const events = await watch(world.chain.wsUrl, world.record.contracts.InferenceHub.address);
  const wallet = new Wallet(localKey(6));
  const requester = new Wallet(localKey(7));
  const [pipe, callback]: [number[], number[]] = [[], []];
  await bench.rpc("evm_setAutomine", false);
  await bench.rpc("evm_setIntervalMining", 1_000);
  try {
    const terms = encodeTerms(standardTerms({ deadline: (await world.now()) + 36_000 }));
    for (let i = 0; i < 12; i++) {
      const nonce = await world.provider.getTransactionCount(wallet.address);
      const raw = await bench.sign(wallet, nonce, { data: fresh() });
      pipe.push(
        await timed(async () => {
          const hash = await bench.engine.send("eth_sendRawTransaction", [raw]);
          while ((await world.provider.getTransactionReceipt(hash)) === null)
            await new Promise((resolve) => setTimeout(resolve, 5));
        }),
      );
      const data = world.hub.interface.encodeFunctionData("request", [
        MODEL,
        variant(INPUT, 4_000_000 + i),
        terms,
        toBeHex(i + 10 ** 7, 32),
      ]);
      const to = world.record.contracts.InferenceHub.address;
      const asking = await requester.signTransaction({
        ...FEES,
        to,
        data,
        value: 10n ** 15n,
        nonce: await world.provider.getTransactionCount(requester.address),
      });
      callback.push(
        await timed(async () => {
          const hash = await bench.rpc("eth_sendRawTransaction", asking);
          let receipt = await world.provider.getTransactionReceipt(hash);
          while (receipt === null) {
            await new Promise((resolve) => setTimeout(resolve, 5));
            receipt = await world.provider.getTransactionReceipt(hash);
          }
          await events.seen(receipt.logs[0]?.topics[1] ?? "");
        }),
      );
    }
  } finally {
    events.close();
    await bench.rpc("evm_setIntervalMining", 0);
    await bench.rpc("evm_setAutomine", true);
  }
  return median(pipe) / median(callback);
}

/** The whole way of PIPE with the real daemon and its sandboxes; on Hardhat's node and on anvil where they differ. */
export async function measurePipe(): Promise<Record<string, number>> {
  const hardhat = await Bench.open("hardhat");
  let values: Record<string, number>;
  try {
    values = {
      ...(await rounds(hardhat)),
      ...(await latencies(hardhat)),
      "pipe.simulationsPerSecond": await simulationsPerSecond(hardhat),
      "pipe.vsCallback": await vsCallback(hardhat),
      "pipe.sameBlock": await sameBlock(hardhat, false),
      "pipe.sameBlockFlood": await sameBlock(hardhat, true),
    };
  } finally {
    await hardhat.end();
  }
  const anvil = await Bench.open("anvil");
  try {
    return {
      ...values,
      "pipe.simulationsPerSecondAnvil": await simulationsPerSecond(anvil),
      "pipe.sameBlockAnvil": await sameBlock(anvil, false),
      "pipe.sameBlockFloodAnvil": await sameBlock(anvil, true),
    };
  } finally {
    await anvil.end();
  }
}
