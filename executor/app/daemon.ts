import { mkdirSync } from "node:fs";
import type { Config } from "../config/loadConfig";
import { checkDeployment, readDeployment } from "../deployment/record";
import { AssayError } from "../domain/errors";
import { MAX_LANDING_OUTPUT_BYTES } from "../domain/gas";
import { DEFAULT_ENCLAVE_LIMITS } from "../enclave/config";
import { startEnclave } from "../enclave/supervisor";
import { FOLLOWED_TOPICS } from "../intake/events";
import { Follower } from "../intake/follower";
import { sqliteJobStore } from "../jobs/sqliteStore";
import { Poster } from "../posting/poster";
import { Transactions } from "../posting/transactions";
import { domainSeparator } from "../protocol/statement";
import { rpcChainSource } from "../rpc/chainSource";
import { RpcClient } from "../rpc/client";
import { rpcDeploymentChain } from "../rpc/deploymentChain";
import { rpcPostingChain } from "../rpc/postingChain";
import { wakeOnBlocks } from "../rpc/wake";
import { Chooser } from "./chooser";
import { ChainClock } from "./clock";
import { Dispatcher } from "./dispatcher";
import { Fleet } from "./fleet";
import { fastKeccak, hashTransactionsBy } from "./hashing";
import { intakeLoop } from "./intakeLoop";
import { openKeys } from "./keys";
import { Loop } from "./loops";
import { modelLibrary } from "./models";
import { type Observer, startObserver } from "./observer";
import { stopInOrder } from "./orderlyStop";
import { type PipeService, startPipeService } from "./pipeService";
import { platformOf } from "./platforms";
import { RegistryClient } from "./registryClient";
import { walletSigner } from "./signer";

const PRIORITY_FEE_WEI = 10n ** 9n;
const BUMP_AFTER_BLOCKS = 3;
const MAX_BATCH = 128;
const MAX_ATTEMPTS = 5;
const LEASE_MS = 30_000;
/** A node that takes longer to take a transaction is away; whoever stops a machine does not wait for it. */
const STOP_CHAIN_MS = 2_000;
/** Jobs in work for each runner: one that computes, and a few whose input is already there when it is done. */
const JOBS_PER_RUNNER = 8;

export interface DaemonHooks {
  /** Asks a person for a password; fails where nobody is there. */
  readonly ask: (prompt: string) => Promise<string>;
  /** Called once, when enclaves are registered and the chain is followed. */
  readonly onReady?: (info: {
    httpUrl: string;
    /** Where wallets connect, if PIPE runs. */
    pipeUrl: string | undefined;
    operator: string;
    levels: readonly number[];
  }) => void;
}

/**
 * Runs an executor until the signal ends: opens the store, follows the chain, keeps enclaves registered, serves requests, posts answers.
 * This is the one place where adapters are built and stages are wired. Stopping goes backwards: no new work, what is in work is finished,
 * posted and stored, the keys are drained, then everything closes.
 * @throws AssayError of whatever stage can not start; nothing is left running
 */
