// The one mocha reporter of this project: readable lines on stdout, and a JSON report for scripts/test/run.ts in the
// file that ASSAY_TEST_REPORT names. It imports nothing, because Hardhat brings a mocha of its own.
const fs = require("node:fs");

/** A test slower than this shows its time, so that the slow ones of a suite are seen. */
const SLOW_MS = 500;

function describeError(error) {
  if (error === null || typeof error !== "object") return String(error);
  const lines = [error.stack ?? `${error.name}: ${error.message}`];
  if ("expected" in error && "actual" in error) {
    lines.push(`expected: ${short(error.expected)}`, `actual:   ${short(error.actual)}`);
  }
  if (error.context !== undefined) lines.push(`context: ${short(error.context)}`);
  if (error.cause !== undefined) lines.push(`cause: ${describeError(error.cause)}`);
  return lines.join("\n");
}

function short(value) {
  let text;
  try {
    text = JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? `${item}n` : item));
  } catch {
    text = String(value);
  }
  return text === undefined ? String(value) : text.slice(0, 2_000);
}

/**
 * The reason of a skip: what scripts/test/skip.ts noted, or, where a helper without it looks for data, a title that ends
 * in "(skipped: reason)". A plain it.skip or this.skip() has none and is called what it is.
 */
function skipOf(test) {
  if (test.assaySkip !== undefined) return test.assaySkip;
  const inTitle = /\(skipped: (.+)\)$/.exec(test.title);
  return inTitle === null ? { reason: "no reason given", missing: "unnamed" } : { reason: inTitle[1], missing: "data" };
}

module.exports = class AssayReporter {
  constructor(runner) {
    const report = { passed: 0, failures: [], skips: [] };
    let depth = 0;
    const say = (text) => console.log(`${"  ".repeat(depth)}${text}`);

    runner.on("suite", (suite) => {
      if (suite.root) return;
      say(suite.title);
      depth += 1;
    });
    runner.on("suite end", (suite) => {
      if (!suite.root) depth -= 1;
    });
    runner.on("pass", (test) => {
      report.passed += 1;
      say(`ok    ${test.title}${test.duration > SLOW_MS ? ` (${test.duration} ms)` : ""}`);
    });
    runner.on("fail", (test, error) => {
      report.failures.push({ title: test.fullTitle(), file: test.file ?? "", error: describeError(error) });
      say(`FAIL  ${test.title}`);
    });
    runner.on("pending", (test) => {
      const { reason, missing } = skipOf(test);
      report.skips.push({ title: test.fullTitle(), reason, missing });
      say(`skip  ${test.title}: ${reason}`);
    });
    runner.once("end", () => {
      for (const [index, failure] of report.failures.entries()) {
        console.log(
          `\n${index + 1}) ${failure.title}${failure.file === "" ? "" : `\n   in ${failure.file}`}\n${failure.error}`,
        );
      }
      const skipped = report.skips.length === 0 ? "" : `, ${report.skips.length} skipped`;
      console.log(`\n${report.passed} passed, ${report.failures.length} failed${skipped}`);
      const file = process.env.ASSAY_TEST_REPORT;
      if (file !== undefined) fs.writeFileSync(file, JSON.stringify(report));
    });
  }
};
