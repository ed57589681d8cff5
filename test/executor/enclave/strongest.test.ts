import { expect } from "chai";
import type { EnclaveConfig } from "../../../executor/enclave/config";
import { LAUNCHERS, probeLevels } from "../../../executor/enclave/levels";
import { ephemeralPlatform } from "../../../executor/enclave/platform/platform";
import type { Enclave } from "../../../executor/enclave/ports";
import { locateImage } from "../../../executor/enclave/sandbox/image";
import { startEnclave } from "../../../executor/enclave/supervisor";
import { MAX_FRAME_BYTES } from "../../../executor/protocol/frames";
import { keccak256, REFUSAL_REASON } from "../../../executor/protocol/statement";
import { enclaveConfig, failureOf, floats, refusedWith, requestId, sha256, task } from "./support/enclave";
import { endlessModel, identityModel, sumModel } from "./support/onnx";
import { runnerPids } from "./support/processes";

describe("an enclave at the strongest level of this machine", function () {
  this.timeout(60_000);
  const model = sumModel(1);

  async function withEnclave(
    changes: Partial<EnclaveConfig>,
    body: (enclave: Enclave) => Promise<void>,
  ): Promise<void> {
    const enclave = await startEnclave(enclaveConfig(changes));
    try {
      await body(enclave);
    } finally {
      await enclave.close();
    }
  }

  it("kills a runner that does not end, answers the next request, and refuses the input after two failures", () =>
    withEnclave({ limits: { runTimeoutMs: 400 } }, async (enclave) => {
      const endless = endlessModel();
      const run = { modelHash: sha256(endless), inputHash: keccak256(floats([1])) };
      expect(
        failureOf(await enclave.run(task(endless, { requestId: requestId(1), input: floats([1]) }), endless)),
      ).to.equal("RUN_TIMEOUT");
      const early = await enclave
        .signRefusal({ requestId: requestId(1), reason: "RUN_LIMIT", run, chainNow: 5, notAfter: 9 })
        .catch((e) => e);
      expect(early.context?.reason).to.equal("NOT_SEEN");
      expect(failureOf(await enclave.run(task(model, { requestId: requestId(2) }), model))).to.equal("result");
      // The same model with an input that ends is served: the model is not punished for one input.
      expect(
        failureOf(await enclave.run(task(endless, { requestId: requestId(3), input: floats([-1]) }), endless)),
      ).to.equal("result");
      expect(
        failureOf(await enclave.run(task(endless, { requestId: requestId(1), input: floats([1]) }), endless)),
      ).to.equal("RUN_TIMEOUT");
      const refusal = await enclave.signRefusal({
        requestId: requestId(1),
        reason: "RUN_LIMIT",
        run,
        chainNow: 5,
        notAfter: 9,
      });
      expect(refusal.reason).to.equal(REFUSAL_REASON.RUN_LIMIT);
    }));

  it("reports a runner that is killed in the middle of a run and serves the same request again", () =>
    withEnclave({ limits: { runTimeoutMs: 30_000 } }, async (enclave) => {
      const endless = endlessModel();
      // Loads the runner; this input ends at once.
      expect(
        failureOf(await enclave.run(task(endless, { requestId: requestId(1), input: floats([-1]) }), endless)),
      ).to.equal("result");
      const running = enclave.run(task(endless, { requestId: requestId(2), input: floats([1]) }), endless);
      const status = await enclave.status();
      expect(status.inFlight).to.equal(1);
      const runners = runnerPids();
      expect(runners.length).to.equal(1);
      for (const pid of runners) process.kill(pid, "SIGKILL");
      expect(failureOf(await running)).to.equal("RUNNER_DIED");
      expect(
        failureOf(await enclave.run(task(endless, { requestId: requestId(2), input: floats([-1]) }), endless)),
      ).to.equal("result");
    }));

  it("evicts the runner that was idle for longest and says it is busy when none is idle", () =>
    withEnclave({ limits: { maxRunners: 2, runTimeoutMs: 3_000 } }, async (enclave) => {
      const [a, b, c] = [sumModel(1), sumModel(2), sumModel(3)];
      for (const [i, file] of [a, b, c].entries())
        expect(failureOf(await enclave.run(task(file, { requestId: requestId(i + 1) }), file))).to.equal("result");
      const { models, capacity } = await enclave.status();
      expect([capacity, [...models].sort()]).to.deep.equal([2, [sha256(b), sha256(c)].sort()]);
    }));

  it("says that it is busy when every runner is at work", () =>
    withEnclave({ limits: { maxRunners: 1, runTimeoutMs: 2_500 } }, async (enclave) => {
      const endless = endlessModel();
      expect(
        failureOf(await enclave.run(task(endless, { requestId: requestId(1), input: floats([-1]) }), endless)),
      ).to.equal("result");
      const running = enclave.run(task(endless, { requestId: requestId(2), input: floats([1]) }), endless);
      expect(failureOf(await enclave.run(task(model, { requestId: requestId(3) }), model))).to.equal("ENCLAVE_BUSY");
      expect(failureOf(await running)).to.equal("RUN_TIMEOUT");
    }));

  it("refuses new ids when its record is full, and still signs the old ones again", () =>
    withEnclave({ limits: { recordCapacity: 2 } }, async (enclave) => {
      for (const n of [1, 2])
        expect(failureOf(await enclave.run(task(model, { requestId: requestId(n) }), model))).to.equal("result");
      expect(failureOf(await enclave.run(task(model, { requestId: requestId(3) }), model))).to.equal(
        "SIGNER_RECORD_FULL",
      );
      expect(failureOf(await enclave.run(task(model, { requestId: requestId(1) }), model))).to.equal("result");
    }));

  it("refuses an output above the limit", () =>
    withEnclave({ limits: { maxOutputBytes: 1_000 } }, async (enclave) => {
      const file = identityModel(1, ["n"]);
      const big = floats(Array.from({ length: 500 }, () => 1));
      expect(refusedWith(await enclave.run(task(file, { requestId: requestId(1), input: big }), file))).to.equal(
        REFUSAL_REASON.RUN_LIMIT,
      );
      const small = floats(Array.from({ length: 100 }, () => 1));
      expect(failureOf(await enclave.run(task(file, { requestId: requestId(2), input: small }), file))).to.equal(
        "result",
      );
    }));

  it("refuses an input that no frame can carry, and serves the next", () =>
    withEnclave({}, async (enclave) => {
      const outcome = await enclave.run(task(model, { input: new Uint8Array(MAX_FRAME_BYTES) }), model);
      expect(outcome.ok ? "answered" : outcome.failure).to.deep.include({
        code: "MODEL_UNAVAILABLE",
        retryable: false,
      });
      expect(failureOf(await enclave.run(task(model), model))).to.equal("result");
    }));

  it("reports its end and answers nothing afterwards", () =>
    withEnclave({}, async (enclave) => {
      await enclave.close();
      expect(await enclave.exited).to.equal("closed");
      expect(failureOf(await enclave.run(task(model), model))).to.equal("ENCLAVE_GONE");
    }));

  it("has the profile and the measurements of every other start, and another key", () =>
    withEnclave({}, (first) =>
      withEnclave({}, async (second) => {
        expect(second.description.runtimeProfile).to.equal(first.description.runtimeProfile);
        expect(second.description.pcrs).to.deep.equal(first.description.pcrs);
        expect(second.description.signer).to.not.equal(first.description.signer);
      }),
    ));

  it("is one image whether bubblewrap or unshare makes its sandbox", async function () {
    const makers = LAUNCHERS.filter(({ level }) => level === 3);
    const missing = makers.map(({ unavailable }) => unavailable()).find((reason) => reason !== undefined);
    if (missing !== undefined) {
      console.log(`      skipped: ${missing}`);
      this.skip();
    }
    const platform = ephemeralPlatform();
    const ids: string[] = [];
    for (const { name } of makers)
      await withEnclave({ launcher: name, platform }, async ({ description }) => void ids.push(description.imageId));
    expect([ids.length, new Set(ids).size]).to.deep.equal([2, 1]);
  });

  it("tells of every launcher whether it works, and what would help where it does not", async () => {
    const reports = await probeLevels(locateImage());
    expect(reports.map(({ launcher }) => launcher)).to.deep.equal(LAUNCHERS.map(({ name }) => name));
    for (const report of reports)
      if (!report.reached)
        expect([report.reason, report.advice]).to.satisfy((texts: unknown[]) =>
          texts.every((t) => typeof t === "string" && t !== ""),
        );
    expect(reports.some(({ reached }) => reached)).to.equal(true);
  });

  it("does not start below the level that is demanded", async () => {
    const path = process.env.PATH;
    process.env.PATH = "";
    try {
      const error = await startEnclave(enclaveConfig({ minimumLevel: 3 })).catch((e) => e);
      expect(error.code).to.equal("ENCLAVE_LEVEL_UNREACHABLE");
      expect(error.context.reports.map((r: { launcher: string }) => r.launcher)).to.deep.equal([
        "bubblewrap",
        "unshare",
      ]);
    } finally {
      process.env.PATH = path;
    }
  });
});
