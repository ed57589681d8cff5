import { readFileSync } from "node:fs";
import { ContractFactory, hexlify, Interface, toBeHex } from "ethers";
import { readArtifact } from "../../executor/deployment/artifacts";
import { ZERO_ADDRESS } from "../../executor/domain/ids";
import { encodeTensorSet } from "../../executor/protocol/tensorSet";
import { encodeTerms, standardTerms } from "../../executor/protocol/terms";
import { RpcClient } from "../../executor/rpc/client";
import { committedModel, goldenSets, openWorld, type World } from "../../test/e2e/support/world";
import { localKey } from "../start/localKeys";
import { median, quantile, timed } from "./statistics";
import { Signed, watch } from "./traffic";

const WARM_UP = 50;
const SAMPLES = 300;
const MANY = 2_000;
/** Connections that post requests and plain transactions at the same time. */
const LANES = 10;
/** The accounts of the lanes: a node that mines at once takes the nonces of an account in order only. */
const LANE_KEYS = Array.from({ length: LANES }, (_, lane) => localKey(8 + lane));

type Make = (i: number) => { to: string; data?: string; value?: bigint };

/** So many transactions, shared out over the lanes. */
async function signedLanes(rpc: RpcClient, make: Make): Promise<string[][]> {
  const lanes: string[][] = [];
  for (const [lane, key] of LANE_KEYS.entries()) {
    const signed = await Signed.open(rpc, key);
    lanes.push(await signed.many(MANY / LANES, (i) => make(lane * (MANY / LANES) + i)));
  }
  return lanes;
}

async function sendAll(rpcs: readonly RpcClient[], lanes: readonly (readonly string[])[]): Promise<void> {
  await Promise.all(
    rpcs.map(async (rpc, lane) => {
      for (const raw of lanes[lane] ?? []) await rpc.call("eth_sendRawTransaction", [raw]);
    }),
  );
}

async function landed(rpc: RpcClient, raw: string): Promise<{ logs: { address: string; topics: string[] }[] }> {
  const hash = await rpc.call<string>("eth_sendRawTransaction", [raw]);
  const receipt = await rpc.call<{ status: string; logs: { address: string; topics: string[] }[] } | null>(
    "eth_getTransactionReceipt",
    [hash],
  );
  if (receipt?.status !== "0x1") throw new Error(`transaction ${hash} failed`);
  return receipt;
}

async function latency(
  world: World,
  rpc: RpcClient,
  events: Awaited<ReturnType<typeof watch>>,
  httpUrl: string,
): Promise<Record<string, number>> {
  const hub = world.record.contracts.InferenceHub.address;
  const { abi, bytecode } = readArtifact("mocks/ConsumerHarness.sol", "ConsumerHarness");
  const [registered] = await world.provider.getLogs({
    address: world.record.contracts.EnclaveRegistry.address,
    fromBlock: 0,
    topics: [
      new Interface(world.record.contracts.EnclaveRegistry.abi as never).getEvent("EnclaveRegistered")?.topicHash ??
        null,
    ],
  });
  const policy = {
    profile: toBeHex(0, 32),
    imageId: registered?.topics[3],
    minTrust: 1,
    callbackGas: 200_000,
    deadlineSeconds: 3_600,
    retrySeconds: 3_600,
  };
  const consumer = await new ContractFactory(abi, bytecode, world.requester).deploy(hub, policy);
  await consumer.waitForDeployment();
  const input = hexlify(encodeTensorSet(goldenSets("liquidation_risk")[0]?.inputs ?? []));
  const signed = await Signed.open(rpc, localKey(5));
  const data = consumer.interface.encodeFunctionData("ask", [
    committedModel("liquidation_risk").hash,
    input,
    signed.address,
  ]);
  const asks = await signed.many(WARM_UP + SAMPLES, () => ({ to: String(consumer.target), data, value: 10n ** 15n }));
  const plain = await (await Signed.open(rpc, localKey(6))).many(WARM_UP + SAMPLES, () => ({
    to: signed.address,
    value: 1n,
  }));
  const [answers, baseline]: [number[], number[]] = [[], []];
  const sampled: { id: string; minedAt: number; landedAt: number }[] = [];
  for (let i = 0; i < WARM_UP + SAMPLES; i++) {
    const receipt = await landed(rpc, asks[i] ?? "");
    const mined = performance.now();
    const id = receipt.logs.find((log) => log.address === hub)?.topics[1] ?? "";
    const answered = (await events.seen(id)) - mined;
    const base = await timed(() => landed(rpc, plain[i] ?? ""));
    if (i < WARM_UP) continue;
    answers.push(answered);
    baseline.push(base);
    const minedAt = performance.timeOrigin + mined;
    sampled.push({ id, minedAt, landedAt: minedAt + answered });
  }
  const stages = await Promise.all(sampled.map((sample) => stagesOf(httpUrl, sample)));
  return {
    "latency.noticeMs": median(stages.map(({ notice }) => notice)),
    "latency.computeMs": median(stages.map(({ compute }) => compute)),
    "latency.postMs": median(stages.map(({ post }) => post)),
    "latency.p50Ms": median(answers),
    "latency.ratioP50": median(answers) / median(baseline),
    "latency.ratioP99": quantile(answers, 0.99) / quantile(baseline, 0.99),
  };
}

