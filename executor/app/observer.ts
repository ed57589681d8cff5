import { isAssayError } from "../domain/errors";
import { type Hex32, hex32 } from "../domain/ids";
import type { Config } from "../config/loadConfig";
import type { StepResult } from "../intake/follower";
import type { JobStore } from "../jobs/ports";
import { createLogger } from "../observability/logger";
import { Metrics } from "../observability/metrics";
import { startStatusServer } from "../observability/server";
import { encodeDecision } from "../matching/decision";
import type { PostingChain } from "../posting/ports";
import type { SkipReason } from "../posting/poster";
import type { TransactionEvent } from "../posting/transactions";
import type { Chooser } from "./chooser";
import type { ChainClock } from "./clock";
import type { DispatchEvent, Dispatcher } from "./dispatcher";
import type { Fleet, FleetEvent } from "./fleet";

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
  /** @returns milliseconds to wait before the step is tried again */
  failure(stage: string, error: unknown): number;
  close(): Promise<void>;
}

const WAIT_AFTER_FAILURE_MS = 500;
/** The balance is looked at once in so many blocks. */
const BALANCE_EVERY_BLOCKS = 50;

export async function startObserver(args: { config: Config; store: JobStore; clock: ChainClock }): Promise<Observer> {
  const { config, store, clock } = args;
  const log = createLogger(config.logLevel);
  const metrics = new Metrics();
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
    enclaves: (observed?.fleet.active ?? []).map(({ enclave: { description }, operatorId, trust, epochEnd, heartbeatDue }) => ({
      signer: description.signer,
      imageId: description.imageId,
      level: description.level,
      layers: description.layers,
      runtimeProfile: description.runtimeProfile,
      operatorId,
      trust,
      epochEnd,
      heartbeatDue,
    })),
    decisions: (observed?.chooser.latest ?? []).slice(-20).map((record) => JSON.parse(encodeDecision(record)) as unknown),
  });
  const request = async (id: string): Promise<unknown> => {
    const summary = await store.get(hex32(id));
    return summary === undefined ? undefined : { ...summary, timeline: await store.timeline(hex32(id)) };
  };
  const server = await startStatusServer({
    host: config.httpHost,
    port: config.httpPort,
    routes: { ready: () => isReady, status, request, metrics: async () => ({ type: metrics.registry.contentType, text: await metrics.registry.metrics() }) },
  });

  const failure = (stage: string, error: unknown): number => {
    const code = isAssayError(error) ? error.code : "BUG";
    metrics.failures.inc({ stage, code });
    // What is not typed is a bug of ours: it is shown whole, and the loop goes on, because stopping would lose more.
    if (isAssayError(error)) log.warn({ stage, code, context: error.context }, "a step failed and will be tried again");
    else log.error({ stage, err: error }, "a step failed in a way that was not foreseen");
    return WAIT_AFTER_FAILURE_MS;
  };
  const watchBalance = async (block: number): Promise<void> => {
    if (observed === undefined || block - balanceSeenAt < BALANCE_EVERY_BLOCKS) return;
    balanceSeenAt = block;
    const balanceWei = await observed.chain.balance(observed.poster as never);
    if (balanceWei < config.lowBalanceWei) log.warn({ stage: "posting", account: observed.poster, balanceWei: balanceWei.toString() }, "the posting key is low on ether");
  };

  return {
    url: server.url,
    provide: (parts) => {
      observed = parts;
    },
    ready: () => {
      isReady = true;
      log.info({ stage: "daemon", url: server.url }, "ready");
    },
    progress: (result) => {
      if (result.kind === "reorg") return;
      metrics.headBlock.set(result.head.number);
      void watchBalance(result.head.number).catch((error: unknown) => failure("posting", error));
      if (result.kind !== "advanced") return;
      metrics.requests.inc(result.added);
      metrics.endings.inc(result.ended);
      for (const { log: entry, code } of result.rejected) log.warn({ stage: "intake", code, transaction: entry.transactionHash }, "a log of the hub was not taken");
    },
    reorg: ({ ancestor, orphaned, reopened }) => {
      metrics.reorgs.inc();
      log.warn({ stage: "intake", ancestor, orphaned, reopened }, "the chain was reorganised");
    },
    outcome: ({ request: { requestId }, workerId, result, reason, runMs }) => {
      metrics.outcomes.inc({ result, reason: reason ?? "" });
      if (result === "answered") metrics.runSeconds.observe(runMs / 1_000);
      log.info({ stage: "jobs", requestId, enclave: workerId, result, reason, runMs }, "an attempt ended");
    },
    transaction: (event) => {
      metrics.transactions.inc({ event: event.kind });
      const { hash, label, nonce } = event.tx;
      log.info({ stage: "posting", event: event.kind, hash, label, nonce, ...(event.kind === "closed" ? { succeeded: event.receipt.succeeded } : {}) }, "a transaction moved");
    },
    skipped: (requestId, why) => {
      metrics.skipped.inc({ reason: why });
      log.info({ stage: "posting", requestId, reason: why }, "an answer waits");
    },
    fleet: (event) => {
      metrics.enclaves.set(observed?.fleet.active.length ?? 0);
      if (event.kind === "exited") {
        metrics.enclaveExits.inc();
        log.warn({ stage: "enclave", slot: event.slot, reason: event.reason }, "an enclave ended and is replaced");
      } else if (event.kind === "failed") failure("enclave", event.error);
      else log.info({ stage: "enclave", slot: event.slot, event: event.kind, signer: event.member?.enclave.description.signer }, "an enclave moved");
    },
    failure,
    close: () => server.close(),
  };
}
