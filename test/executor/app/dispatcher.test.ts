import { expect } from "chai";
import { type DispatchEvent, Dispatcher, type DispatcherOptions, type Worker } from "../../../executor/app/dispatcher";
import { AssayError } from "../../../executor/domain/errors";
import type { RunFailure, RunOutcome } from "../../../executor/domain/request";
import type { ClaimedJob } from "../../../executor/jobs/ports";
import { answer, block, request } from "../jobs/fixtures";

const NOW_MS = 1_000_000;
const MAX_ATTEMPTS = 3;
const signal = new AbortController().signal;

/** A store that holds one job, and writes down what became of it. */
class FakeStore {
  readonly calls: unknown[] = [];
  /** False: another daemon took the job over meanwhile. */
  holdsLease = true;
  #left: ClaimedJob[];

  constructor(attempts = 0, count = 1) {
    this.#left = Array.from({ length: count }, (_, i) => ({
      jobId: i + 1,
      fence: 7,
      attempts,
      request: request(String(i), block(1)),
    }));
  }

  claim = async ({ limit }: { limit: number }) => this.#left.splice(0, limit);
  heartbeat = async () => this.holdsLease;
  reap = async () => 0;
  answer = async ({ lease, timeline }: { lease: unknown; timeline: readonly { step: string }[] }) => {
    this.calls.push(["answer", lease, timeline.map(({ step }) => step)]);
    return this.holdsLease;
  };
  release = async (args: { notBeforeMs: number; reason: string; countAttempt: boolean }) => {
    this.calls.push(["release", args.notBeforeMs - NOW_MS, args.reason, args.countAttempt]);
    return this.holdsLease;
  };
  giveUp = async (args: { state: string; reason: string }) => {
    this.calls.push(["giveUp", args.state, args.reason]);
    return this.holdsLease;
  };
}

const failure = (code: RunFailure["code"], retryable: boolean): RunOutcome => ({
  ok: false,
  failure: { code, detail: "", retryable },
});

function workerThat(run: () => Promise<RunOutcome>, refuse: () => Promise<RunOutcome> = run): Worker {
  return { id: "enclave", run, refuse };
}

async function dispatch(store: FakeStore, changes: Partial<DispatcherOptions> = {}) {
  const events: DispatchEvent[] = [];
  const errors: unknown[] = [];
  let answered = 0;
  const dispatcher = new Dispatcher({
    store: store as never,
    choose: () => ({ ok: true, worker: workerThat(async () => ({ ok: true, answer: answer() })), detail: {} }),
    model: async () => ({ ok: true, bytes: new Uint8Array(1) }),
    slots: () => 4,
    maxAttempts: MAX_ATTEMPTS,
    leaseMs: 30_000,
    nowMs: () => NOW_MS,
    onAnswered: () => {
      answered += 1;
    },
    onOutcome: (event) => events.push(event),
    onError: (error) => errors.push(error),
    ...changes,
  });
  await dispatcher.pump(signal);
  await dispatcher.drain();
  return { events, errors, answered: () => answered, dispatcher };
}
const choosing = (worker: Worker): Pick<DispatcherOptions, "choose"> => ({
  choose: () => ({ ok: true, worker, detail: {} }),
});

