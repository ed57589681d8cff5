import { readFileSync } from "node:fs";
import { Interface } from "ethers";
import { z } from "zod";
import type { Config } from "../config/loadConfig";
import type { DeploymentRecord } from "../deployment/record";
import { isDevelopmentChain } from "../domain/developmentChains";
import { AssayError } from "../domain/errors";
import type { Address } from "../domain/ids";
import { startJsonRpcFront } from "../intake/jsonRpcFront";
import type { ChainHeader } from "../intake/ports";
import type { JobStore } from "../jobs/ports";
import { PipeEngine } from "../pipe/engine";
import type { EngineEvent } from "../pipe/entry";
import { Gate } from "../pipe/gate";
import { Intents } from "../pipe/intents";
import type { PostingChain } from "../posting/ports";
import type { Transactions } from "../posting/transactions";
import { HUB_ABI } from "../protocol/generated/abi";
import type { RpcClient } from "../rpc/client";
import { rpcPipeChain } from "../rpc/pipeChain";
import { rpcUpstream } from "../rpc/upstream";
import type { Chooser } from "./chooser";
import type { DispatcherOptions } from "./dispatcher";
import { pipePublisher } from "./pipePublisher";
import { pipeRunner } from "./pipeRunner";

const MAX_SIMULATIONS = 4;
const HUB = new Interface(HUB_ABI);

export interface PipeService {
  /** Where wallets connect. */
  readonly url: string;
  /** To be told of each new block. */
  block(head: ChainHeader): Promise<void>;
  close(): Promise<void>;
}

/** Builds PIPE: engine, intents, and the JSON-RPC front before them. @throws AssayError `PIPE_KEYS_UNREADABLE`, and those of the front */
export async function startPipeService(args: {
  readonly config: Config;
  readonly record: DeploymentRecord;
  readonly rpc: RpcClient;
  readonly posting: PostingChain;
  readonly store: JobStore;
  /** Of whatever the operator sends. */
  readonly priorityFeeWei: bigint;
  /** The publisher's nonce stream. */
  readonly transactions: Transactions;
  readonly chooser: Chooser;
  readonly model: DispatcherOptions["model"];
  readonly operatorId: () => number | undefined;
  readonly signal: AbortSignal;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onError: (error: unknown) => void;
}): Promise<PipeService> {
  const { config, record, rpc, posting, store, transactions, chooser, model, signal, onEvent, onError } = args;
  const chainId = BigInt(record.chainId);
  const hub = record.contracts.InferenceHub.address;
  const chain = rpcPipeChain(rpc);
  const publisher = pipePublisher({ hub, transactions, posting, chain, records: store });
  const terms = { feeWei: config.pipeFeeWei, priorityFeeWei: args.priorityFeeWei, allowLoss: config.allowLoss };
  const shared = {
    chainId,
    chain,
    publisher,
    store,
    terms,
    deadlineMs: 1_000 * config.pipeDeadlineSeconds,
    maxHeld: config.pipeMaxHeld,
    maxHeldPerSender: config.pipeMaxHeldPerSender,
    nowMs: Date.now,
    signal,
    onEvent,
    onError,
  };
  const grantOf = async (sponsor: Address): Promise<bigint> => {
    const operatorId = args.operatorId();
    if (operatorId === undefined) return 0n;
    const data = HUB.encodeFunctionData("grantOf", [sponsor, operatorId]);
    const answer = await rpc.call<string>("eth_call", [{ to: hub, data }, "latest"]);
    return BigInt(HUB.decodeFunctionResult("grantOf", answer)[2] as bigint);
  };
  const engine = new PipeEngine({
    ...shared,
    hub,
    forwarder: record.contracts.IntentForwarder.address,
    runner: pipeRunner({ chooser, model }),
    gasCap: BigInt(config.pipeGasCap),
    bounds: {
      rounds: config.pipeMaxRounds,
      inferences: config.pipeMaxInferences,
      simulations: MAX_SIMULATIONS * config.pipeMaxRounds,
    },
    limits: {
      simulationsPerMinute: config.pipeSimulationsPerMinute,
      inferencesPerHour: config.pipeInferencesPerHour,
    },
    confirmations: config.confirmations,
    grantOf,
    pendingNonce: (account) => chain.pendingNonce(account),
  });
  const intents = new Intents({
    ...shared,
    forwarder: record.contracts.IntentForwarder.address,
    planner: engine.planner,
    watcher: engine.watcher,
    charge: (account, what) => engine.accounts.charge(account, what),
    head: () => engine.head,
  });
  const gate = new Gate({
    engine,
    intents,
    hub,
    terms,
    gasCap: BigInt(config.pipeGasCap),
    apiKeys: config.pipeKeysFile === undefined ? undefined : readKeys(config.pipeKeysFile),
  });
  await engine.resume();
  await intents.resume();
  const front = await startJsonRpcFront({
    host: config.pipeHost,
    port: config.pipePort,
    allowRemote: config.pipeAllowRemote,
    devMethods: isDevelopmentChain(chainId),
    upstream: rpcUpstream(rpc, config.wsUrl, config.rpcTimeoutMs),
    gate,
    onError,
  });
  return {
    url: front.url,
    block: async (head) => {
      await engine.block(head);
      intents.sweep();
    },
    close: async () => {
      await front.close();
      await engine.stop();
      await intents.stop();
    },
  };
}

const keysSchema = z.record(z.string().min(16), z.string().min(1));

/** @throws AssayError `PIPE_KEYS_UNREADABLE`; a front that let everybody in because its list was broken would be worse than none */
function readKeys(path: string): ReadonlyMap<string, string> {
  try {
    return new Map(Object.entries(keysSchema.parse(JSON.parse(readFileSync(path, "utf8")))));
  } catch (cause) {
    throw new AssayError({
      code: "PIPE_KEYS_UNREADABLE",
      message: `${path} is no JSON object of API keys (16 characters or more) and names`,
      context: { path },
      cause,
    });
  }
}
