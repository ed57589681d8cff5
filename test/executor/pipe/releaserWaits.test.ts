import { expect } from "chai";
import { AssayError } from "../../../executor/domain/errors";
import type { Entry } from "../../../executor/pipe/entry";
import { publishGasOf } from "../../../executor/pipe/fees";
import type { Plan } from "../../../executor/pipe/planner";
import { filled, gate, settled } from "./fakes";
import { addressOf, keysOf, type ReleaserWorld, releaserWorld } from "./releaserWorld";

const GWEI = 10n ** 9n;

describe("releaser: what it waits for and looks at again", () => {
  let w: ReleaserWorld;
  let chain: ReleaserWorld["chain"];
  let publisher: ReleaserWorld["publisher"];
  let store: ReleaserWorld["store"];
  let turns: ReleaserWorld["turns"];
  let grants: ReleaserWorld["grants"];
  let refused: ReleaserWorld["refused"];
  let stale: ReleaserWorld["stale"];
  let sent: ReleaserWorld["sent"];
  let releaser: ReleaserWorld["releaser"];
  let ready: ReleaserWorld["ready"];
  let release: ReleaserWorld["release"];
  beforeEach(() => {
    w = releaserWorld();
    ({ chain, publisher, store, turns, grants, refused, stale, sent, releaser, ready, release } = w);
  });

  it("does not send what was replaced or given back while it waited", async () => {
    // Found: a replaced transaction was sent all the same.
    const open = gate();
    w.windowOpen = async () => {
      await open.promise;
      return true;
    };
    const made = releaser();
    const [gone, other] = [await ready({}, ["a"]), await ready({ from: "bob" }, ["b"])];
    made.add(gone);
    made.add(other);
    gone.phase = "over";
    open.open();
    await made.drain();
    expect(publisher.releases[0]).to.deep.include({ followers: [other.id], results: keysOf("b") });
  });

  it("looks at plans again when it had to wait for a block, and waits for no second one", async () => {
    // Found: a block that came between the publication and what it was for had them mined apart.
    let waits = 0;
    w.windowOpen = async () => {
      waits++;
      chain.number++;
      return true;
    };
    const [entry, moved] = [await ready({}, ["a"]), await ready({ from: "bob" }, ["b"])];
    w.holds = async (asked) => {
      asked.plannedAt = chain.number;
      return asked !== moved;
    };
    await release(releaser(), entry, moved);
    expect(publisher.releases.map(({ followers }) => followers)).to.deep.equal([[entry.id]]);
    expect([waits, stale, store.state(entry.id)]).to.deep.equal([2, [moved], "released"]);
  });

  it("puts off all behind one that waits: its sender's next, and plans that the block made old", async () => {
    // Found: a plain transaction left before the one with the nonce below it, and was never mined.
    const low = await ready({ nonce: 0, tip: GWEI }, ["a"], 10n);
    const next = await ready({ nonce: 1, tip: 5n * GWEI }, []);
    const other = await ready({ from: "bob", tip: 9n * GWEI, maxFee: 90n * GWEI }, ["b"], 10n);
    const gas = publishGasOf([filled("a")]);
    grants.set(low.from, 10n ** 30n).set(other.from, 10n ** 30n);
    let waits = 0;
    w.windowOpen = async () => {
      if (++waits > 1) return false;
      chain.number++;
      return true;
    };
    const looked: Entry[] = [];
    w.holds = async (entry) => {
      looked.push(entry);
      entry.plannedAt = chain.number;
      return true;
    };
    // Covers each alone, and not the highest tip for all.
    await release(releaser({ feeWei: gas * 11n * GWEI, allowLoss: false }), low, next, other);
    expect(publisher.releases.flatMap(({ followers }) => followers)).to.deep.equal([low.id, next.id, other.id]);
    expect(looked).to.deep.equal([low, next, other]);
  });

  it("looks once more whether a block is near when the node is free, and sends no results of an old plan", async () => {
    let asked = 0;
    w.isClear = () => ++asked > 1;
    const entry = await ready({}, ["a"]);
    publisher.before = () => {
      publisher.before = () => undefined;
      entry.plan = { ...(entry.plan as Plan), needed: [filled("b")] };
    };
    await release(releaser(), entry);
    expect([asked, publisher.releases.map(({ results }) => results)]).to.deep.equal([3, [keysOf("b")]]);
  });

  it("lets others use the node while it waits for a block", async () => {
    const open = gate();
    w.windowOpen = async () => {
      await open.promise;
      return false;
    };
    const released = release(releaser(), await ready({}, ["a"]));
    await settled();
    expect(await turns.simulate(async () => "simulated")).to.equal("simulated");
    expect(publisher.releases).to.deep.equal([]);
    open.open();
    await released;
    expect(publisher.releases.length).to.equal(1);
  });

  it("demands a fee that covers its own least tip, and a base fee that rises", async () => {
    // Found: a transaction with a tip of zero had results published at twenty times what their fee covered.
    const gas = publishGasOf([filled("a")]);
    const needed = gas * ((chain.baseFeePerGas * 9n) / 8n + 2n * GWEI);
    const options = { priorityFeeWei: 2n * GWEI, allowLoss: false };
    for (const [name, feeWei] of [
      ["alice", needed - 1n],
      ["bob", needed],
    ] as const) {
      const entry = await ready({ from: name, tip: 0n }, [name], feeWei);
      grants.set(entry.from, needed);
      await release(releaser({ ...options, feeWei }), entry);
    }
    expect([refused.map(([{ from }, code]) => [from, code]), sent.map(({ from }) => from)]).to.deep.equal([
      [[addressOf("alice"), "PIPE_FEE_BELOW_GAS"]],
      [addressOf("bob")],
    ]);
  });

  it("has the node for itself from the wait for a block until everything is sent", async () => {
    const inWork = gate();
    const order: string[] = [];
    const first = turns.simulate(async () => {
      await inWork.promise;
      order.push("simulated");
    });
    publisher.between = () => {
      void turns.simulate(async () => void order.push("next"));
      order.push("sending");
    };
    const released = release(releaser(), await ready({}, ["a"])).then(() => order.push("released"));
    inWork.open();
    await Promise.all([first, released]);
    (await turns.alone())();
    expect(order.slice(0, 2)).to.deep.equal(["simulated", "sending"]);
    expect(order.indexOf("next")).to.be.greaterThan(1);
  });

  it("gives the node back when a release fails, and to each that is tried alone", async () => {
    let isFirst = true;
    publisher.between = () => {
      throw new AssayError({ code: "RPC_TIMEOUT", message: "", retry: "unknown" });
    };
    publisher.before = () => {
      if (isFirst) {
        isFirst = false;
        throw new AssayError({ code: "PIPE_PUBLICATION_REVERTS", message: "", retry: "later" });
      }
    };
    await release(releaser(), await ready({}, ["a"]), await ready({ from: "bob" }, ["b"]));
    expect(publisher.releases).to.have.length(2);
    expect(await turns.simulate(async () => "free")).to.equal("free");
  });

  it("looks once more at what was planned on an older block, and takes back what does not hold", async () => {
    const [kept, moved, fresh] = [
      await ready({}, ["a"]),
      await ready({ from: "bob" }, ["b"]),
      await ready({ from: "carol" }, ["c"]),
    ];
    const asked: Entry[] = [];
    kept.plannedAt = moved.plannedAt = chain.number - 1;
    w.holds = async (entry) => {
      asked.push(entry);
      return entry !== moved;
    };
    await release(releaser(), kept, moved, fresh);
    expect(asked).to.deep.equal([kept, moved]);
    expect(stale).to.deep.equal([moved]);
    expect(sent).to.deep.equal([kept, fresh]);
  });

  it("refuses only the one that could not be looked at", async () => {
    const [bad, good] = [await ready({}, ["a"]), await ready({ from: "bob" }, ["b"])];
    bad.plannedAt = good.plannedAt = 0;
    w.holds = async (entry) => {
      if (entry === bad) throw new AssayError({ code: "RPC_TIMEOUT", message: "", retry: "later" });
      return true;
    };
    await release(releaser(), bad, good);
    expect(refused).to.deep.equal([[bad, "RPC_TIMEOUT"]]);
    expect(sent).to.deep.equal([good]);
  });
});
