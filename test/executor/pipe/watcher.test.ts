import { expect } from "chai";
import { type Entry, entryOf, itemOf } from "../../../executor/pipe/entry";
import { intentLabel, Watcher } from "../../../executor/pipe/watcher";
import {
  FakeChain,
  FakePublisher,
  FakeStore,
  FORWARDER_ADDRESS,
  filled,
  gate,
  h,
  read,
  settled,
  type TxFields,
} from "./fakes";

describe("watcher", () => {
  let chain: FakeChain;
  let publisher: FakePublisher;
  let store: FakeStore;
  let again: [Entry, string][];
  let over: Entry[];
  let errors: unknown[];
  let reasonOf: () => Promise<string | undefined>;
  let watcher: Watcher;
  beforeEach(() => {
    chain = new FakeChain();
    publisher = new FakePublisher(chain);
    store = new FakeStore();
    again = [];
    over = [];
    errors = [];
    reasonOf = async () => "no luck";
    watcher = new Watcher({
      chain,
      store,
      publisher,
      confirmations: 2,
      forwarder: FORWARDER_ADDRESS,
      nowMs: () => 1,
      reasonOf: () => reasonOf(),
      again: (entry, why) => void again.push([entry, why]),
      over: (entry) => void over.push(entry),
      onError: (error) => void errors.push(error),
    });
  });
  /** Released, in the node's pool, watched. */
  const out = async (fields: TxFields = {}, isStored = true): Promise<Entry> => {
    const tx = await read(fields);
    const entry = entryOf({ kind: "raw", from: tx.from, step: tx.step, tx, acceptedMs: 0, deadlineMs: 1 });
    await chain.broadcast([tx.raw]);
    entry.phase = "sent";
    if (isStored) {
      await store.addPipeItem(itemOf(entry));
      await store.movePipeItems([{ id: entry.id, from: ["held"], to: "released" }]);
      entry.state = "released";
    }
    watcher.watch(entry);
    return entry;
  };
  const intent = async (): Promise<Entry> => {
    const entry = await out();
    watcher.forget(entry);
    const made = { ...entry, kind: "intent" as const, id: h("intent"), tx: undefined, transactionHash: h("relay/old") };
    await store.addPipeItem(itemOf(made));
    await store.movePipeItems([{ id: made.id, from: ["held"], to: "released" }]);
    watcher.watch(made);
    return made;
  };

  it("says landed, and final after the confirmations, with the block in both", async () => {
    const entry = await out();
    await watcher.follow(chain.mine());
    const { block } = entry;
    expect(await store.pipeItem(entry.id)).to.deep.include({ state: "landed", block });
    await watcher.follow(chain.mine());
    expect(store.state(entry.id)).to.equal("landed");
    await watcher.follow(chain.mine());
    expect(await store.pipeItem(entry.id)).to.deep.include({ state: "final", block });
    expect([over, watcher.size, entry.phase]).to.deep.equal([[entry], 0, "over"]);
  });

  it("says reverted with the reason, and keeps it when it is final", async () => {
    // Found: what was final said neither whether it had failed, nor why, nor where.
    const entry = await out();
    await watcher.follow(chain.mine([entry.id], false));
    const reason = { reason: "PIPE_TRANSACTION_REVERTS", detail: "no luck", block: entry.block };
    expect(await store.pipeItem(entry.id)).to.deep.include({ state: "reverted", ...reason });
    await watcher.follow(chain.mine());
    await watcher.follow(chain.mine());
    expect(await store.pipeItem(entry.id)).to.deep.include({ state: "final", ...reason });
  });

  it("says reverted though the reason can not be found out", async () => {
    reasonOf = async () => {
      throw new Error("away");
    };
    const entry = await out();
    await watcher.follow(chain.mine([entry.id], false));
    expect([store.state(entry.id), errors.length]).to.deep.equal(["reverted", 1]);
  });

  it("takes back what a reorg took away, and finds it in another block", async () => {
    const entry = await out();
    await watcher.follow(chain.mine());
    chain.mined.clear();
    chain.nonces.clear();
    chain.pool.set(entry.id, entry.tx as never);
    chain.branch = "other";
    await watcher.follow(chain.headNow());
    expect((await store.pipeItem(entry.id))?.timeline.map(({ step }) => step)).to.deep.equal(["landed", "reorged"]);
    expect([store.state(entry.id), again.length]).to.deep.equal(["released", 0]);
    await watcher.follow(chain.mine());
    expect(await store.pipeItem(entry.id)).to.deep.include({ state: "landed", block: entry.block });
  });

  it("sees a reorg that was over before it was looked at", async () => {
    const entry = await out();
    await watcher.follow(chain.mine());
    const block = { number: chain.number, hash: h("other/block") };
    chain.mined.set(entry.id, { succeeded: false, logs: [], block });
    await watcher.follow(chain.headNow());
    expect(await store.pipeItem(entry.id)).to.deep.include({ state: "reverted", block });
  });

  it("says replaced where another used the nonce, once the receipt was read again", async () => {
    const [gone, late] = [await out(), await out({ from: "bob" })];
    chain.pool.clear();
    chain.nonces.set(gone.from, 1).set(late.from, 1);
    const { receipts } = chain;
    let reads = 0;
    chain.receipts = async (hashes) => {
      // The block with the second one is made after the first read.
      if (++reads === 2)
        chain.mined.set(late.id, { succeeded: true, logs: [], block: { number: 11, hash: h("main/11") } });
      return receipts.call(chain, hashes);
    };
    await watcher.follow(chain.headNow());
    expect(store.state(gone.id)).to.equal("replaced");
    await watcher.follow(chain.headNow());
    expect([store.state(late.id), over]).to.deep.equal(["landed", [gone]]);
  });

  it("takes to planning again what the node dropped, and what lost its results", async () => {
    const [dropped, expiring, kept] = [await out(), await out({ from: "bob" }), await out({ from: "carol" })];
    const plan = { rounds: 1, simulations: 1, charged: 1, speculative: 0, gasUsed: 1n };
    chain.pool.delete(dropped.id);
    expiring.plan = { ...plan, needed: [filled("a", { expiresAt: 1_000 }), filled("b")] };
    // While the hub takes the old result for usable it keeps no other: to go round earlier would bring nothing.
    kept.plan = { ...plan, needed: [filled("a", { expiresAt: 1_001 })] };
    await watcher.follow(chain.headNow());
    expect(again).to.deep.equal([
      [dropped, "dropped"],
      [expiring, "expired"],
    ]);
  });

  it("lets one that can not be looked at keep nobody else from it, and looks at it again", async () => {
    // Found: one failed write ended the round, every round, for everybody after it; and the entry itself never left `released`.
    const [bad, good] = [await out(), await out({ from: "bob" })];
    store.fails = (_what, id) => {
      if (id === bad.id) throw new Error("locked");
    };
    await watcher.follow(chain.mine());
    expect([store.state(bad.id), store.state(good.id), errors.length]).to.deep.equal(["released", "landed", 1]);
    store.fails = () => undefined;
    for (let i = 0; i < 3; i++) await watcher.follow(chain.mine());
    expect([store.state(bad.id), store.state(good.id)]).to.deep.equal(["final", "final"]);
  });

  it("fails on a read that failed, and takes it for no absence", async () => {
    const entry = await out();
    chain.down = true;
    expect(
      await watcher.follow(chain.headNow()).then(
        () => "ok",
        () => "failed",
      ),
    ).to.equal("failed");
    expect([store.state(entry.id), again.length, watcher.size]).to.deep.equal(["released", 0, 1]);
  });

  it("follows blocks one after the other", async () => {
    const entry = await out();
    const slow = gate();
    store.fails = () => slow.promise;
    const all = [watcher.follow(chain.mine()), watcher.follow(chain.mine()), watcher.follow(chain.mine())];
    await settled();
    slow.open();
    await Promise.all(all);
    const timeline = (await store.pipeItem(entry.id))?.timeline.map(({ step }) => step);
    expect([timeline, store.state(entry.id)]).to.deep.equal([["landed"], "final"]);
  });

  it("watches what is in no store, and ends with it", async () => {
    const entry = await out({}, false);
    for (let i = 0; i < 3; i++) await watcher.follow(chain.mine());
    expect([over, store.items.size]).to.deep.equal([[entry], 0]);
  });

  it("finds an intent's transaction under the hash that its fees were raised to", async () => {
    const entry = await intent();
    publisher.stored.set(intentLabel(entry.id), h("relay/new"));
    chain.pool.clear();
    await watcher.follow(chain.mine([h("relay/new")]));
    expect(await store.pipeItem(entry.id)).to.include({ state: "landed", transactionHash: h("relay/new") });
  });

  it("ends an intent whose transaction lost its nonce to another of the relayer's key: it may be handed in again", async () => {
    // Found: it stayed released for ever.
    const entry = await intent();
    publisher.stored.set(intentLabel(entry.id), h("relay/old"));
    chain.pool.clear();
    await watcher.follow(chain.mine([]));
    expect(store.state(entry.id), "the nonce stream sends it again").to.equal("released");
    publisher.stored.delete(intentLabel(entry.id));
    await watcher.follow(chain.mine([]));
    expect([store.state(entry.id), over]).to.deep.equal(["replaced", [entry]]);
    await store.addPipeItem({ ...itemOf(entry), state: "held" });
  });
});
