import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** The daemon's metrics, named `assay_<stage>_<what>_<unit>`. */
export class Metrics {
  readonly registry = new Registry();
  readonly headBlock = this.gauge("assay_intake_head_block", "Newest block that was followed");
  readonly reorgs = this.counter("assay_intake_reorgs_total", "Times the followed chain was cut back");
  readonly requests = this.counter("assay_intake_requests_total", "Requests that were seen");
  readonly endings = this.counter("assay_intake_endings_total", "Requests that ended on the chain");
  readonly outcomes = this.counter("assay_jobs_outcomes_total", "What became of attempts, by result and reason", ["result", "reason"]);
  readonly runSeconds = this.histogram("assay_enclave_run_seconds", "Time from choosing an enclave to its signed answer");
  readonly enclaves = this.gauge("assay_enclave_registered_count", "Enclaves that are registered and running");
  readonly enclaveExits = this.counter("assay_enclave_exits_total", "Enclaves that ended by themselves");
  readonly transactions = this.counter("assay_posting_transactions_total", "Transactions, by what happened to them", ["event"]);
  readonly skipped = this.counter("assay_posting_skipped_total", "Answers that were not posted this time, by reason", ["reason"]);
  readonly failures = this.counter("assay_daemon_failures_total", "Failed steps, by stage and code", ["stage", "code"]);

  private counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
  private histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30], registers: [this.registry] });
  }
}