export async function runExecutor(config: Config, signal: AbortSignal, hooks: DaemonHooks): Promise<void> {
  const record = readDeployment(config.deploymentFile);
  const rpc = new RpcClient({ urls: config.rpcUrls, timeoutMs: config.rpcTimeoutMs });
  const closers: (() => Promise<void> | void)[] = [() => rpc.close()];
  // Enclaves and loops outlive the order to stop by what is in work. Until the daemon serves there is nothing to finish.
  const ending = new AbortController();
  let serving = false;
  const onOrder = (): void => {
    if (!serving) ending.abort();
  };
  if (signal.aborted) onOrder();
  signal.addEventListener("abort", onOrder, { once: true });
  try {
    const chainId = BigInt(record.chainId);
    await checkDeployment(record, rpcDeploymentChain(rpc));
    await refuseDisagreement(rpc, record.chainId, record.genesisHash);
    const keys = await openKeys({ config, chainId, ask: hooks.ask });
    mkdirSync(config.dataDir, { recursive: true });
    const store = sqliteJobStore(config.storePath);
    closers.push(() => store.close());
    // The store's lock lets one daemon in at a time, so whoever held a lease is dead: its jobs need not wait for the lease to end.
    await store.reap(Number.MAX_SAFE_INTEGER);
    const keccak256 = await fastKeccak();
    hashTransactionsBy(keccak256);

    const clock = new ChainClock();
    const hub = record.contracts.InferenceHub.address;
    const identity = { chainId, hub, domain: domainSeparator({ name: "Assay", chainId, contract: hub }), keccak256 };
    const chain = rpcPostingChain(rpc);
    const observer: Observer = await startObserver({ config, store, clock });
    closers.push(() => observer.close());

    const transactionsOf = (wallet: typeof keys.operator): Transactions =>
      new Transactions({
        chainId,
        chain,
        outbox: store,
        signer: walletSigner(wallet),
        priorityFeeWei: PRIORITY_FEE_WEI,
        maxFeePerGas: config.maxGasPriceWei,
        bumpAfterBlocks: BUMP_AFTER_BLOCKS,
        onEvent: (event) => observer.transaction(event),
      });
    const posterTransactions = transactionsOf(keys.poster);
    const operatorTransactions =
      keys.operator.address === keys.poster.address ? posterTransactions : transactionsOf(keys.operator);
    const publisherTransactions =
      [posterTransactions, operatorTransactions].find(({ address }) => address === addressOf(keys.publisher)) ??
      transactionsOf(keys.publisher);
    const streams = [
      ...new Set([posterTransactions, operatorTransactions, ...(config.pipe ? [publisherTransactions] : [])]),
    ];
    for (const stream of streams) await stream.resume();

    const registry = new RegistryClient({
      rpc,
      contracts: record.contracts,
      transactions: operatorTransactions,
    });
    const platform = platformOf(config.attestationFormat, config.dataDir);
    const endpoint = config.endpoint ?? "";
    const fleet = new Fleet({
      size: config.enclaves,
      endpoint,
      start: () =>
        startEnclave(
          {
            chainId,
            registry: record.contracts.EnclaveRegistry.address,
            hub,
            operator: keys.operator.address,
            payout: config.payout ?? keys.operator.address,
            endpoint,
            platform,
            minimumLevel: config.minimumLevel as 0 | 1 | 2 | 3,
            limits: {
              runTimeoutMs: 1_000 * config.runTimeoutSeconds,
              maxOutputBytes: MAX_LANDING_OUTPUT_BYTES,
              // One runner may take what all are planned for, and no more.
              runnerMemoryBytes: Math.min(config.memoryBudget, DEFAULT_ENCLAVE_LIMITS.runnerMemoryBytes),
            },
          },
          ending.signal,
        ),
      registry,
      now: () => clock.now(),
      untilBlock: (done) => clock.until(done, signal),
      maxKeyAgeSeconds: config.maxKeyAgeSeconds,
      heartbeatSeconds: record.heartbeatSeconds,
      epochSeconds: record.epochSeconds,
      epochMarginSeconds: config.epochMarginSeconds,
      heartbeatMarginSeconds: config.heartbeatMarginSeconds,
      onEvent: (event) => observer.fleet(event),
    });
    closers.push(() => fleet.stop());

    const poster = new Poster({
      hub,
      chain,
      outbox: store,
      transactions: posterTransactions,
      priorityFeeWei: PRIORITY_FEE_WEI,
      maxFeePerGas: config.maxGasPriceWei,
      allowLoss: config.allowLoss,
      maxBatch: MAX_BATCH,
      nowMs: Date.now,
      isLive: (signer) => fleet.active.some((member) => member.enclave.description.signer === signer),
      onSkip: (item, why) => observer.skipped(item.request.requestId, why),
      onDoubt: (signer, blockNumber) => fleet.doubt(signer, blockNumber),
    });
    const posting = new Loop({
      // Whatever is left waits for the chain to move; a block or a new answer wakes the loop.
      step: async () => (await poster.tick()) > 0,
      pauseMs: 1_000,
      onError: (error) => observer.failure("posting", error),
    });

    const chooser = new Chooser({
      config,
      fleet,
      clock,
      runnersPerEnclave: DEFAULT_ENCLAVE_LIMITS.maxRunners,
      priorityFeeWei: PRIORITY_FEE_WEI,
      nowMs: Date.now,
    });
    const models = modelLibrary(config, (error) => observer.failure("availability", error));
    const dispatcher = new Dispatcher({
      store,
      choose: (request, modelBytes) => chooser.choose(request, modelBytes),
      model: (hash) => models.fetch(hash, ending.signal),
      slots: () => chooser.capacity * JOBS_PER_RUNNER,
      maxAttempts: MAX_ATTEMPTS,
      leaseMs: LEASE_MS,
      nowMs: Date.now,
      onAnswered: () => posting.wake(),
      onError: (error) => observer.failure("jobs", error),
      onOutcome: (event) => {
        chooser.learn(event);
        if (event.reason === "SIGNER_RECORD_FULL" && event.workerId !== undefined) fleet.rotate(event.workerId, true);
        observer.outcome(event);
      },
    });
    // Jobs that wait for capacity or a second attempt come back by this clock, and so do those whose worker vanished.
    const dispatching = new Loop({
      step: async () => {
        await store.reap(Date.now());
        await dispatcher.pump(ending.signal);
        return false;
      },
      pauseMs: 250,
      onError: (error) => observer.failure("jobs", error),
    });

    let pipe: PipeService | undefined;
    const follower = new Follower({
      source: rpcChainSource({ rpc, hub, topics: FOLLOWED_TOPICS }),
      record: store,
      identity,
      startBlock: record.contracts.InferenceHub.block,
      genesisHash: record.genesisHash,
      confirmations: config.confirmations,
      nowMs: Date.now,
    });
    const intake = intakeLoop({
      follower,
      pollIntervalMs: config.pollIntervalMs,
      onProgress: (head, result) => {
        observer.progress(result);
        if (result.kind === "advanced" && result.added > 0) dispatcher.pumpSoon(ending.signal);
        if (!clock.set(head)) return;
        posting.wake();
        for (const stream of streams)
          void stream.follow(head.number).catch((error: unknown) => observer.failure("posting", error));
        void fleet.tend(head).catch((error: unknown) => observer.failure("enclave", error));
        if (!signal.aborted) void pipe?.block(head).catch((error: unknown) => observer.failure("pipe", error));
      },
      onReorg: (result) => observer.reorg(result),
      onError: (error) => observer.failure("intake", error),
    });
    if (config.wsUrl !== undefined) wakeOnBlocks({ url: config.wsUrl, onWake: () => intake.wake(), signal });

    observer.provide({
      fleet,
      dispatcher,
      chooser,
      operator: keys.operator.address,
      poster: keys.poster.address,
      chain,
    });
    const loops = [intake.run(ending.signal)];
    closers.push(async () => {
      await Promise.all(loops);
      await dispatcher.drain();
    });
    await fleet.start(signal);
    const members = fleet.active;
    const operatorId = members[0]?.operatorId;
    for (const poster of new Set(streams.map(({ address }) => address)))
      await ensurePoster({ registry, operatorTransactions, poster, operatorId });
    if (config.pipe) {
      const service = await startPipeService({
        config,
        record,
        rpc,
        posting: chain,
        store,
        priorityFeeWei: PRIORITY_FEE_WEI,
        transactions: publisherTransactions,
        chooser,
        model: (hash) => models.fetch(hash, signal),
        operatorId: () => operatorId,
        signal,
        onEvent: (event) => observer.pipe(event),
        onError: (error) => observer.failure("pipe", error),
      });
      closers.push(() => service.close());
      pipe = service;
    }
    const postingEnd = new AbortController();
    const postingDone = posting.run(postingEnd.signal);
    closers.push(() => postingEnd.abort());
    loops.push(dispatching.run(signal), postingDone);
    serving = true;
    observer.ready(true);
    hooks.onReady?.({
      httpUrl: observer.url,
      operator: keys.operator.address,
      pipeUrl: pipe?.url,
      levels: members.map((member) => member.enclave.description.level),
    });
    await aborted(signal);
    const answers = await stopInOrder({
      boundMs: 1_000 * config.drainSeconds,
      chainMs: STOP_CHAIN_MS,
      leave: () => {
        observer.ready(false);
        dispatcher.close();
        fleet.leave();
      },
      finished: () => dispatcher.drain(),
      posted: async () => {
        // The poster is nobody's at two places at once.
        postingEnd.abort();
        await postingDone;
        while ((await poster.tick()) > 0);
      },
      drain: () => fleet.drain(),
      onError: (error) => observer.failure("jobs", error),
    });
    // A node that hangs would hold each loop in its last step until the call's own time is over.
    if (!answers) rpc.close();
  } finally {
    ending.abort();
    // Backwards, and each of them even if another one fails: a store that stays open would keep its lock.
    for (const close of closers.reverse()) await Promise.resolve(close()).catch(() => undefined);
  }
}

