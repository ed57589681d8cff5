import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { toFrame } from "../../../executor/enclave/image/messages";
import { processRunners } from "../../../executor/enclave/image/signer/processRunner";
import type { RunnerPort } from "../../../executor/enclave/image/signer/runnerPort";
import { encodeFrame, FrameType, SectionTag } from "../../../executor/protocol/frames";

const READY = encodeFrame(toFrame("runnerReady", { tests: {} }));
const FAILED = encodeFrame(toFrame("runnerFailed", { code: "RUN_FAILED", detail: "no" }));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const ASK = toFrame("runnerRun", {}, [[SectionTag.input, Uint8Array.of(1)]]);

describe("a runner that does not keep the protocol", function () {
  this.timeout(20_000);
  let folder: string;
  const ports: RunnerPort[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-runner-"));
  });
  afterEach(() => {
    for (const port of ports.splice(0)) port.kill("the test is over");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A process that runs this script in place of the runner; `out(hex)` writes to its socket. */
  function start(script: string, maxReplyBytes = 4_096): RunnerPort {
    const runnerPath = join(folder, `runner-${ports.length}-${script.length}.js`);
    writeFileSync(
      runnerPath,
      `const fs = require("fs"); const out = (h) => fs.writeSync(3, Buffer.from(h, "hex")); const wait = () => fs.readSync(3, Buffer.alloc(100));\n${script}`,
    );
    const port = processRunners({
      nodePath: process.execPath,
      nodeFlags: [],
      runnerPath,
      onnxruntimePath: "-",
      koffiPath: "-",
    })({ memoryBytes: 1, maxReplyBytes });
    ports.push(port);
    return port;
  }

  async function endOf(script: string, maxReplyBytes?: number): Promise<string> {
    const port = start(script, maxReplyBytes);
    const ready = await port.ready(10_000);
    expect(ready.ok).to.equal(true);
    const reply = await port.exchange(ASK, 1_000);
    expect(port.alive).to.equal(false);
    return reply.ok ? "answered" : `${reply.fault.code}: ${reply.fault.detail}`;
  }

  it("is served as long as it does", async () => {
    const port = start(`out("${hex(READY)}"); for (;;) { wait(); out("${hex(FAILED)}"); }`);
    expect((await port.ready(10_000)).ok).to.equal(true);
    for (let i = 0; i < 3; i++) {
      const reply = await port.exchange(ASK, 5_000);
      expect(reply.ok && reply.frame.type).to.equal(FrameType.runnerFailed);
    }
    expect(port.alive).to.equal(true);
  });

  it("takes the blame for what it was working on, and not for what waited behind", async () => {
    // It answers the first of four and ends at the second: one frame was sent ahead, one was not sent at all.
    const port = start(`out("${hex(READY)}"); wait(); out("${hex(FAILED)}"); wait(); process.exit(1);`);
    expect((await port.ready(10_000)).ok).to.equal(true);
    const replies = await Promise.all(Array.from({ length: 4 }, () => port.exchange(ASK, 10_000)));
    expect(replies.map((reply) => (reply.ok ? "answered" : reply.reached))).to.deep.equal([
      "answered",
      true,
      false,
      false,
    ]);
    expect(await port.exchange(ASK, 10_000)).to.include({ ok: false, reached: false });
  });

  it("sends one frame ahead of the answer, and no more", async () => {
    // It answers nothing before two frames are there, and then as many as it has seen; whoever sends all five at once has five answered.
    const bytes = encodeFrame(ASK).length;
    const port = start(
      `out("${hex(READY)}"); let n = 0; while (n < ${2 * bytes}) n += fs.readSync(3, Buffer.alloc(1000)); for (let i = 0; i < Math.floor(n / ${bytes}); i++) out("${hex(FAILED)}"); wait(); process.exit(1);`,
    );
    expect((await port.ready(10_000)).ok).to.equal(true);
    const replies = await Promise.all(Array.from({ length: 5 }, () => port.exchange(ASK, 10_000)));
    expect(replies.filter(({ ok }) => ok).length).to.equal(2);
  });

  it("is killed for a frame of length zero, too large, or malformed", async () => {
    expect(await endOf(`out("${hex(READY)}"); wait(); out("00000000"); setInterval(() => {}, 1e6);`)).to.equal(
      "RUNNER_DIED: it broke the protocol: FRAME_LENGTH",
    );
    expect(await endOf(`out("${hex(READY)}"); wait(); out("00001001"); setInterval(() => {}, 1e6);`)).to.equal(
      "RUNNER_DIED: it broke the protocol: FRAME_LENGTH",
    );
    expect(
      await endOf(`out("${hex(READY)}"); wait(); out("000000080277000000000000"); setInterval(() => {}, 1e6);`),
    ).to.equal("RUNNER_DIED: it broke the protocol: FRAME_VERSION_UNKNOWN");
  });

  it("is killed when it says nothing", async () => {
    expect(await endOf(`out("${hex(READY)}"); setInterval(() => {}, 1e6);`)).to.equal(
      "RUN_TIMEOUT: no answer within 1000 ms",
    );
  });

  it("is killed when it answers twice, or before it was asked", async () => {
    const twice = start(
      `out("${hex(READY)}"); wait(); out("${hex(FAILED)}${hex(FAILED)}"); setInterval(() => {}, 1e6);`,
    );
    await twice.ready(10_000);
    const first = await twice.exchange(ASK, 5_000);
    const second = await twice.exchange(ASK, 5_000);
    expect([first.ok, second.ok]).to.deep.equal([true, false]);
    const early = start(`out("${hex(READY)}${hex(FAILED)}"); setInterval(() => {}, 1e6);`);
    await early.ready(10_000);
    const reply = await early.exchange(ASK, 5_000);
    expect(reply.ok ? "answered" : reply.fault.detail).to.equal("it broke the protocol: a frame that nobody asked for");
  });

  it("is gone when it ends, before or within a question", async () => {
    expect(await endOf(`out("${hex(READY)}"); wait(); process.exit(3);`)).to.match(/^RUNNER_DIED: /);
    const never = start("process.exit(1)");
    const ready = await never.ready(10_000);
    expect(ready.ok ? "ready" : ready.fault.code).to.equal("RUNNER_DIED");
  });
});
