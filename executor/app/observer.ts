import type { Config } from "../config/loadConfig";
import { isAssayError } from "../domain/errors";
import { type Hex32, hex32 } from "../domain/ids";
import type { StepResult } from "../intake/follower";
import type { JobStore } from "../jobs/ports";
import { encodeDecision } from "../matching/decision";
import { startHealthServer } from "../observability/healthServer";
import { type Component, createLoggerFactory } from "../observability/logger";
import { createMetrics } from "../observability/metrics";
import type { EngineEvent } from "../pipe/entry";
import type { PostingChain } from "../posting/ports";
import type { SkipReason } from "../posting/poster";
import type { TransactionEvent } from "../posting/transactions";
import type { Chooser } from "./chooser";
import type { ChainClock } from "./clock";
import type { DispatchEvent, Dispatcher } from "./dispatcher";
import type { Fleet } from "./fleet";
import type { FleetEvent } from "./fleetPorts";

/** What the status is made from, once it exists. */
export interface Observed {
  readonly fleet: Fleet;
  readonly dispatcher: Dispatcher;
  readonly chooser: Chooser;
  readonly operator: string;
  readonly poster: string;
  readonly chain: PostingChain;
}

/** Turns what happens into log lines, metrics and the status page. It decides nothing but how long to wait after a failure. */
export interface Observer {
  readonly url: string;
  provide(observed: Observed): void;
  ready(): void;
  progress(result: StepResult): void;
  reorg(result: Extract<StepResult, { kind: "reorg" }>): void;
  outcome(event: DispatchEvent): void;
  transaction(event: TransactionEvent): void;
  skipped(requestId: Hex32, why: SkipReason): void;
  fleet(event: FleetEvent): void;
  pipe(event: EngineEvent): void;
  /** @returns milliseconds to wait before the step is tried again */
  failure(stage: Component, error: unknown): number;
  close(): Promise<void>;
}

const WAIT_AFTER_FAILURE_MS = 500;
/** The balance is looked at once in so many blocks. */
const BALANCE_EVERY_BLOCKS = 50;

