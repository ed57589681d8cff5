import { expect } from "chai";
import type { SeenBlock } from "../../../executor/domain/chain";
import type { ClaimedJob, JobStore } from "../../../executor/jobs/ports";
import { answer, block, ending, h, request, SENDER, transaction } from "./fixtures";

const NOW = 1_000_000;
const LEASE = 30_000;

/** What every implementation of the port does, whatever database it stands on. `open` gives an empty store. */
export function jobStoreConformance(open: () => Promise<JobStore>): void {
  let store: JobStore;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  const state = async (name: string) => (await store.get(h(`request/${name}`)))?.state;
  const see = (name: string, at = block(1)) =>
    store.applyBlocks({ blocks: [at], requests: [request(name, at)], endings: [], nowMs: NOW });
  const claim = async (nowMs = NOW): Promise<ClaimedJob> => {
    const [job] = await store.claim({ limit: 1, leaseMs: LEASE, nowMs });
    if (job === undefined) throw new Error("nothing to claim");
    return job;
  };
  const answered = async (name: string, at = block(1)): Promise<ClaimedJob> => {
    await see(name, at);
    const job = await claim();
    expect(await store.answer({ lease: job, answer: answer(), timeline: [] })).to.equal(true);
    return job;
  };
  const posting = async (name: string, nonce = 0): Promise<ClaimedJob> => {
    const job = await answered(name);
    await store.recordTransaction(transaction(name, nonce, [job.jobId]));
    return job;
  };

  const close = (name: string, state: "confirmed" | "reverted", at: SeenBlock) =>
    store.closeTransaction({ hash: h(`outbox/${name}`), state, block: at });

  it("keeps one job for a request that is seen twice", async () => {
    expect((await see("a")).added).to.equal(1);
    expect((await see("a")).added).to.equal(0);
    expect((await store.counts()).seen).to.equal(1);
  });

  it("gives a request back as it was seen", async () => {
    await see("a");
    expect(await store.request(h("request/a"))).to.deep.equal(request("a", block(1)));
  });

  it("gives a job to one claimer only, the nearest deadline first", async () => {
    const at = block(1);
    const requests = [request("late", at, { deadline: 3_000 }), request("soon", at, { deadline: 2_000 })];
    await store.applyBlocks({ blocks: [at], requests, endings: [], nowMs: NOW });
    const both = await Promise.all([
      store.claim({ limit: 1, leaseMs: LEASE, nowMs: NOW }),
      store.claim({ limit: 1, leaseMs: LEASE, nowMs: NOW }),
    ]);
    expect(both.flat().map((job) => job.request.requestId)).to.deep.equal([h("request/soon"), h("request/late")]);
    expect(await store.claim({ limit: 1, leaseMs: LEASE, nowMs: NOW })).to.deep.equal([]);
  });

  it("refuses every write of a worker whose lease went to another", async () => {
    await see("a");
    const first = await claim();
    expect(await store.reap(NOW + LEASE + 1)).to.equal(1);
    const second = await claim(NOW + LEASE + 1);
    expect(second.fence).to.be.greaterThan(first.fence);
    // A worker that vanished tried nothing that could count against the job.
    expect(second.attempts).to.equal(0);
    expect(await store.heartbeat({ lease: first, leaseMs: LEASE, nowMs: NOW })).to.equal(false);
    expect(await store.answer({ lease: first, answer: answer(), timeline: [] })).to.equal(false);
    expect(await store.release({ lease: first, notBeforeMs: 0, reason: "X", countAttempt: true })).to.equal(false);
    expect(await store.giveUp({ lease: first, state: "dead", reason: "X" })).to.equal(false);
    expect(await store.answer({ lease: second, answer: answer(), timeline: [] })).to.equal(true);
    expect(await store.answer({ lease: second, answer: answer(), timeline: [] })).to.equal(false);
  });

  it("does not reap a lease that was prolonged", async () => {
    await see("a");
    const job = await claim();
    expect(await store.heartbeat({ lease: job, leaseMs: LEASE, nowMs: NOW + LEASE })).to.equal(true);
    expect(await store.reap(NOW + LEASE + 1)).to.equal(0);
  });

  it("holds a released job back until its time and counts the attempt", async () => {
    await see("a");
    await store.release({ lease: await claim(), notBeforeMs: NOW + 500, reason: "NO_CAPACITY", countAttempt: true });
    expect(await store.claim({ limit: 1, leaseMs: LEASE, nowMs: NOW + 499 })).to.deep.equal([]);
    expect((await claim(NOW + 500)).attempts).to.equal(1);
  });

  it("stores an answer with its bytes and its timeline", async () => {
    await see("a");
    const timeline = [{ step: "signed" as const, hostMs: NOW, detail: { ms: 3 } }];
    await store.answer({ lease: await claim(), answer: answer(), timeline });
    expect((await store.answered(10))[0]?.answer).to.deep.equal(answer());
    expect(await store.timeline(h("request/a"))).to.deep.equal(timeline);
  });

  it("throws the work of a worker away whose request ended meanwhile", async () => {
    await see("a");
    const job = await claim();
    await store.applyBlocks({ blocks: [block(2)], requests: [], endings: [ending("a", block(2))], nowMs: NOW });
    expect(await store.answer({ lease: job, answer: answer(), timeline: [] })).to.equal(false);
    expect(await state("a")).to.equal("landed");
  });

  it("settles an ending at its depth and expires what was never ended", async () => {
    await posting("a");
    await see("b", block(2));
    await store.applyBlocks({ blocks: [block(3)], requests: [], endings: [ending("a", block(3))], nowMs: NOW });
    expect(await store.finalize({ number: 2, timestamp: 1_002 })).to.deep.equal({ settled: 0, expired: 0 });
    expect(await store.finalize({ number: 3, timestamp: 5_000 })).to.deep.equal({ settled: 1, expired: 0 });
    expect(await store.finalize({ number: 4, timestamp: 5_001 })).to.deep.equal({ settled: 0, expired: 1 });
  });

  it("leaves an expired job expired when its refund is seen", async () => {
    await see("a");
    await store.finalize({ number: 1, timestamp: 5_001 });
    await store.applyBlocks({
      blocks: [block(2)],
      requests: [],
      endings: [ending("a", block(2), "refunded")],
      nowMs: NOW,
    });
    expect(await state("a")).to.equal("expired");
  });

  it("orphans a request with its block and brings it back with its answer", async () => {
    await answered("a", block(5));
    expect(await store.rewind(4)).to.deep.equal({ orphaned: 1, reopened: 0 });
    expect(await state("a")).to.equal("orphaned");
    expect(await store.answered(10)).to.deep.equal([]);
    await see("a", block(6, "fork", 4));
    expect(await state("a")).to.equal("answered");
    expect((await store.request(h("request/a")))?.block.hash).to.equal(block(6, "fork", 4).hash);
  });

  it("throws the work of a worker away whose request a reorg removed", async () => {
    await see("a", block(5));
    const job = await claim();
    await store.rewind(4);
    await see("a", block(5, "fork", 4));
    expect(await store.answer({ lease: job, answer: answer(), timeline: [] })).to.equal(false);
  });

  it("leaves a job that was given up alone in a reorg", async () => {
    await see("a", block(5));
    await store.giveUp({ lease: await claim(), state: "abandoned", reason: "REWARD_TOO_LOW" });
    await store.rewind(4);
    expect(await state("a")).to.equal("abandoned");
  });

  it("opens the stored transaction again when a reorg takes only the ending, instead of paying for a second one", async () => {
    await posting("a");
    await store.applyBlocks({ blocks: [block(2)], requests: [], endings: [ending("a", block(2))], nowMs: NOW });
    await close("a", "confirmed", block(2));
    expect(await store.rewind(1)).to.deep.equal({ orphaned: 0, reopened: 1 });
    expect(await state("a")).to.equal("posting");
    expect((await store.openTransactions(SENDER)).map((tx) => tx.hash)).to.deep.equal([h("outbox/a")]);
  });

  it("posts again after a reorg of an ending that another operator brought", async () => {
    await answered("a");
    await store.applyBlocks({ blocks: [block(2)], requests: [], endings: [ending("a", block(2))], nowMs: NOW });
    await store.rewind(1);
    expect(await state("a")).to.equal("answered");
  });

  it("closes no transaction by a block that it does not have, nor by one that a reorg has replaced since the receipt was read", async () => {
    await posting("a");
    expect(await close("a", "confirmed", block(2))).to.equal(false);
    await store.applyBlocks({ blocks: [block(2)], requests: [], endings: [], nowMs: NOW });
    await store.rewind(1);
    await store.applyBlocks({ blocks: [block(2, "fork", 1)], requests: [], endings: [], nowMs: NOW });
    expect(await close("a", "confirmed", block(2))).to.equal(false);
    expect((await store.openTransactions(SENDER)).map((tx) => tx.hash)).to.deep.equal([h("outbox/a")]);
    expect(await close("a", "confirmed", block(2, "fork", 1))).to.equal(true);
    expect(await store.openTransactions(SENDER)).to.deep.equal([]);
  });

  it("sends back the jobs of a reverted transaction and the rejected items of a confirmed one, nothing else", async () => {
    const a = await answered("a");
    const b = await answered("b", block(2));
    await store.recordTransaction(transaction("both", 0, [a.jobId, b.jobId]));
    expect(await store.answered(10)).to.deep.equal([]);
    await store.applyBlocks({ blocks: [block(2)], requests: [], endings: [ending("a", block(2))], nowMs: NOW });
    await close("both", "confirmed", block(2));
    expect([await state("a"), await state("b")]).to.deep.equal(["landed", "answered"]);
    await store.recordTransaction(transaction("again", 1, [b.jobId]));
    await close("again", "reverted", block(2));
    expect(await state("b")).to.equal("answered");
  });

  it("keeps a job with the transaction that raised its fee", async () => {
    const job = await posting("a");
    await store.recordTransaction(transaction("bump", 0, [job.jobId]));
    await store.closeTransaction({ hash: h("outbox/a"), state: "replaced" });
    expect(await state("a")).to.equal("posting");
  });

  it("posts again what a confirmed transaction did not end: its receipt was of a block that a reorg took away unseen", async () => {
    await posting("a");
    // Read in one piece, so that only the last block is on record and nothing says that block 2 is another one now.
    await store.applyBlocks({ blocks: [block(4)], requests: [], endings: [], nowMs: NOW });
    expect(await close("a", "confirmed", block(2, "stale"))).to.equal(true);
    expect(await state("a")).to.equal("answered");
  });

  it("sends a job back whose transaction lost its nonce to a stranger", async () => {
    await posting("a");
    await store.closeTransaction({ hash: h("outbox/a"), state: "replaced" });
    expect(await state("a")).to.equal("answered");
  });

  it("computes a dropped answer again and does not offer the old one", async () => {
    const job = await answered("a");
    expect(await store.dropAnswer({ jobId: job.jobId, state: "seen", reason: "POSTING_CODE_6" })).to.equal(true);
    expect(await store.dropAnswer({ jobId: job.jobId, state: "seen", reason: "POSTING_CODE_6" })).to.equal(false);
    expect(await store.answered(10)).to.deep.equal([]);
    expect((await claim()).attempts).to.equal(0);
  });

  it("prunes what is final and old, and nothing else", async () => {
    await see("a");
    await store.giveUp({ lease: await claim(), state: "dead", reason: "X" });
    await see("b", block(2));
    expect(await store.prune(NOW)).to.equal(0);
    expect(await store.prune(NOW + 1)).to.equal(1);
    expect([await state("a"), await state("b")]).to.deep.equal([undefined, "seen"]);
  });

  it("applies nothing of a batch that fails in the middle, the cursor neither", async () => {
    const bad = { ...request("b", block(1)), termsBytes: undefined as unknown as Uint8Array };
    const failed = await store
      .applyBlocks({ blocks: [block(1)], requests: [request("a", block(1)), bad], endings: [], nowMs: NOW })
      .catch(() => "failed");
    expect(failed).to.equal("failed");
    expect(await store.blocks(1)).to.deep.equal([]);
    expect(await state("a")).to.equal(undefined);
  });
}