describe("dispatcher", () => {
  it("stores an answer under the job's lease with its timeline, and wakes the posting", async () => {
    const store = new FakeStore();
    const { events, answered } = await dispatch(store);
    expect(store.calls).to.deep.equal([["answer", { jobId: 1, fence: 7 }, ["matched", "computed", "signed"]]]);
    expect(events[0]).to.include({ result: "answered", workerId: "enclave" });
    expect(answered()).to.equal(1);
  });

  it("throws an answer away whose lease was lost, and wakes nobody", async () => {
    const store = new FakeStore();
    store.holdsLease = false;
    const { events, answered } = await dispatch(store);
    expect(events[0]?.result).to.equal("lease-lost");
    expect(answered()).to.equal(0);
  });

  it("tries a failure again later, longer each time, and gives up after the last attempt", async () => {
    for (const [attempts, call] of [
      [0, ["release", 200, "RUNNER_DIED", true]],
      [1, ["release", 400, "RUNNER_DIED", true]],
      [MAX_ATTEMPTS - 1, ["giveUp", "dead", "RUNNER_DIED"]],
    ] as const) {
      const store = new FakeStore(attempts);
      await dispatch(store, choosing(workerThat(async () => failure("RUNNER_DIED", true))));
      expect(store.calls).to.deep.equal([call]);
    }
  });

  it("has an input refused that killed its runner again, and tells matching what for", async () => {
    for (const [code, reason] of [
      ["RUNNER_DIED", "RUN_FAILED"],
      ["RUN_TIMEOUT", "RUN_LIMIT"],
    ] as const) {
      const store = new FakeStore(1);
      const asked: string[] = [];
      const worker: Worker = {
        id: "enclave",
        run: async () => failure(code, true),
        refuse: async (_request, why) => {
          asked.push(why);
          return {
            ok: true,
            answer: {
              kind: "refusal",
              signer: answer().signer,
              reason: 5,
              issuedAt: 1,
              expiresAt: 2,
              proof: new Uint8Array(64),
            },
          };
        },
      };
      const { events } = await dispatch(store, choosing(worker));
      expect(asked).to.deep.equal([reason]);
      expect(store.calls.map((call) => (call as unknown[])[0])).to.deep.equal(["answer"]);
      expect(events[0]).to.include({ result: "refused", reason: code });
    }
  });

  it("asks for no refusal of a first failure, nor of one that is not the input's, and retries where none is signed", async () => {
    for (const [attempts, code] of [
      [0, "RUNNER_DIED"],
      [1, "ENCLAVE_GONE"],
      [1, "SIGNER_RECORD_FULL"],
    ] as const) {
      const store = new FakeStore(attempts);
      const refuse = async (): Promise<RunOutcome> => Promise.reject(new Error("not to be asked"));
      const { errors } = await dispatch(store, choosing(workerThat(async () => failure(code, true), refuse)));
      expect(errors).to.deep.equal([]);
      expect(store.calls.map((call) => (call as unknown[])[0])).to.deep.equal(["release"]);
    }
    const store = new FakeStore(1);
    const unseen = async (): Promise<RunOutcome> =>
      Promise.reject(new AssayError({ code: "ENCLAVE_REFUSED", message: "NOT_SEEN" }));
    await dispatch(store, choosing(workerThat(async () => failure("RUNNER_DIED", true), unseen)));
    expect(store.calls).to.deep.equal([["release", 400, "RUNNER_DIED", true]]);
  });

  it("does not try again what can not be tried again", async () => {
    const store = new FakeStore();
    const { events } = await dispatch(store, choosing(workerThat(async () => failure("ALREADY_SIGNED_OTHER", false))));
    expect(store.calls).to.deep.equal([["giveUp", "dead", "ALREADY_SIGNED_OTHER"]]);
    expect(events[0]).to.include({ result: "failed", reason: "ALREADY_SIGNED_OTHER" });
  });

  it("takes an enclave's own error for a failure of the enclave, not of the job", async () => {
    const store = new FakeStore();
    const broken = async (): Promise<RunOutcome> => {
      throw new AssayError({ code: "ENCLAVE_REFUSED", message: "" });
    };
    await dispatch(store, choosing(workerThat(broken)));
    expect(store.calls).to.deep.equal([["release", 200, "MODEL_UNAVAILABLE", false]]);
  });

  it("waits without counting an attempt where nobody can serve now, and abandons what nobody ever will", async () => {
    const waiting = new FakeStore();
    await dispatch(waiting, { choose: () => ({ ok: false, reason: "NO_CAPACITY", retryAfterMs: 900 }) });
    expect(waiting.calls).to.deep.equal([["release", 900, "NO_CAPACITY", false]]);
    const hopeless = new FakeStore();
    const { events } = await dispatch(hopeless, {
      choose: () => ({ ok: false, reason: "TRUST_TOO_LOW", retryAfterMs: undefined }),
    });
    expect(hopeless.calls).to.deep.equal([["giveUp", "abandoned", "TRUST_TOO_LOW"]]);
    expect(events[0]).to.include({ result: "unserved", workerId: undefined });
  });

  it("has a model refused that nobody has, and only waits for a source that is down", async () => {
    const asked: (number | undefined)[] = [];
    const refused = new FakeStore();
    const refusal: RunOutcome = {
      ok: true,
      answer: {
        kind: "refusal",
        signer: request("1", block(1)).requester,
        reason: 1,
        issuedAt: 1,
        expiresAt: 2,
        proof: new Uint8Array(64),
      },
    };
    const never = async (): Promise<RunOutcome> => {
      throw new Error("there is no model to run");
    };
    const { events } = await dispatch(refused, {
      model: async () => ({ ok: false, failure: { code: "MODEL_NOT_FOUND" } }),
      choose: (_request, bytes) => {
        asked.push(bytes);
        return { ok: true, worker: workerThat(never, async () => refusal), detail: {} };
      },
    });
    expect(events[0]?.result).to.equal("refused");
    expect(asked).to.deep.equal([undefined]);
    const down = new FakeStore();
    await dispatch(down, { model: async () => ({ ok: false, failure: { code: "MODEL_UNREACHABLE" } }) });
    expect(down.calls).to.deep.equal([["release", 2_000, "MODEL_UNREACHABLE", false]]);
  });

  it("takes no more jobs than there is room for, and goes on as soon as one is done", async () => {
    const store = new FakeStore(0, 5);
    let [running, most] = [0, 0];
    const worker = workerThat(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return { ok: true, answer: answer() };
    });
    const { dispatcher } = await dispatch(store, { slots: () => 2, ...choosing(worker) });
    while (dispatcher.busy > 0) await dispatcher.drain();
    expect(store.calls.length).to.equal(5);
    expect(most).to.equal(2);
  });

  it("survives a store that fails in the middle of a job, and tells of it", async () => {
    const store = new FakeStore();
    store.answer = async () => {
      throw new AssayError({ code: "STORE_DISK_FULL", message: "" });
    };
    const { errors, dispatcher } = await dispatch(store);
    expect(errors.map((error) => (error as AssayError).code)).to.deep.equal(["STORE_DISK_FULL"]);
    expect(dispatcher.busy).to.equal(0);
  });

  it("loses no call that comes when the last claim is over and its end is not yet seen", async () => {
    const store = new FakeStore(0, 0);
    let claims = 0;
    let again: () => void = () => undefined;
    store.claim = async () => {
      claims += 1;
      // After the claim's own continuation, before the pump's end.
      if (claims === 1) queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => again())));
      return [];
    };
    const dispatcher = new Dispatcher({
      store,
      slots: () => 4,
      leaseMs: 1,
      nowMs: () => 0,
      onError: () => undefined,
    } as never);
    again = () => dispatcher.pumpSoon(signal);
    await dispatcher.pump(signal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(claims).to.equal(2);
  });

  it("takes nothing when it is told to stop", async () => {
    const store = new FakeStore();
    const dispatcher = new Dispatcher({ store: store as never, slots: () => 4 } as never);
    await dispatcher.pump(AbortSignal.abort());
    expect(store.calls).to.deep.equal([]);
  });

  it("claims nothing any more once it is closed, finishes what is in work, and gives back what a claim under way brought", async () => {
    const store = new FakeStore(0, 3);
    let finish: (outcome: RunOutcome) => void = () => undefined;
    const running = new Promise<RunOutcome>((resolve) => {
      finish = resolve;
    });
    let open = true;
    const events: DispatchEvent[] = [];
    const dispatcher: Dispatcher = new Dispatcher({
      store: store as never,
      choose: () =>
        open
          ? { ok: true, worker: workerThat(() => running), detail: {} }
          : { ok: false, reason: "DRAINING", retryAfterMs: 200 },
      model: async () => ({ ok: true, bytes: new Uint8Array(1) }),
      slots: () => 1 + dispatcher.busy,
      maxAttempts: MAX_ATTEMPTS,
      leaseMs: 30_000,
      nowMs: () => NOW_MS,
      onAnswered: () => undefined,
      onOutcome: (event) => events.push(event),
      onError: (error) => {
        throw error;
      },
    });
    await dispatcher.pump(signal);
    // The first run has begun; a claim is under way when the order comes.
    await new Promise((resolve) => setImmediate(resolve));
    const claim = dispatcher.pump(signal);
    open = false;
    dispatcher.close();
    finish({ ok: true, answer: answer() });
    await claim;
    await dispatcher.drain();
    await dispatcher.pump(signal);
    expect(events.map(({ result, reason }) => [result, reason])).to.have.deep.members([
      ["answered", undefined],
      ["unserved", "DRAINING"],
    ]);
    expect(dispatcher.busy).to.equal(0);
    expect(await store.claim({ limit: 9 })).to.have.length(1);
  });
});