/** Several addresses must show the same chain; one that does not is named instead of used. */
async function refuseDisagreement(rpc: RpcClient, chainId: string, genesisHash: string): Promise<void> {
  const answers = await rpc.everywhere([
    { method: "eth_chainId", params: [] },
    { method: "eth_getBlockByNumber", params: ["0x0", false] },
  ]);
  for (const { url, answers: pair } of answers) {
    // An address that is down now may be up later; what it says is checked by the follower then.
    if (pair instanceof AssayError) continue;
    const [id, genesis] = pair;
    const sameChain = id?.ok === true && BigInt(id.value as string) === BigInt(chainId);
    const sameGenesis = genesis?.ok === true && (genesis.value as { hash?: unknown } | null)?.hash === genesisHash;
    if (!sameChain || !sameGenesis) {
      throw new AssayError({
        code: "RPC_DISAGREEMENT",
        message: `${new URL(url).origin} is on another chain than the deployment; remove it from rpcUrls`,
        context: { url: new URL(url).origin },
      });
    }
  }
}

/** A posting key apart from the operator's must be allowed to post answers that have a callback. */
async function ensurePoster(args: {
  registry: RegistryClient;
  operatorTransactions: Transactions;
  poster: string;
  operatorId: number | undefined;
}): Promise<void> {
  if (args.operatorId === undefined || args.poster === args.operatorTransactions.address) return;
  if (await args.registry.mayActFor(args.operatorId, args.poster as never)) return;
  await args.registry.setPoster(args.operatorId, args.poster as never);
}

const addressOf = (wallet: { address: string }): string => wallet.address.toLowerCase();

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
