import { expect } from "chai";
import { type DispatchEvent, Dispatcher, type DispatcherOptions, type Worker } from "../../../executor/app/dispatcher";
import { FETCH_FAILURES } from "../../../executor/availability/ports";
import { AssayError } from "../../../executor/domain/errors";
import type { RunFailure, RunOutcome } from "../../../executor/domain/request";
import type { ClaimedJob, Lease } from "../../../executor/jobs/ports";
import { answer, block, h, request, SENDER } from "../jobs/fixtures";

const LEASE_MS = 30_000;
const MODEL = new Uint8Array([1, 2, 3]);
type Store = DispatcherOptions["store"];
type Claim = Parameters<Store["claim"]>[0];

/** A promise that the test settles. */
function gate<T>() {
  let open: (value: T) => void = () => undefined;
  const passed = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const job = (id: number, attempts = 0): ClaimedJob => ({
  jobId: id,
  fence: 10 + id,
  attempts,
  request: request(String(id), block(1)),
});

/** A store with jobs that wait; whoever holds a lease may write, unless `holdsLease` is false. */
class FakeStore implements Store {
  readonly claims: Claim[] = [];
  readonly beats: Parameters<Store["heartbeat"]>[0][] = [];
  readonly writes: { kind: string; lease: Lease; [field: string]: unknown }[] = [];
  holdsLease = true;
  /** What the next claims wait for. */
  claimGate: Promise<unknown> = Promise.resolve();
  onBeat: () => void = () => undefined;

  constructor(readonly waiting: ClaimedJob[] = []) {}

  async claim(args: Claim): Promise<ClaimedJob[]> {
    this.claims.push(args);
    await this.claimGate;
    return this.waiting.splice(0, args.limit);
  }
  async heartbeat(args: Parameters<Store["heartbeat"]>[0]): Promise<boolean> {
    this.beats.push(args);
    this.onBeat();
    return this.holdsLease;
  }
  answer = async (args: Parameters<Store["answer"]>[0]) => this.#write("answer", args);
  release = async (args: Parameters<Store["release"]>[0]) => this.#write("release", args);
  giveUp = async (args: Parameters<Store["giveUp"]>[0]) => this.#write("giveUp", args);
  reap = async () => 0;

  #write(kind: string, args: { readonly lease: Lease }): boolean {
    this.writes.push({ kind, ...args });
    return this.holdsLease;
  }
}

const succeeds = async (): Promise<RunOutcome> => ({ ok: true, answer: answer() });
const unwilling = async (): Promise<RunOutcome> =>
  Promise.reject(new AssayError({ code: "ENCLAVE_REFUSED", message: "NOT_SEEN" }));
const failing = (code: RunFailure["code"], retryable: boolean) => async (): Promise<RunOutcome> => ({
  ok: false,
  failure: { code, detail: "", retryable },
});
const worker = (run: Worker["run"] = succeeds, refuse: Worker["refuse"] = succeeds): Worker => ({
  id: "enclave",
  run,
  refuse,
});
const choosing = (chosen: Worker): Pick<DispatcherOptions, "choose"> => ({
  choose: () => ({ ok: true, worker: chosen, detail: { warm: true } }),
});

function setUp(store: FakeStore, changes: Partial<DispatcherOptions> = {}) {
  const events: DispatchEvent[] = [];
  const clock = { nowMs: 1_000_000 };
  const dispatcher = new Dispatcher({
    store,
    ...choosing(worker()),
    model: async () => ({ ok: true, bytes: MODEL }),
    slots: () => 2,
    maxAttempts: 100,
    leaseMs: LEASE_MS,
    nowMs: () => clock.nowMs,
    onAnswered: () => undefined,
    onOutcome: (event) => events.push(event),
    onError: (error) => {
      throw error;
    },
    ...changes,
  });
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    await dispatcher.pump(stop.signal);
    await dispatcher.drain();
  };
  return { dispatcher, events, clock, stop, run };
}