/** Where a request's time went, from the executor's own timeline; whole milliseconds of this host's clock. */
async function stagesOf(
  httpUrl: string,
  { id, minedAt, landedAt }: { id: string; minedAt: number; landedAt: number },
): Promise<{ notice: number; compute: number; post: number }> {
  type Entry = { step: string; hostMs: number };
  const { timeline } = (await (await fetch(`${httpUrl}/requests/${id}`)).json()) as { timeline: Entry[] };
  const at = (step: string): number => timeline.find((entry) => entry.step === step)?.hostMs ?? Number.NaN;
  return { notice: at("matched") - minedAt, compute: at("signed") - at("matched"), post: landedAt - at("signed") };
}

function residentMb(pid: number | undefined): number {
  const line = readFileSync(`/proc/${pid}/status`, "utf8")
    .split("\n")
    .find((text) => text.startsWith("VmRSS:"));
  return Number(line?.replace(/\D/g, "")) / 1024;
}

/** The whole way on a Hardhat node that mines at once, with the real daemon and its sandboxes; ratios against the same node in the same run. */
export async function measureFlow(): Promise<Record<string, number>> {
  const world = await openWorld("hardhat");
  const rpcs = Array.from({ length: LANES }, () => new RpcClient({ urls: [world.chain.url], timeoutMs: 60_000 }));
  const [rpc] = rpcs as [RpcClient, ...RpcClient[]];
  const hub = world.record.contracts.InferenceHub.address;
  const events = await watch(world.chain.wsUrl, hub);
  try {
    const readyTimes: number[] = [];
    let daemon = await world.start();
    for (let i = 0; i < 3; i++) {
      await daemon.child.stop();
      readyTimes.push(
        await timed(async () => {
          daemon = await world.start();
        }),
      );
    }
    const lat = await latency(world, rpc, events, daemon.httpUrl);
    const plain = await signedLanes(rpc, () => ({ to: ZERO_ADDRESS, value: 1n }));
    const plainMs = await timed(() => sendAll(rpcs, plain));

    const signed = await Signed.open(rpc, localKey(7));
    const input = hexlify(encodeTensorSet(goldenSets("liquidation_risk")[0]?.inputs ?? []));
    const terms = hexlify(encodeTerms(standardTerms({ deadline: (await world.now()) + 36_000 })));
    const abi = new Interface(world.record.contracts.InferenceHub.abi as never);
    const model = committedModel("liquidation_risk").hash;
    const request = (i: number) => ({
      to: hub,
      data: abi.encodeFunctionData("request", [model, input, terms, toBeHex(i + 10 ** 6, 32)]),
      value: 10n ** 15n,
    });
    const together = await signedLanes(rpc, request);
    events.reset();
    const endToEndMs = await timed(async () => {
      await sendAll(rpcs, together);
      await events.count(MANY);
    });
    const executorMb = residentMb(daemon.child.process.pid);

    await daemon.child.stop();
    events.reset();
    await sendAll(rpcs, await signedLanes(rpc, (i) => request(i + MANY)));
    daemon = await world.start();
    // The daemon works from before it says that it is ready, so the clock starts with the first that landed.
    const first = await events.count(1);
    const drainMs = (await events.count(MANY)) - first;

    const recoveries: number[] = [];
    for (let i = 0; i < 3; i++) {
      const [raw] = await signed.many(1, () => request(3 * MANY + i));
      const killed = performance.now();
      daemon.child.process.kill("SIGKILL");
      await daemon.child.exited;
      const receipt = await landed(rpc, raw ?? "");
      const id = receipt.logs[0]?.topics[1] ?? "";
      const restarted = world.start();
      recoveries.push((await events.seen(id)) - killed);
      daemon = await restarted;
    }
    return {
      ...lat,
      "throughput.plainPerSecond": (1_000 * MANY) / plainMs,
      "throughput.drainRatio": plainMs / drainMs,
      "throughput.endToEndRatio": plainMs / endToEndMs,
      "executor.readyMs": median(readyTimes),
      "executor.recoveryMs": median(recoveries),
      "memory.executorMb": executorMb,
    };
  } finally {
    events.close();
    for (const client of rpcs) client.close();
    await world.end();
  }
}
