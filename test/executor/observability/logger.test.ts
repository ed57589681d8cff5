import { expect } from "chai";
import { AssayError } from "../../../executor/domain/errors";
import { safeFields } from "../../../executor/observability/fields";
import { createLoggerFactory, type LogLevel } from "../../../executor/observability/logger";
import { createMetrics, METRIC_UNITS, metricName } from "../../../executor/observability/metrics";
import { formatTimeline } from "../../../executor/observability/timeline";

function capture(level: LogLevel = "info") {
  const lines: string[] = [];
  const logger = createLoggerFactory({ level, destination: { write: (line) => lines.push(line) } });
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe("logs", () => {
  it("writes one JSON line with the stage, the level as a word, the constant message and the fields", () => {
    const { logger, parsed } = capture();
    logger("posting").warn("fee was raised", { hash: "0x12", gasPriceWei: 7n });
    const [line] = parsed();
    expect(line).to.include({
      level: "warn",
      component: "posting",
      msg: "fee was raised",
      hash: "0x12",
      gasPriceWei: "7",
    });
    expect(line?.["time"]).to.match(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it("writes nothing below its level", () => {
    const { logger, lines } = capture("warn");
    logger("jobs").info("not this");
    logger("jobs").error("this");
    expect(lines.length).to.equal(1);
  });

  it("hides secrets by the names of their fields, at any depth and in errors", () => {
    const { logger, lines } = capture("trace");
    const secret = "hunter2";
    const error = new AssayError({
      code: "X",
      message: "x",
      context: { privateKey: secret, nested: { posterPassword: secret } },
      cause: { apiKey: secret },
    });
    logger("app").trace("start", {
      error,
      authorization: secret,
      list: [{ mnemonic: secret }],
      map: new Map([["secretKey", secret]]),
    });
    expect(lines.join("")).to.not.include(secret);
    expect(lines.join("")).to.include('"code":"X"');
  });

  it("never writes bytes that came over the network, only how many there were", () => {
    const { logger, parsed } = capture();
    logger("intake").info("request seen", {
      input: new Uint8Array(300),
      buffer: Buffer.from("abc"),
      hex: `0x${"ab".repeat(100)}`,
      id: `0x${"ab".repeat(32)}`,
      text: "x".repeat(5_000),
    });
    const [line] = parsed();
    expect(line).to.include({
      input: "[300 bytes]",
      buffer: "[3 bytes]",
      hex: "[100 bytes]",
      id: `0x${"ab".repeat(32)}`,
    });
    expect(String(line?.["text"]).length).to.be.below(600);
  });

  it("does not let a field take the place of the level, the message or the stage, nor begin a new line", () => {
    const { logger, lines, parsed } = capture();
    logger("intake").error("node answered badly", {
      level: "info",
      msg: "all well",
      component: "app",
      answer: 'a\n{"level":"info"}',
    });
    expect(lines.length).to.equal(1);
    expect(lines[0]?.trimEnd()).to.not.include("\n");
    expect(parsed()[0]).to.include({ level: "error", msg: "node answered badly", component: "intake", level_: "info" });
  });

  it("survives circles, depth and what JSON can not hold", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(JSON.stringify(safeFields({ circle, f: () => 1, u: undefined, n: null }))).to.include("[deeper]");
    expect((safeFields(Array.from({ length: 1_000 }, () => 1)) as unknown[]).length).to.equal(64);
  });
});

describe("metrics", () => {
  it("are all named assay_<stage>_<what>_<unit> and print as Prometheus reads them", async () => {
    const metrics = createMetrics();
    metrics.matchingRefusals.inc({ reason: "TRUST_TOO_LOW" });
    metrics.postingBalance.set(5);
    const names = metrics.registry.getMetricsAsArray().map((metric) => metric.name);
    expect(names.length).to.be.greaterThan(15);
    const form = new RegExp(
      `^assay_(intake|matching|jobs|enclave|posting|availability|pipe|process)_[a-z_]+_(${METRIC_UNITS.join("|")})$`,
    );
    for (const name of names) expect(name).to.match(form);
    const text = await metrics.registry.metrics();
    expect(text).to.include('assay_matching_refusals_total{reason="TRUST_TOO_LOW"} 1');
    expect(text).to.match(/assay_process_resident_bytes [1-9]/);
  });

  it("do not meet those of another daemon in the process", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.intakeReorgs.inc();
    expect(await other.registry.metrics()).to.include("assay_intake_reorgs_total 0");
  });

  it("refuse a name that is none", () =>
    expect(() => metricName("posting", "Gas-Price", "wei"))
      .to.throw()
      .with.property("code", "OBSERVABILITY_METRIC_NAME"));
});

describe("timeline", () => {
  it("prints each step with its time, the time since the one before, and its gas", () => {
    const text = formatTimeline({
      title: "request 0x12",
      rows: [
        { step: "landed", hostMs: 1_850, detail: { gas: 51_234, block: 7 } },
        { step: "asked", hostMs: 1_000, detail: { hash: `0x${"ab".repeat(32)}`, gas: 50_900n } },
        { step: "computed", hostMs: 1_020, detail: {} },
        { step: "matched", hostMs: 1_020, detail: { enclave: "A" } },
        { step: "acted", hostMs: 15_000, detail: { ok: true } },
      ],
    });
    expect(text).to.equal(
      [
        "request 0x12",
        "  step          at    after     gas  detail",
        "  asked       0 ms    +0 ms  50,900  hash 0xabababab…abab",
        "  matched    20 ms   +20 ms          enclave A",
        "  computed   20 ms    +0 ms",
        "  landed    850 ms  +830 ms  51,234  block 7",
        "  acted     14.0 s  +13.2 s          ok true",
      ].join("\n"),
    );
  });

  it("keeps the terminal's own commands out, and prints nothing that did not happen", () => {
    expect(
      formatTimeline({ title: "t", rows: [{ step: "asked", hostMs: 0, detail: { x: "\u001b[2Jgone" } }] }),
    ).to.include("x ?[2Jgone");
    expect(formatTimeline({ title: "t", rows: [] })).to.equal("t\n  nothing happened yet");
  });
});
