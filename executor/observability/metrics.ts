import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { AssayError } from "../domain/errors";
import type { Component } from "./logger";

/** What a metric counts in. `total` is a count that only rises; `count` one that also falls. */
export const METRIC_UNITS = ["total", "count", "seconds", "bytes", "wei", "gas", "ratio", "number", "level"] as const;
export type MetricUnit = (typeof METRIC_UNITS)[number];

/**
 * `assay_<stage>_<what>_<unit>`
 * @throws AssayError `OBSERVABILITY_METRIC_NAME` if `what` is not lower-case words
 */
export function metricName(stage: Component | "process", what: string, unit: MetricUnit): string {
  if (!/^[a-z]+(_[a-z]+)*$/.test(what))
    throw new AssayError({
      code: "OBSERVABILITY_METRIC_NAME",
      message: "a metric is named by lower-case words",
      context: { what },
    });
  return `assay_${stage}_${what}_${unit}`;
}

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 15, 60, 300];

/** All metrics of the daemon, in a registry of their own, so that two daemons in one test do not meet. Labels have few values: never ids. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(
    stage: Component,
    what: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> => new Counter({ name: metricName(stage, what, "total"), help, labelNames, registers });
  const gauge = <L extends string>(
    stage: Component,
    what: string,
    unit: MetricUnit,
    help: string,
    labelNames: readonly L[] = [],
  ): Gauge<L> => new Gauge({ name: metricName(stage, what, unit), help, labelNames, registers });
  const histogram = <L extends string>(args: {
    stage: Component;
    what: string;
    unit: MetricUnit;
    help: string;
    buckets: number[];
    labelNames?: readonly L[];
  }): Histogram<L> =>
    new Histogram({
      name: metricName(args.stage, args.what, args.unit),
      help: args.help,
      buckets: args.buckets,
      labelNames: args.labelNames ?? [],
      registers,
    });

  new Gauge({
    name: metricName("process", "resident", "bytes"),
    help: "Resident memory of the daemon.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return {
    registry,
    intakeHead: gauge("intake", "head", "number", "Newest block that was applied."),
    intakeLag: gauge("intake", "lag", "seconds", "Host time since the newest applied block's time."),
    intakeRequests: counter("intake", "requests", "Requests seen on the chain."),
    intakeReorgs: counter("intake", "reorgs", "Times that applied blocks were taken back."),
    intakeReadFailures: counter("intake", "read_failures", "Reads of the chain that failed."),
    matchingDecisions: counter("matching", "decisions", "Decisions, by whether an enclave was found.", ["outcome"]),
    matchingRefusals: counter("matching", "refusals", "Enclaves that were refused for a request, by reason.", [
      "reason",
    ]),
    jobsState: gauge("jobs", "state", "count", "Jobs by state.", ["state"]),
    enclaveUp: gauge("enclave", "up", "count", "Enclaves that run."),
    enclaveLevel: gauge("enclave", "sandbox", "level", "Weakest sandbox level of the enclaves that run."),
    enclaveRun: histogram({
      stage: "enclave",
      what: "run",
      unit: "seconds",
      help: "Time from task to signed answer.",
      buckets: SECONDS,
      labelNames: ["outcome"],
    }),
    enclaveFailures: counter("enclave", "failures", "Runs that gave no answer, by code.", ["code"]),
    postingTransactions: counter("posting", "transactions", "Transactions by what became of them.", ["outcome"]),
    postingGas: counter("posting", "gas", "Gas used by confirmed transactions."),
    postingItems: histogram({
      stage: "posting",
      what: "batch_items",
      unit: "count",
      help: "Answers in one transaction.",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    }),
    postingBalance: gauge("posting", "balance", "wei", "Balance of the posting key."),
    postingLanded: histogram({
      stage: "posting",
      what: "landed",
      unit: "seconds",
      help: "Block time from request to fulfilment.",
      buckets: SECONDS,
    }),
    pipeItems: counter("pipe", "items", "Transactions and intents of PIPE, by what became of them.", ["outcome"]),
    pipeRelease: histogram({
      stage: "pipe",
      what: "release",
      unit: "seconds",
      help: "Time from acceptance until it was sent on.",
      buckets: SECONDS,
      labelNames: ["outcome"],
    }),
    availabilityFetches: counter("availability", "fetches", "Models fetched, by source and outcome.", [
      "source",
      "outcome",
    ]),
    availabilityCache: gauge("availability", "cache", "bytes", "Model files held in memory."),
  } as const;
}
