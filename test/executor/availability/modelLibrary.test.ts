import { expect } from "chai";
import { ByteCache } from "../../../executor/availability/byteCache";
import { failed, sha256Of } from "../../../executor/availability/hash";
import { ModelLibrary } from "../../../executor/availability/modelLibrary";
import type { FetchFailureCode, FetchOutcome, ModelSource } from "../../../executor/availability/ports";

const A = Buffer.from("model a");
const B = Buffer.from("model b, longer");
const codeOf = (outcome: FetchOutcome): string => (outcome.ok ? "ok" : outcome.failure.code);

/** A source that answers what it is told, and counts how often it was asked. */
class FakeSource implements ModelSource {
  asked = 0;
  constructor(
    readonly name: string,
    private readonly answer: (signal: AbortSignal | undefined) => FetchOutcome | Promise<FetchOutcome>,
  ) {}
  async fetch(_hash: unknown, signal?: AbortSignal): Promise<FetchOutcome> {
    this.asked += 1;
    return this.answer(signal);
  }
}

const gives = (bytes: Uint8Array) => new FakeSource("gives", () => ({ ok: true, bytes, source: "gives" }));
const fails = (code: FetchFailureCode) => new FakeSource(code, () => failed(code, code, "said so"));
const library = (...sources: ModelSource[]) => new ModelLibrary({ sources, cacheBytes: 1_000 });

describe("availability: the library of models", () => {
  it("asks sources in order, goes on after a failure and after a lie, and remembers what it found", async () => {
    const [liar, right] = [gives(B), gives(A)];
    const models = library(fails("MODEL_TIMEOUT"), liar, right);
    expect(models.sizeOf(sha256Of(A))).to.equal(undefined);
    expect(await models.fetch(sha256Of(A))).to.deep.include({ ok: true, bytes: A });
    expect(await models.fetch(sha256Of(A))).to.deep.include({ ok: true, source: "memory" });
    expect([liar.asked, right.asked]).to.deep.equal([1, 1]);
    expect(models.sizeOf(sha256Of(A))).to.equal(A.length);
    expect(models.cachedBytes).to.equal(A.length);
  });

  it("says that nobody has a model only if all say so, and keeps every attempt", async () => {
    expect(codeOf(await library(fails("MODEL_NOT_FOUND"), fails("MODEL_NOT_FOUND")).fetch(sha256Of(A)))).to.equal(
      "MODEL_NOT_FOUND",
    );
    const outcome = await library(fails("MODEL_NOT_FOUND"), fails("MODEL_UNREACHABLE"), gives(B)).fetch(sha256Of(A));
    expect(codeOf(outcome)).to.equal("MODEL_UNREACHABLE");
    expect(outcome.ok ? [] : outcome.attempts.map(({ code }) => code)).to.deep.equal([
      "MODEL_NOT_FOUND",
      "MODEL_UNREACHABLE",
      "MODEL_HASH_MISMATCH",
    ]);
    expect(codeOf(await library().fetch(sha256Of(A)))).to.equal("MODEL_NOT_FOUND");
  });

  it("fetches once for callers at the same time, and aborts only when none of them waits any more", async () => {
    let release: (outcome: FetchOutcome) => void = () => undefined;
    let aborted = false;
    const source = new FakeSource("slow", (signal) => {
      signal?.addEventListener("abort", () => {
        aborted = true;
      });
      return new Promise((resolve) => {
        release = resolve;
      });
    });
    const models = library(source);
    const [one, two] = [new AbortController(), new AbortController()];
    const first = models.fetch(sha256Of(A), one.signal);
    const second = models.fetch(sha256Of(A), two.signal);
    one.abort();
    expect(codeOf(await first)).to.equal("MODEL_ABORTED");
    expect(aborted).to.equal(false);
    release({ ok: true, bytes: A, source: "slow" });
    expect(codeOf(await second)).to.equal("ok");
    expect(source.asked).to.equal(1);
    const third = new AbortController();
    const alone = models.fetch(sha256Of(B), third.signal);
    third.abort();
    expect(codeOf(await alone)).to.equal("MODEL_ABORTED");
    expect(aborted).to.equal(true);
    expect(codeOf(await models.fetch(sha256Of(B), AbortSignal.abort()))).to.equal("MODEL_ABORTED");
  });
});

describe("availability: the cache", () => {
  it("forgets what was used longest ago, and keeps nothing that is larger than itself", () => {
    const cache = new ByteCache(10);
    const [x, y, z] = ["x", "y", "z"].map((name) => sha256Of(Buffer.from(name))) as [never, never, never];
    cache.set(x, new Uint8Array(4));
    cache.set(y, new Uint8Array(4));
    expect(cache.get(x)?.length).to.equal(4);
    cache.set(z, new Uint8Array(4));
    expect([cache.sizeOf(x), cache.sizeOf(y), cache.sizeOf(z)]).to.deep.equal([4, undefined, 4]);
    cache.set(y, new Uint8Array(11));
    expect(cache.get(y)).to.equal(undefined);
    expect(cache.bytes).to.equal(8);
  });
});
