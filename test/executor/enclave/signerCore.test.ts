import { expect } from "chai";
import { ZERO_32 } from "../../../executor/domain/ids";
import { DEFAULT_ENCLAVE_LIMITS } from "../../../executor/enclave/config";
import {
  type BodyOf,
  fromFrame,
  type MessageOf,
  type RuntimeMetadata,
  toFrame,
} from "../../../executor/enclave/image/messages";
import { SignerCore } from "../../../executor/enclave/image/signer/core";
import { Keccak } from "../../../executor/enclave/image/signer/hashing";
import { EnclaveKeys } from "../../../executor/enclave/image/signer/keys";
import { SigningRecord } from "../../../executor/enclave/image/signer/record";
import type { Exchanged, RunnerPort } from "../../../executor/enclave/image/signer/runnerPort";
import { timesOf } from "../../../executor/enclave/image/signer/statements";
import { type Frame, FrameType, SectionTag } from "../../../executor/protocol/frames";
import { keccak256 } from "../../../executor/protocol/statement";
import { encodeTensorSet } from "../../../executor/protocol/tensorSet";
import { CHAIN, floats, REQUESTER, requestId, sha256 } from "./support/enclave";
import { sumModel } from "./support/onnx";

const MODEL = sumModel(1);
const METADATA: RuntimeMetadata = { name: "x", type: 1, dims: [2] };
const LOADED = toFrame("runnerLoaded", { inputs: [METADATA], outputs: [{ ...METADATA, name: "y" }] });
const answer = (output: Uint8Array): Frame => toFrame("runnerRan", {}, [[SectionTag.output, output]]);
const ANSWER = answer(floats([2, 4], "y"));

/** A runner whose behaviour a test decides; the first one started serves the probe. */
class FakeRunner implements RunnerPort {
  alive = true;
  killedFor = "";
  constructor(
    readonly onRun: () => Frame,
    readonly onLoad: () => Frame = () => LOADED,
    readonly tests: Record<string, string> = {},
  ) {}
  async ready(): Promise<Exchanged> {
    return { ok: true, frame: toFrame("runnerReady", { tests: this.tests }) };
  }
  async exchange(frame: Frame): Promise<Exchanged> {
    return { ok: true, frame: frame.type === FrameType.runnerLoad ? this.onLoad() : this.onRun() };
  }
  kill(reason: string): void {
    this.alive = false;
    this.killedFor ||= reason;
  }
}

/** A signer core and a way to ask it; `runner` makes every runner after the probe's. */
async function signerWith(
  runner: () => FakeRunner,
  limits = {},
): Promise<{ ask: (frame: Frame) => Promise<Frame>; runners: FakeRunner[] }> {
  const runners: FakeRunner[] = [];
  const replies: ((frame: Frame) => void)[] = [];
  const core = new SignerCore({
    factory: () => {
      const next = runners.length === 0 ? new FakeRunner(() => ANSWER) : runner();
      runners.push(next);
      return next;
    },
    keccak: await Keccak.create(),
    keys: await EnclaveKeys.create(),
    send: (frame) => replies.shift()?.(frame),
  });
  const ask = (frame: Frame): Promise<Frame> =>
    new Promise((resolve) => {
      replies.push(resolve);
      core.handle(frame);
    });
  await ask(
    toFrame("configure", {
      call: 1,
      ...CHAIN,
      endpoint: "",
      level: 3,
      pcr0: `0x${"00".repeat(48)}`,
      limits: { ...DEFAULT_ENCLAVE_LIMITS, ...limits },
    }),
  );
  return { ask, runners };
}

function runFrame(n: number, input = floats([1, 2])): Frame {
  const body: BodyOf<"run"> = {
    call: n,
    requestId: requestId(n),
    requester: REQUESTER,
    modelHash: sha256(MODEL),
    contextRoot: ZERO_32,
    feeWei: 0n,
    chainNow: 1,
    notAfter: 9,
  };
  return toFrame("run", body, [[SectionTag.input, input]]);
}
const loadFrame = toFrame("load", { call: 7, modelHash: sha256(MODEL) }, [[SectionTag.model, MODEL]]);
const outcomeOf = (frame: Frame): BodyOf<"ran">["outcome"] => fromFrame(frame, ["ran"]).body.outcome;
const loadedOf = (frame: Frame): BodyOf<"loaded">["outcome"] => fromFrame(frame, ["loaded"]).body.outcome;