describe("dispatcher: what it gives to whom", () => {
  it("gives the worker the request, the model's bytes and the daemon's signal, and chooses by the model's size", async () => {
    const given: unknown[] = [];
    const store = new FakeStore([job(1)]);
    const { stop, run, events } = setUp(store, {
      model: async (hash) => {
        given.push(hash);
        return { ok: true, bytes: MODEL };
      },
      choose: (asked, bytes) => {
        given.push(asked.requestId, bytes);
        const chosen = worker(async (...args) => {
          given.push(...args);
          return succeeds();
        });
        return { ok: true, worker: chosen, detail: {} };
      },
    });
    await run();
    const asked = job(1).request;
    expect(given).to.deep.equal([h("model"), asked.requestId, MODEL.length, asked, MODEL, stop.signal]);
    expect(events.map(({ result }) => result)).to.deep.equal(["answered"]);
  });

  it("writes into the timeline what was chosen and how long the run took", async () => {
    const store = new FakeStore([job(1)]);
    const slow = worker(async () => {
      world.clock.nowMs += 40;
      return succeeds();
    });
    const world = setUp(store, choosing(slow));
    await world.run();
    expect(store.writes[0]?.["timeline"]).to.deep.equal([
      { step: "matched", hostMs: 1_000_000, detail: { warm: true } },
      { step: "computed", hostMs: 1_000_040, detail: { ms: 40 } },
      { step: "signed", hostMs: 1_000_040, detail: { signer: SENDER, kind: "result" } },
    ]);
    expect(world.events[0]?.runMs).to.equal(40);
  });

  it("writes only under the lease it was given, and nothing else of the job", async () => {
    for (const changes of [
      {},
      choosing(worker(failing("RUNNER_DIED", true))),
      choosing(worker(failing("RUNNER_DIED", false))),
      { choose: () => ({ ok: false, reason: "NO_CAPACITY", retryAfterMs: 1 }) as const },
    ]) {
      const store = new FakeStore([job(4)]);
      await setUp(store, changes).run();
      expect(store.writes.map(({ lease }) => lease)).to.deep.equal([{ jobId: 4, fence: 14 }]);
    }
  });

  it("keeps the lease by heartbeats while the run lasts", async () => {
    const beaten = gate<void>();
    const store = new FakeStore([job(1)]);
    store.onBeat = beaten.open;
    const { run } = setUp(store, {
      leaseMs: 3,
      ...choosing(worker(async () => beaten.passed.then(succeeds))),
    });
    await run();
    expect(store.beats[0]).to.deep.include({ leaseMs: 3, nowMs: 1_000_000 });
    expect(store.beats[0]?.lease).to.include({ jobId: 1, fence: 11 });
    expect(store.writes.map(({ kind }) => kind)).to.deep.equal(["answer"]);
  });
});

describe("dispatcher: what becomes of a job", () => {
  it("doubles the wait by each attempt up to half a minute", async () => {
    for (const [attempts, wait] of [
      [0, 200],
      [1, 400],
      [7, 25_600],
      [8, 30_000],
      [90, 30_000],
    ] as const) {
      const store = new FakeStore([job(1, attempts)]);
      await setUp(store, choosing(worker(failing("RUN_TIMEOUT", true), unwilling))).run();
      expect(store.writes[0]).to.include({ kind: "release", notBeforeMs: 1_000_000 + wait, countAttempt: true });
    }
  });

  it("never ends a job for want of room or of an enclave, however often that happens", async () => {
    for (const code of ["ENCLAVE_BUSY", "ENCLAVE_GONE", "MODEL_UNAVAILABLE", "SIGNER_RECORD_FULL"] as const) {
      const store = new FakeStore([job(1, 90)]);
      await setUp(store, { maxAttempts: 91, ...choosing(worker(failing(code, true))) }).run();
      expect(store.writes[0]).to.include({ kind: "release", reason: code, countAttempt: false });
    }
  });

  it("gives up a first attempt where one is all there is", async () => {
    const store = new FakeStore([job(1)]);
    await setUp(store, { maxAttempts: 1, ...choosing(worker(failing("RUN_TIMEOUT", true))) }).run();
    expect(store.writes[0]).to.include({ kind: "giveUp", state: "dead", reason: "RUN_TIMEOUT" });
  });

  it("releases at once what may be chosen at once, which is not the same as never", async () => {
    const store = new FakeStore([job(1)]);
    await setUp(store, { choose: () => ({ ok: false, reason: "NO_CAPACITY", retryAfterMs: 0 }) }).run();
    expect(store.writes[0]).to.include({ kind: "release", notBeforeMs: 1_000_000, countAttempt: false });
  });

  it("waits, without counting an attempt or choosing anybody, for every failure of the sources but an absence", async () => {
    const codes = Object.keys(FETCH_FAILURES).filter((code) => code !== "MODEL_NOT_FOUND");
    for (const code of codes) {
      const store = new FakeStore([job(1, 99)]);
      let chosen = 0;
      const { run, events } = setUp(store, {
        model: async () => ({ ok: false, failure: { code } }),
        choose: () => {
          chosen += 1;
          return { ok: true, worker: worker(), detail: {} };
        },
      });
      await run();
      expect(store.writes[0]).to.include({ kind: "release", reason: code, countAttempt: false });
      expect(events[0]).to.include({ result: "unserved", reason: code, workerId: undefined, runMs: 0 });
      expect(chosen).to.equal(0);
    }
    expect(codes.length).to.be.greaterThan(0);
  });

  it("waits for an enclave also to have an unknown model refused", async () => {
    const store = new FakeStore([job(1)]);
    await setUp(store, {
      model: async () => ({ ok: false, failure: { code: "MODEL_NOT_FOUND" } }),
      choose: () => ({ ok: false, reason: "NO_ENCLAVE", retryAfterMs: 200 }),
    }).run();
    expect(store.writes[0]).to.include({ kind: "release", reason: "NO_ENCLAVE", countAttempt: false });
  });

  it("tries a refusal again that an enclave would not sign", async () => {
    const store = new FakeStore([job(1)]);
    const refuses = async (): Promise<RunOutcome> => {
      throw new AssayError({ code: "ENCLAVE_REFUSED", message: "" });
    };
    const { run, events } = setUp(store, {
      model: async () => ({ ok: false, failure: { code: "MODEL_NOT_FOUND" } }),
      ...choosing(worker(succeeds, refuses)),
    });
    await run();
    expect(store.writes[0]).to.include({ kind: "release", countAttempt: false });
    expect(events[0]).to.include({ result: "failed", workerId: "enclave" });
  });

  it("tells once of each job what became of it, also where the lease was lost", async () => {
    for (const [changes, result] of [
      [{}, "lease-lost"],
      [choosing(worker(failing("RUNNER_DIED", true))), "failed"],
      [{ choose: () => ({ ok: false, reason: "TRUST_TOO_LOW", retryAfterMs: undefined }) as const }, "unserved"],
    ] as const) {
      const store = new FakeStore([job(1), job(2)]);
      store.holdsLease = false;
      const { run, events } = setUp(store, changes);
      await run();
      expect(events.map((event) => event.result)).to.deep.equal([result, result]);
      expect(events.map((event) => event.request.requestId)).to.have.members([h("request/1"), h("request/2")]);
    }
  });
});

