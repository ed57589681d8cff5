import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../executor/domain/errors";
import type { Hex32 } from "../../../executor/domain/ids";
import { Follower, type FollowerOptions } from "../../../executor/intake/follower";
import type { JobStore } from "../../../executor/jobs/ports";
import { sqliteJobStore } from "../../../executor/jobs/sqliteStore";
import { h } from "../jobs/fixtures";
import { FakeChain, fulfilledEvent, IDENTITY, requestedEvent } from "./fakes";

describe("chain follower", () => {
  let dir: string;
  let store: JobStore;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "assay-follower-"));
    store = sqliteJobStore(join(dir, "jobs.db"));
  });
  afterEach(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });

  const follow = (source: FakeChain, more: Partial<FollowerOptions> = {}) =>
    new Follower({
      source,
      record: store,
      identity: IDENTITY,
      startBlock: 0,
      confirmations: 2,
      nowMs: () => 1,
      ...more,
    });
  /** Steps until the newest block is recorded. */
  const settle = async (follower: Follower): Promise<void> => {
    for (let i = 0; i < 500; i++) if ((await follower.step()).kind === "idle") return;
    throw new Error("the follower does not come to rest");
  };
  const state = async (id: Hex32) => (await store.get(id))?.state;
  const codeOf = (run: Promise<unknown>) =>
    run.then(
      () => "none",
      (error: unknown) => (isAssayError(error) ? error.code : "other"),
    );

  it("reads one new block in one exchange", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain();
    const follower = follow(chain);
    await settle(follower);
    chain.mine([event]);
    chain.exchanges = 0;
    expect((await follower.step()).kind).to.equal("advanced");
    expect(chain.exchanges).to.equal(1);
    expect(await state(requestId)).to.equal("seen");
  });

  it("counts finality from the ending, not from the request", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain()
      .mine([event])
      .mine()
      .mine()
      .mine([fulfilledEvent(requestId)]);
    const follower = follow(chain);
    await settle(follower);
    expect(await state(requestId)).to.equal("landed");
    chain.mine().mine();
    await settle(follower);
    expect(await state(requestId)).to.equal("settled");
  });

  it("forgets only the ending when a reorg drops only the ending", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain().mine([event]).mine([fulfilledEvent(requestId)]);
    const follower = follow(chain);
    await settle(follower);
    chain.cutTo(2).mine([], "fork").mine([], "fork");
    await settle(follower);
    expect(await state(requestId)).to.equal("seen");
  });

  it("orphans a request with its block and finds it again elsewhere", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain().mine().mine([event]);
    const follower = follow(chain);
    await settle(follower);
    chain.cutTo(2).mine([], "fork").mine([], "fork");
    await settle(follower);
    expect(await state(requestId)).to.equal("orphaned");
    chain.mine([event], "fork");
    await settle(follower);
    expect(await state(requestId)).to.equal("seen");
  });

  it("takes the receipts' word over an empty log list that the bloom filter contradicts", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain().mine([event]);
    chain.hidesLogs = true;
    await settle(follow(chain));
    expect(await state(requestId)).to.equal("seen");
    expect(chain.distrusted).to.have.lengthOf(1);
  });

  it("asks for less when the node refuses a range, whatever the reason it names", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain();
    for (let i = 0; i < 40; i++) chain.mine();
    chain.mine([event]);
    chain.largestRange = 7;
    const follower = follow(chain);
    const codes: string[] = [];
    for (let i = 0; i < 20; i++) codes.push(await codeOf(follower.step()));
    expect(codes.filter((code) => code === "RPC_ERROR")).to.have.lengthOf(6);
    expect(await state(requestId)).to.equal("seen");
  });

  it("catches up over a long history as well as over a short one", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain();
    for (let i = 0; i < 300; i++) chain.mine(i === 150 ? [event] : []);
    await settle(follow(chain));
    expect(await state(requestId)).to.equal("seen");
    expect((await store.blocks(1))[0]?.number).to.equal(300);
  });

  it("refuses a node that restarted as another chain and forgets nothing", async () => {
    const { event, requestId } = requestedEvent("a");
    const chain = new FakeChain().mine([event]);
    const genesisHash = (await chain.headers([0]))[0]?.hash as Hex32;
    await settle(follow(chain, { genesisHash }));
    const other = new FakeChain("other").mine().mine();
    expect(await codeOf(follow(other, { genesisHash }).step())).to.equal("INTAKE_GENESIS_CHANGED");
    expect(await state(requestId)).to.equal("seen");
  });

  it("reports a request whose bytes do not give its id, and terms it does not know, and goes on", async () => {
    const good = requestedEvent("good");
    const forged = {
      ...requestedEvent("x").event,
      topics: [requestedEvent("x").event.topics[0], h("forged"), ...requestedEvent("x").event.topics.slice(2)],
    };
    const chain = new FakeChain();
    const follower = follow(chain);
    await settle(follower);
    chain.mine([forged as never, requestedEvent("v", { version: 9 }).event, good.event]);
    const step = await follower.step();
    expect(step.kind === "advanced" && step.rejected.map((r) => r.code)).to.deep.equal([
      "INTAKE_ID_MISMATCH",
      "TERMS_VERSION_UNKNOWN",
    ]);
    expect(await state(good.requestId)).to.equal("seen");
  });

  it("says after any reorgs what a follower says that saw only the last chain", async () => {
    const ids = ["p", "q", "r"].map((name) => requestedEvent(name));
    const move = fc.record({
      cut: fc.integer({ min: 0, max: 3 }),
      grow: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 1, maxLength: 8 }), fc.boolean(), async (moves, restart) => {
        const file = join(
          dir,
          `${moves.length}-${Math.abs(JSON.stringify(moves).length)}-${process.hrtime.bigint()}.db`,
        );
        const record = sqliteJobStore(file);
        const chain = new FakeChain();
        let follower = follow(chain, { record, confirmations: 100 });
        let branch = 0;
        for (const { cut, grow } of moves) {
          chain.cutTo(Math.max(1, chain.blocks.length - cut));
          for (const pick of grow) {
            const open = new Set(chain.blocks.flatMap((b) => b.logs.map((log) => `${log.topics[0]}${log.topics[1]}`)));
            const one = ids[pick % 3] as (typeof ids)[number];
            const event = open.has(`${one.event.topics[0]}${one.requestId}`)
              ? fulfilledEvent(one.requestId)
              : one.event;
            const fresh = pick < 6 && !open.has(`${event.topics[0]}${one.requestId}`);
            chain.mine(fresh ? [event] : [], `b${branch++}`);
          }
          if (restart) follower = follow(chain, { record, confirmations: 100 });
          await settle(follower);
        }
        const onChain = new Map<Hex32, string>();
        for (const log of chain.blocks.flatMap((b) => b.logs))
          onChain.set(log.topics[1] as Hex32, log.topics.length === 4 ? "seen" : "landed");
        for (const { requestId } of ids) {
          const known = (await record.get(requestId))?.state;
          expect(known === "orphaned" ? undefined : known).to.equal(onChain.get(requestId));
        }
        await record.close();
      }),
      { numRuns: 40, seed: 20_261_124 },
    );
  });
});