describe("the signer", () => {
  it("signs nothing that a lying runner says, and kills it", async () => {
    const nan = Buffer.alloc(8);
    nan.writeUInt32LE(0xffc00001, 0);
    const lies: [string, Frame][] = [
      ["no tensor set", answer(Uint8Array.of(9))],
      ["a trailing byte", answer(Buffer.concat([floats([2, 4], "y"), Uint8Array.of(0)]))],
      ["another name", answer(floats([2, 4], "z"))],
      [
        "one output too many",
        answer(
          encodeTensorSet([
            { name: "y", tensor: { dtype: 1, dims: [0], data: new Uint8Array() } },
            { name: "w", tensor: { dtype: 1, dims: [0], data: new Uint8Array() } },
          ]),
        ),
      ],
      [
        "another type",
        answer(encodeTensorSet([{ name: "y", tensor: { dtype: 6, dims: [2], data: new Uint8Array(8) } }])),
      ],
      [
        "a NaN that is not canonical",
        answer(encodeTensorSet([{ name: "y", tensor: { dtype: 1, dims: [2], data: nan } }])),
      ],
      ["a frame of another kind", LOADED],
      ["a frame of a signer", toFrame("status", { call: 1 })],
    ];
    for (const [name, lie] of lies) {
      const { ask, runners } = await signerWith(() => new FakeRunner(() => lie));
      await ask(loadFrame);
      const outcome = outcomeOf(await ask(runFrame(1)));
      expect([name, outcome.kind, "code" in outcome && outcome.code]).to.deep.equal([name, "failure", "RUNNER_DIED"]);
      expect(runners.at(-1)?.alive, name).to.equal(false);
      // Nothing was recorded for the id, so an honest runner may still answer it; this signer asks for the model again.
      expect(outcomeOf(await ask(runFrame(1))).kind, name).to.equal("modelNeeded");
    }
  });

  it("does not admit a model of which onnxruntime sees something else than the strict reader", async () => {
    for (const seen of [
      { ...METADATA, name: "z" },
      { ...METADATA, type: 11 },
      { ...METADATA, dims: [] },
      { ...METADATA, dims: [3] },
    ]) {
      const { ask } = await signerWith(
        () =>
          new FakeRunner(
            () => ANSWER,
            () => toFrame("runnerLoaded", { inputs: [seen], outputs: [{ ...METADATA, name: "y" }] }),
          ),
      );
      const outcome = loadedOf(await ask(loadFrame));
      expect([outcome.kind, "reason" in outcome && outcome.reason]).to.deep.equal(["rejected", "METADATA_DIFFERS"]);
    }
  });

  it("serves from a fresh runner, not from the one that a model was tried in", async () => {
    const { ask, runners } = await signerWith(() => new FakeRunner(() => ANSWER));
    expect(loadedOf(await ask(loadFrame)).kind).to.equal("admitted");
    expect(runners.map(({ alive }) => alive)).to.deep.equal([false, false, true]);
  });

  it("rejects a model that kills two throw-away runners, and does not try a third time", async () => {
    const dying = (): FakeRunner => {
      const runner = new FakeRunner(() => ANSWER);
      runner.exchange = async () => ({
        ok: false,
        fault: { code: "RUNNER_DIED", detail: "signal SIGSEGV" },
        reached: true,
      });
      return runner;
    };
    const { ask, runners } = await signerWith(dying);
    for (let i = 0; i < 2; i++) {
      const outcome = loadedOf(await ask(loadFrame));
      expect([outcome.kind, "reason" in outcome && outcome.reason]).to.deep.equal(["rejected", "LOAD_KILLED_RUNNER"]);
    }
    expect(runners.length).to.equal(3);
  });

  it("uses no runner whose own filter let something through", async () => {
    const { ask } = await signerWith(
      () =>
        new FakeRunner(
          () => ANSWER,
          () => LOADED,
          { fork: "EPERM", socket: "OK" },
        ),
    );
    const outcome = loadedOf(await ask(loadFrame));
    expect(outcome.kind).to.equal("failure");
  });

  it("takes its configuration once", async () => {
    const { ask } = await signerWith(() => new FakeRunner(() => ANSWER));
    const again = toFrame("configure", {
      call: 2,
      ...CHAIN,
      operator: CHAIN.payout,
      endpoint: "",
      level: 3,
      pcr0: `0x${"00".repeat(48)}`,
      limits: DEFAULT_ENCLAVE_LIMITS,
    });
    const reply: MessageOf<"failed"> = fromFrame(await ask(again), ["failed"]);
    expect(reply.body.reason).to.equal("ALREADY_CONFIGURED");
  });

  it("tells that the queue of a model is full", async () => {
    const { ask } = await signerWith(() => new FakeRunner(() => ANSWER), { maxQueuePerRunner: 1 });
    await ask(loadFrame);
    const outcomes = (await Promise.all([ask(runFrame(1)), ask(runFrame(2))]))
      .map(outcomeOf)
      .map((o) => ("code" in o ? o.code : o.kind));
    expect(outcomes.sort()).to.deep.equal(["ENCLAVE_BUSY", "result"]);
  });

  it("hashes by WASM as the pure implementation does, several at once", async () => {
    const keccak = await Keccak.create();
    const inputs = [0, 1, 135, 136, 137, 65_536, 65_537, 300_000, 200_000].map((length) =>
      Uint8Array.from({ length }, (_, i) => i % 251),
    );
    const hashes = await Promise.all(inputs.map((bytes) => keccak.hash(bytes)));
    expect(hashes).to.deep.equal(inputs.map((bytes) => keccak256(bytes)));
  });
});

describe("the record of signatures", () => {
  it("gives an id one answer, takes the same again, and never forgets to make room", () => {
    const record = new SigningRecord(2);
    const [a, b] = [requestId(100), requestId(200)];
    const verdicts = [
      record.claim(requestId(1), a),
      record.claim(requestId(1), a),
      record.claim(requestId(1), b),
      record.claim(requestId(2), b),
      record.claim(requestId(3), a),
      record.claim(requestId(1), a),
    ];
    expect(verdicts).to.deep.equal(["recorded", "same", "other", "recorded", "full", "same"]);
    expect(record.size).to.equal(2);
  });
});

describe("the window of a statement", () => {
  it("begins at the block time given, lasts a day at most and is never empty", () => {
    expect(timesOf({ chainNow: 100, notAfter: 500 })).to.deep.equal({ issuedAt: 100, expiresAt: 500 });
    expect(timesOf({ chainNow: 100, notAfter: 10 ** 9 })).to.deep.equal({ issuedAt: 100, expiresAt: 86_500 });
    expect([timesOf({ chainNow: 100, notAfter: 100 }), timesOf({ chainNow: 100, notAfter: 99 })]).to.deep.equal([
      undefined,
      undefined,
    ]);
  });
});