describe("dispatcher: when it claims", () => {
  it("claims what there is room for, for the time of a lease from now", async () => {
    const held = gate<void>();
    const store = new FakeStore([job(1), job(2)]);
    const { dispatcher, stop } = setUp(store, {
      slots: () => 3,
      ...choosing(worker(() => held.passed.then(succeeds))),
    });
    await dispatcher.pump(stop.signal);
    expect(store.claims).to.deep.equal([{ limit: 3, leaseMs: LEASE_MS, nowMs: 1_000_000 }]);
    expect(dispatcher.busy).to.equal(2);
    await dispatcher.pump(stop.signal);
    expect(store.claims.map(({ limit }) => limit)).to.deep.equal([3, 1]);
    stop.abort();
    held.open();
    await dispatcher.drain();
  });

  it("claims nothing while there is no room or no enclave", async () => {
    const store = new FakeStore([job(1)]);
    const { run } = setUp(store, { slots: () => 0 });
    await run();
    expect(store.claims).to.deep.equal([]);
  });

  it("folds any number of calls during a claim into one more", async () => {
    const claiming = gate<void>();
    const store = new FakeStore();
    store.claimGate = claiming.passed;
    const { dispatcher, stop } = setUp(store);
    const calls = [1, 2, 3, 4].map(() => dispatcher.pump(stop.signal));
    expect(store.claims.length).to.equal(1);
    store.claimGate = Promise.resolve();
    claiming.open();
    await Promise.all(calls);
    expect(store.claims.length).to.equal(2);
  });

  it("claims a job that came during a claim", async () => {
    const claiming = gate<void>();
    const store = new FakeStore();
    store.claimGate = claiming.passed.then(() => undefined);
    const { dispatcher, stop, events } = setUp(store);
    const first = dispatcher.pump(stop.signal);
    store.claimGate = Promise.resolve();
    void dispatcher.pump(stop.signal);
    claiming.open();
    store.waiting.push(job(1));
    await first;
    await dispatcher.drain();
    expect(events.length).to.equal(1);
  });

  it("tells the caller of a claim that failed, and claims again when asked again", async () => {
    const store = new FakeStore([job(1)]);
    const locked = new Error("the store is locked");
    store.claimGate = Promise.reject(locked);
    const { dispatcher, stop, run, events } = setUp(store);
    expect(await dispatcher.pump(stop.signal).catch((error: unknown) => error)).to.equal(locked);
    store.claimGate = Promise.resolve();
    await run();
    expect(events.length).to.equal(1);
  });

  it("drains what is in work to its end, and takes nothing new after it was told to stop", async () => {
    const held = gate<void>();
    const store = new FakeStore([job(1), job(2), job(3)]);
    const { dispatcher, stop, events } = setUp(store, choosing(worker(() => held.passed.then(succeeds))));
    await dispatcher.pump(stop.signal);
    stop.abort();
    let drained = false;
    const draining = dispatcher.drain().then(() => {
      drained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([drained, dispatcher.busy]).to.deep.equal([false, 2]);
    held.open();
    await draining;
    expect([events.length, dispatcher.busy, store.waiting.length]).to.deep.equal([2, 0, 1]);
  });

  it("has nothing to drain when nothing is in work", async () => {
    const { dispatcher } = setUp(new FakeStore());
    await dispatcher.drain();
    expect(dispatcher.busy).to.equal(0);
  });
});
