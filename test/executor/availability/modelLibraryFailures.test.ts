import { expect } from "chai";
import fc from "fast-check";
import { failed, sha256Of } from "../../../executor/availability/hash";
import { ModelLibrary } from "../../../executor/availability/modelLibrary";
import {
  FETCH_FAILURES,
  type FetchFailureCode,
  type FetchOutcome,
  type ModelSource,
} from "../../../executor/availability/ports";
import type { Hex32 } from "../../../executor/domain/ids";

const A = Buffer.from("model a");
const B = Buffer.from("model b, longer");
const [HASH_A, HASH_B] = [sha256Of(A), sha256Of(B)];
const CODES = Object.keys(FETCH_FAILURES) as FetchFailureCode[];
const codeOf = (outcome: FetchOutcome): string => (outcome.ok ? "ok" : outcome.failure.code);
const give = (bytes: Uint8Array): FetchOutcome => ({ ok: true, bytes, source: "fake" });
const library = (sources: readonly ModelSource[], cacheBytes = 1_000) => new ModelLibrary({ sources, cacheBytes });

/** A source that answers when the test says so. */
class SlowSource implements ModelSource {
  readonly name = "slow";
  readonly asked: { hash: Hex32; signal: AbortSignal | undefined; answer: (outcome: FetchOutcome) => void }[] = [];
  fetch(hash: Hex32, signal?: AbortSignal): Promise<FetchOutcome> {
    return new Promise((answer) => this.asked.push({ hash, signal, answer }));
  }
}
const at = (source: SlowSource, index: number) => {
  const call = source.asked[index];
  if (call === undefined) throw new Error(`not asked ${index + 1} times`);
  return call;
};
const fails = (code: FetchFailureCode): ModelSource => ({ name: code, fetch: async () => failed(code, code, "so") });

