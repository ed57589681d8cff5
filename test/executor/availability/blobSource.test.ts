import { expect } from "chai";
import { BlobSource, KeepingSource } from "../../../executor/availability/blobSource";
import { failed, sha256Of } from "../../../executor/availability/hash";
import type { BlobRead, BlobStore, FetchOutcome, ModelSource } from "../../../executor/availability/ports";
import type { Hex32 } from "../../../executor/domain/ids";

const A = Buffer.from("model a");
const HASH = sha256Of(A);
const failureOf = (outcome: FetchOutcome) => (outcome.ok ? undefined : outcome.failure);

/** A store in memory that can be broken. */
class FakeStore implements BlobStore {
  readonly files = new Map<Hex32, Uint8Array>();
  broken: unknown;
  corrupt = false;

  async get(hash: Hex32): Promise<BlobRead> {
    if (this.broken !== undefined) throw this.broken;
    const bytes = this.files.get(hash);
    if (this.corrupt) return { ok: false, code: "BLOB_CORRUPT" };
    return bytes === undefined ? { ok: false, code: "BLOB_MISSING" } : { ok: true, bytes };
  }
  async put(bytes: Uint8Array): Promise<Hex32> {
    if (this.broken !== undefined) throw this.broken;
    this.files.set(sha256Of(bytes), bytes);
    return sha256Of(bytes);
  }
  has = async (hash: Hex32) => this.files.has(hash);
  delete = async (hash: Hex32) => void this.files.delete(hash);
}

function inner(outcome: FetchOutcome, more: Partial<ModelSource> = {}) {
  const signals: (AbortSignal | undefined)[] = [];
  const source: ModelSource = {
    name: "inner",
    fetch: async (_hash, signal) => {
      signals.push(signal);
      return outcome;
    },
    ...more,
  };
  return { source, signals };
}

describe("availability: downloads as a source", () => {
  let store: FakeStore;
  beforeEach(() => {
    store = new FakeStore();
  });

  it("gives what was downloaded before, under its own name", async () => {
    await store.put(A);
    expect(await new BlobSource(store).fetch(HASH)).to.deep.equal({ ok: true, bytes: A, source: "downloads" });
    expect(await new BlobSource(store, "disk").fetch(HASH)).to.include({ source: "disk" });
  });

  it("tells what was never downloaded from what is damaged, and both from a disk that fails", async () => {
    const source = new BlobSource(store, "disk");
    expect(failureOf(await source.fetch(HASH))).to.include({ code: "MODEL_NOT_FOUND", source: "disk" });
    store.corrupt = true;
    expect(failureOf(await source.fetch(HASH))).to.include({ code: "MODEL_HASH_MISMATCH", source: "disk" });
    for (const broken of [new TypeError("words"), "no error at all"]) {
      store.broken = broken;
      expect(failureOf(await source.fetch(HASH))).to.include({ code: "MODEL_UNREACHABLE", retryable: true });
    }
  });
});

describe("availability: a source whose finds are kept", () => {
  const failures: unknown[] = [];
  let store: FakeStore;
  beforeEach(() => {
    store = new FakeStore();
    failures.length = 0;
  });
  const keeping = (source: ModelSource) =>
    new KeepingSource({ inner: source, store, onKeepFailed: (error) => failures.push(error) });
  const found: FetchOutcome = { ok: true, bytes: A, source: "inner" };

  it("has a find kept by the time it hands it on, unchanged and under the inner source's name", async () => {
    const source = keeping(inner(found).source);
    expect(await source.fetch(HASH)).to.equal(found);
    expect(store.files.get(HASH)).to.equal(A);
    expect(source.name).to.equal("inner");
  });

  it("keeps nothing of a failure, and hands it on unchanged", async () => {
    const failure = failed("MODEL_TIMEOUT", "inner", "too slow");
    expect(await keeping(inner(failure).source).fetch(HASH)).to.equal(failure);
    expect([store.files.size, failures.length]).to.deep.equal([0, 0]);
  });

  it("hands a find on where it can not be kept, and tells why", async () => {
    store.broken = new Error("the disk is full");
    expect(await keeping(inner(found).source).fetch(HASH)).to.equal(found);
    expect(failures).to.deep.equal([store.broken]);
  });

  it("hands the caller's signal on", async () => {
    const { source, signals } = inner(found);
    const { signal } = new AbortController();
    await keeping(source).fetch(HASH, signal);
    expect(signals).to.deep.equal([signal]);
  });

  it("knows the sizes that the inner source knows, and none if that knows none", () => {
    expect(keeping(inner(found, { sizeOf: () => 7 }).source).sizeOf(HASH)).to.equal(7);
    expect(keeping(inner(found).source).sizeOf(HASH)).to.equal(undefined);
  });
});