export async function startObserver(args: { config: Config; store: JobStore; clock: ChainClock }): Promise<Observer> {
  const { config, store, clock } = args;
  const logs = createLoggerFactory({ level: config.logLevel });
  const metrics = createMetrics();
  let observed: Observed | undefined;
  let isReady = false;
  let balanceSeenAt = Number.NEGATIVE_INFINITY;

  const status = async (): Promise<unknown> => ({
    ready: isReady,
    head: clock.known ?? null,
    operator: observed?.operator,
    jobs: await store.counts(),
    recent: await store.recent(20),
    inWork: observed?.dispatcher.busy ?? 0,
    enclaves: (observed?.fleet.active ?? []).map(
      ({ enclave: { description }, operatorId, trust, epochEnd, heartbeatDue, draining }) => ({
        signer: description.signer,
        imageId: description.imageId,
        level: description.level,
        layers: description.layers,
        runtimeProfile: description.runtimeProfile,
        operatorId,
        trust,
        epochEnd,
        heartbeatDue,
        draining,
      }),
    ),
    decisions: (observed?.chooser.latest ?? [])
      .slice(-20)
      .map((record) => JSON.parse(encodeDecision(record)) as unknown),
  });
  const request = async (id: string): Promise<unknown> => {
    const summary = await store.get(hex32(id));
    return summary === undefined ? undefined : { ...summary, timeline: await store.timeline(hex32(id)) };
  };
  const server = await startHealthServer({
    host: config.httpHost,
    port: config.httpPort,
    allowRemote: config.httpAllowRemote,
    readiness: async () => ({
      ready: isReady,
      parts: { chain: clock.known !== undefined, enclaves: (observed?.fleet.serving ?? 0) > 0 },
    }),
    status,
    request,
    metrics: metrics.registry,
    onError: (error) => failure("observability", error),
  });

  function failure(stage: Component, error: unknown): number {
    if (stage === "intake") metrics.intakeReadFailures.inc();
    // What is not typed is a bug of ours: it is shown whole, and the loop goes on, because stopping would lose more.
    if (isAssayError(error))
      logs(stage).warn("a step failed and will be tried again", { code: error.code, context: error.context });
    else
      logs(stage).error("a step failed in a way that was not foreseen", {
        error: error instanceof Error ? error.stack : String(error),
      });
    return WAIT_AFTER_FAILURE_MS;
  }
  const watchBalance = async (block: number): Promise<void> => {
    if (observed === undefined || block - balanceSeenAt < BALANCE_EVERY_BLOCKS) return;
    balanceSeenAt = block;
    const balanceWei = await observed.chain.balance(observed.poster as never);
    metrics.postingBalance.set(Number(balanceWei));
    if (balanceWei < config.lowBalanceWei)
      logs("posting").warn("the posting key is low on ether", {
        account: observed.poster,
        balanceWei: balanceWei.toString(),
      });
  };

  return {
    url: server.url,
    provide: (parts) => {
      observed = parts;
    },
    ready: () => {
      isReady = true;
      logs("app").info("ready", { url: server.url });
    },
    progress: (result) => {
      if (result.kind === "reorg") return;
      metrics.intakeHead.set(result.head.number);
      metrics.intakeLag.set(Math.max(0, Date.now() / 1_000 - result.head.timestamp));
      void watchBalance(result.head.number).catch((error: unknown) => failure("posting", error));
      if (result.kind !== "advanced") return;
      metrics.intakeRequests.inc(result.added);
      for (const { log: entry, code } of result.rejected)
        logs("intake").warn("a log of the hub was not taken", { code, transaction: entry.transactionHash });
    },
    reorg: ({ ancestor, orphaned, reopened }) => {
      metrics.intakeReorgs.inc();
      logs("intake").warn("the chain was reorganised", { ancestor, orphaned, reopened });
    },
    outcome: ({ request: { requestId }, workerId, result, reason, runMs }) => {
      metrics.matchingDecisions.inc({ outcome: workerId === undefined ? "unserved" : "served" });
      if (workerId !== undefined) metrics.enclaveRun.observe({ outcome: result }, runMs / 1_000);
      if (result === "failed") metrics.enclaveFailures.inc({ code: reason ?? "" });
      if (workerId === undefined && reason !== undefined) metrics.matchingRefusals.inc({ reason });
      logs("jobs").info("an attempt ended", { requestId, enclave: workerId, result, reason, runMs });
    },
    transaction: (event) => {
      metrics.postingTransactions.inc({ outcome: event.kind });
      const { hash, label, nonce, jobIds } = event.tx;
      if (event.kind === "sent" && jobIds.length > 0) metrics.postingItems.observe(jobIds.length);
      if (event.kind === "closed") metrics.postingGas.inc(Number(event.receipt.gasUsed));
      logs("posting").info("a transaction moved", {
        event: event.kind,
        hash,
        label,
        nonce,
        ...(event.kind === "closed" ? { succeeded: event.receipt.succeeded } : {}),
      });
    },
    skipped: (requestId, why) => logs("posting").info("an answer waits", { requestId, reason: why }),
    fleet: (event) => {
      metrics.enclaveUp.set(observed?.fleet.active.length ?? 0);
      if (event.kind === "exited")
        logs("enclave").warn("an enclave ended and is replaced", { slot: event.slot, reason: event.reason });
      else if (event.kind === "failed") failure("enclave", event.error);
      else
        logs("enclave").info("an enclave moved", {
          slot: event.slot,
          event: event.kind,
          signer: event.member?.enclave.description.signer,
        });
    },
    pipe: ({ kind, id, reason, ms }) => {
      metrics.pipeItems.inc({ outcome: kind });
      if (kind === "released" || kind === "passed") metrics.pipeRelease.observe({ outcome: kind }, ms / 1_000);
      logs("pipe").info("a transaction moved", { event: kind, id, reason, ms });
    },
    failure,
    close: () => server.close(),
  };
}