describe("availability: failures of the library", () => {
  /** From what may pass to what stays. */
  const order: readonly FetchFailureCode[] = [
    "MODEL_TIMEOUT",
    "MODEL_UNREACHABLE",
    "MODEL_TOO_LARGE",
    "MODEL_HASH_MISMATCH",
    "MODEL_REDIRECT_REFUSED",
    "MODEL_NOT_FOUND",
  ];

  it("lets the failure with most hope speak for all, whatever the order of the sources", async () => {
    const codes = fc.array(fc.constantFrom(...order), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(codes, async (list) => {
        const outcome = await library(list.map(fails)).fetch(HASH_A);
        expect(codeOf(outcome)).to.equal(order.find((code) => list.includes(code)));
        expect(outcome.ok ? [] : outcome.attempts.map(({ source }) => source)).to.deep.equal(list);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it("says that nobody has a model only if no source said anything else", async () => {
    for (const code of CODES.filter((one) => one !== "MODEL_NOT_FOUND" && one !== "MODEL_ABORTED"))
      for (const sources of [
        [fails(code), fails("MODEL_NOT_FOUND")],
        [fails("MODEL_NOT_FOUND"), fails(code)],
      ])
        expect(codeOf(await library(sources).fetch(HASH_A))).to.equal(code);
  });

  it("keeps neither a lie nor a failure, and holds the lie against the source by name", async () => {
    const liar: ModelSource = { name: "liar", fetch: async () => give(B) };
    const models = library([liar, fails("MODEL_NOT_FOUND")]);
    const outcome = await models.fetch(HASH_A);
    expect(outcome.ok ? undefined : outcome.failure).to.include({
      code: "MODEL_HASH_MISMATCH",
      source: "liar",
      retryable: false,
    });
    expect([models.cachedBytes, models.sizeOf(HASH_A), models.sizeOf(HASH_B)]).to.deep.equal([0, undefined, undefined]);
  });

  it("asks anew after a failure", async () => {
    let there = false;
    const models = library([
      { name: "later", fetch: async () => (there ? give(A) : failed("MODEL_NOT_FOUND", "later", "")) },
    ]);
    expect(codeOf(await models.fetch(HASH_A))).to.equal("MODEL_NOT_FOUND");
    there = true;
    expect(codeOf(await models.fetch(HASH_A))).to.equal("ok");
  });

  it("tells every caller of a source that throws, and is not stuck with it", async () => {
    const broken = new Error("a bug of the source");
    let asked = 0;
    const models = library([
      {
        name: "broken",
        fetch: async () => {
          asked += 1;
          if (asked === 1) throw broken;
          return give(A);
        },
      },
    ]);
    const caught = (error: unknown) => error;
    const both = [models.fetch(HASH_A).catch(caught), models.fetch(HASH_A, new AbortController().signal).catch(caught)];
    expect(await Promise.all(both)).to.deep.equal([broken, broken]);
    expect(codeOf(await models.fetch(HASH_A))).to.equal("ok");
  });
});

describe("availability: one fetch for many callers", () => {
  it("asks once for one model, and once for each of two", async () => {
    const slow = new SlowSource();
    const models = library([slow]);
    const waiting = [models.fetch(HASH_A), models.fetch(HASH_B), models.fetch(HASH_A)];
    expect(slow.asked.map(({ hash }) => hash)).to.deep.equal([HASH_A, HASH_B]);
    at(slow, 1).answer(give(B));
    at(slow, 0).answer(give(A));
    expect((await Promise.all(waiting)).map((outcome) => outcome.ok && outcome.bytes)).to.deep.equal([A, B, A]);
  });

  it("gives a failure to all who waited for it", async () => {
    const slow = new SlowSource();
    const models = library([slow]);
    const waiting = [models.fetch(HASH_A), models.fetch(HASH_A)];
    at(slow, 0).answer(failed("MODEL_TIMEOUT", "slow", ""));
    expect((await Promise.all(waiting)).map(codeOf)).to.deep.equal(["MODEL_TIMEOUT", "MODEL_TIMEOUT"]);
  });

  it("goes on for a caller without a signal when the one with a signal has left", async () => {
    const slow = new SlowSource();
    const models = library([slow]);
    const stop = new AbortController();
    const [leaving, staying] = [models.fetch(HASH_A, stop.signal), models.fetch(HASH_A)];
    stop.abort();
    expect(codeOf(await leaving)).to.equal("MODEL_ABORTED");
    expect(at(slow, 0).signal?.aborted).to.equal(false);
    at(slow, 0).answer(give(A));
    expect(codeOf(await staying)).to.equal("ok");
  });

  it("ends the fetch when the last of two callers leaves, and asks no further source", async () => {
    const [slow, next] = [new SlowSource(), new SlowSource()];
    const models = library([slow, next]);
    const stops = [new AbortController(), new AbortController()];
    const waiting = stops.map(({ signal }) => models.fetch(HASH_A, signal));
    for (const stop of stops) stop.abort();
    expect((await Promise.all(waiting)).map(codeOf)).to.deep.equal(["MODEL_ABORTED", "MODEL_ABORTED"]);
    expect(at(slow, 0).signal?.aborted).to.equal(true);
    at(slow, 0).answer(failed("MODEL_ABORTED", "slow", ""));
    await new Promise((resolve) => setImmediate(resolve));
    expect(next.asked.length).to.equal(0);
  });

  it("starts anew for who comes after a fetch was given up, and is not disturbed by what that one still says", async () => {
    const slow = new SlowSource();
    const models = library([slow]);
    const stop = new AbortController();
    const leaving = models.fetch(HASH_A, stop.signal);
    stop.abort();
    await leaving;
    const coming = models.fetch(HASH_A);
    expect(slow.asked.length).to.equal(2);
    at(slow, 0).answer(failed("MODEL_ABORTED", "slow", ""));
    const joining = models.fetch(HASH_A);
    expect(slow.asked.length).to.equal(2);
    at(slow, 1).answer(give(A));
    expect((await Promise.all([coming, joining])).map(codeOf)).to.deep.equal(["ok", "ok"]);
  });

  it("takes its listener off a signal that outlives the fetch", async () => {
    const { signal } = new AbortController();
    const counts = { added: 0, removed: 0 };
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      counts.added += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      counts.removed += 1;
      remove(...args);
    };
    const models = library([{ name: "quick", fetch: async () => give(A) }]);
    await models.fetch(HASH_A, signal);
    expect(counts).to.deep.equal({ added: 1, removed: 1 });
  });
});

describe("availability: what the library remembers", () => {
  it("asks the source again for what does not fit into memory, but remembers its size", async () => {
    let asked = 0;
    const source: ModelSource = {
      name: "source",
      fetch: async () => {
        asked += 1;
        return give(A);
      },
    };
    const models = library([source], A.length - 1);
    for (let i = 0; i < 2; i += 1) expect(await models.fetch(HASH_A)).to.include({ ok: true, source: "fake" });
    expect([asked, models.cachedBytes, models.sizeOf(HASH_A)]).to.deep.equal([2, 0, A.length]);
  });

  it("takes a size from the first source that knows one, without fetching", () => {
    const knows = (size: number | undefined): ModelSource => ({ ...fails("MODEL_NOT_FOUND"), sizeOf: () => size });
    expect(library([fails("MODEL_NOT_FOUND"), knows(undefined), knows(5), knows(6)]).sizeOf(HASH_A)).to.equal(5);
  });

  it("answers from memory even when all sources are gone, but not to who has left already", async () => {
    let there = true;
    const models = library([
      { name: "s", fetch: async () => (there ? give(A) : failed("MODEL_UNREACHABLE", "s", "")) },
    ]);
    await models.fetch(HASH_A);
    there = false;
    expect(await models.fetch(HASH_A)).to.deep.equal({ ok: true, bytes: A, source: "memory" });
    expect(codeOf(await models.fetch(HASH_A, AbortSignal.abort()))).to.equal("MODEL_ABORTED");
  });
});
