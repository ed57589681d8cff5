import { expect } from "chai";
import { AssayError } from "../../../executor/domain/errors";
import { pipeError } from "../../../executor/pipe/errors";
import { publishGasOf } from "../../../executor/pipe/fees";
import { filled, settled } from "./fakes";
import { addressOf, keysOf, type ReleaserWorld, releaserWorld } from "./releaserWorld";

const GWEI = 10n ** 9n;

describe("releaser", () => {
  let chain: ReleaserWorld["chain"];
  let publisher: ReleaserWorld["publisher"];
  let store: ReleaserWorld["store"];
  let grants: ReleaserWorld["grants"];
  let refused: ReleaserWorld["refused"];
  let sent: ReleaserWorld["sent"];
  let releaser: ReleaserWorld["releaser"];
  let ready: ReleaserWorld["ready"];
  let release: ReleaserWorld["release"];
  beforeEach(() => {
    ({ chain, publisher, store, grants, refused, sent, releaser, ready, release } = releaserWorld());
  });

  it("publishes once for all that are ready together, each result once, and sends them behind it in their order", async () => {
    const all = [
      await ready({ nonce: 0 }, ["a", "b"]),
      await ready({ nonce: 1 }, ["b"]),
      await ready({ from: "bob" }, ["c"]),
    ];
    await release(releaser(), ...all);
    expect(publisher.releases).to.have.length(1);
    expect(publisher.releases[0]).to.deep.include({
      results: keysOf("a", "b", "c"),
      followers: all.map(({ id }) => id),
    });
    for (const entry of all) {
      expect(await store.pipeItem(entry.id)).to.include({
        state: "released",
        publishHash: publisher.releases[0]?.hash,
      });
      expect([entry.phase, entry.state]).to.deep.equal(["sent", "released"]);
    }
    expect(sent).to.deep.equal(all);
  });

  it("publishes nothing where nothing is needed", async () => {
    await release(releaser(), await ready({}, []));
    expect(publisher.releases).to.deep.equal([
      { results: [], sponsors: [], followers: [sent[0]?.id], hash: undefined },
    ]);
  });

  it("does not bring again what is on its way with higher fees; what would be before it is brought", async () => {
    const made = releaser();
    await release(made, await ready({ tip: 5n * GWEI, maxFee: 50n * GWEI }, ["a"]));
    await release(made, await ready({ from: "bob", tip: 5n * GWEI, maxFee: 50n * GWEI }, ["a"]));
    await release(made, await ready({ from: "carol", tip: 6n * GWEI, maxFee: 50n * GWEI }, ["a"]));
    await release(made, await ready({ from: "dave", tip: 6n * GWEI, maxFee: 51n * GWEI }, ["a"]));
    expect(publisher.releases.map(({ results }) => results.length)).to.deep.equal([1, 0, 1, 1]);
  });

  it("counts on a publication until the chain has it, or the node lost it", async () => {
    const made = releaser();
    await release(made, await ready({}, ["a"]));
    await made.settle();
    await release(made, await ready({ from: "bob" }, ["a"]));
    chain.mine([publisher.releases[0]?.hash as never]);
    await made.settle();
    await release(made, await ready({ from: "carol" }, ["a"]));
    expect(publisher.releases.map(({ results }) => results.length)).to.deep.equal([1, 0, 1]);
    // Found: a publication whose fees were raised has another hash; the old one was waited for for ever, and nobody got the result any more.
    chain.pool.delete(publisher.releases[2]?.hash as never);
    await made.settle();
    await release(made, await ready({ from: "dave" }, ["a"]));
    expect(publisher.releases.at(-1)?.results).to.deep.equal(keysOf("a"));
  });

  it("does not count on a publication that the node did not take", async () => {
    const made = releaser();
    publisher.between = () => {
      throw pipeError("PIPE_PUBLICATION_REVERTS", {}, { retry: "later" });
    };
    const first = await ready({}, ["a"]);
    await release(made, first);
    expect(refused).to.deep.equal([[first, "PIPE_PUBLICATION_REVERTS"]]);
    publisher.between = () => undefined;
    await release(made, await ready({ from: "bob" }, ["a"]));
    expect(publisher.releases[1]?.results).to.deep.equal(keysOf("a"));
  });

  it("makes those pay alone whose fee would make the operator pay for everybody's results", async () => {
    const gas = publishGasOf([filled("a")]);
    const feeWei = gas * 3n * GWEI;
    const cheap = [await ready({}, ["a"], feeWei), await ready({ from: "bob" }, ["b"], feeWei)];
    const dear = await ready({ from: "carol", tip: 1_000n * GWEI, maxFee: 1_001n * GWEI }, ["c"], feeWei);
    for (const name of ["alice", "bob", "carol"]) grants.set(addressOf(name), feeWei);
    await release(releaser({ feeWei, allowLoss: false }), ...cheap, dear);
    expect(publisher.releases.map(({ followers }) => followers)).to.deep.equal([cheap.map(({ id }) => id)]);
    expect(refused).to.deep.equal([[dear, "PIPE_FEE_BELOW_GAS"]]);
  });

  it("lets no more be drawn from a grant than it has, several publications counted", async () => {
    const made = releaser({ feeWei: 10n });
    grants.set(addressOf("alice"), 25n);
    const [one, two, three] = [
      await ready({ nonce: 0 }, ["a"], 10n),
      await ready({ nonce: 1 }, ["b"], 10n),
      await ready({ nonce: 2 }, ["c"], 10n),
    ];
    await release(made, one);
    await release(made, two, three);
    expect(refused).to.deep.equal([[three, "PIPE_GRANT_TOO_LOW"]]);
    expect(publisher.releases.map(({ sponsors }) => sponsors)).to.deep.equal([[one.from], [two.from]]);
  });

  it("does not count twice what was mined a moment ago", async () => {
    const made = releaser({ feeWei: 10n });
    grants.set(addressOf("alice"), 20n);
    await release(made, await ready({ nonce: 0 }, ["a"], 10n));
    chain.mine();
    grants.set(addressOf("alice"), 10n);
    await release(made, await ready({ nonce: 1 }, ["b"], 10n));
    expect(refused).to.deep.equal([]);
  });

  it("charges the one for whom it is brought, not another who has it coming", async () => {
    // Found: the first that asked for it was charged, though its own was on the way.
    const made = releaser({ feeWei: 10n });
    grants.set(addressOf("alice"), 10n);
    grants.set(addressOf("bob"), 10n);
    grants.set(addressOf("carol"), 10n);
    await release(made, await ready({ from: "carol" }, ["a"], 10n));
    const before = await ready({ from: "alice" }, ["a"], 10n);
    const dearer = await ready({ from: "bob", tip: 2n * GWEI, maxFee: 20n * GWEI }, ["a"], 10n);
    await release(made, before, dearer);
    expect(publisher.releases[1]).to.deep.include({ results: keysOf("a"), sponsors: [dearer.from] });
  });

  it("refuses the one whose grant is too low, and none of the others", async () => {
    grants.set(addressOf("bob"), 10n);
    const poor = await ready({}, ["a"], 10n);
    const other = await ready({ from: "bob" }, ["a"], 10n);
    await release(releaser({ feeWei: 10n }), poor, other);
    expect(refused).to.deep.equal([[poor, "PIPE_GRANT_TOO_LOW"]]);
    expect(publisher.releases[0]).to.deep.include({ sponsors: [other.from], followers: [other.id] });
  });

  for (const code of ["PIPE_PUBLICATION_REVERTS", "POSTING_FEE_CAP"]) {
    it(`tries each alone when all together fail by ${code}`, async () => {
      // Found: one transaction, with fees above the operator's cap for instance, had all that were ready with it refused.
      const all = [await ready({}, ["a"]), await ready({ from: "bob" }, ["b"]), await ready({ from: "carol" }, ["c"])];
      publisher.before = ({ followers }) => {
        if (followers.some(({ from }) => from === addressOf("bob")))
          throw new AssayError({ code, message: "", retry: "later" });
      };
      await release(releaser(), ...all);
      expect(refused).to.deep.equal([[all[1], code]]);
      expect(sent).to.deep.equal([all[0], all[2]]);
      expect(store.state(all[1]?.id as never)).to.equal("held");
    });
  }

  it("does not try each alone when the node is away: it would only take longer", async () => {
    let tries = 0;
    publisher.before = () => {
      tries++;
      throw new AssayError({ code: "RPC_UNREACHABLE", message: "", retry: "unknown" });
    };
    await release(releaser(), await ready({}, ["a"]), await ready({ from: "bob" }, ["b"]));
    expect([tries, refused.length]).to.deep.equal([1, 2]);
  });

  it("does not send what is lost while grants are asked, and finds again who pays for what it shared", async () => {
    const [gone, other] = [await ready({}, ["a"], 10n), await ready({ from: "bob" }, ["a", "b"], 10n)];
    grants.set(addressOf("alice"), 10n);
    const made = releaser({ feeWei: 10n });
    let asked = 0;
    grants.get = (sponsor) => {
      asked++;
      if (sponsor === addressOf("bob") && asked === 2) gone.phase = "over";
      return 20n;
    };
    await release(made, gone, other);
    expect(publisher.releases[0]).to.deep.include({ followers: [other.id], sponsors: [other.from, other.from] });
  });

  it("leaves nothing behind that comes while the last release ends", async () => {
    for (let turns = 0; turns < 12; turns++) {
      const made = releaser();
      const [first, late] = [await ready({ nonce: 2 * turns }, []), await ready({ nonce: 2 * turns + 1 }, [])];
      publisher.between = () => {
        publisher.between = () => undefined;
        void (async () => {
          for (let i = 0; i < turns; i++) await Promise.resolve();
          made.add(late);
        })();
      };
      made.add(first);
      await settled();
      await made.drain();
      expect(late.phase, `after ${turns} turns`).to.equal("sent");
    }
  });

  it("sends again what was released before without moving it in the store", async () => {
    const entry = await ready({}, ["a"]);
    entry.state = "released";
    await store.movePipeItems([{ id: entry.id, from: ["held"], to: "released" }]);
    await release(releaser(), entry);
    expect((await store.pipeItem(entry.id))?.timeline.map(({ step }) => step)).to.deep.equal(["released"]);
    expect(sent).to.deep.equal([entry]);
  });

  it("refuses those of a publication that could not be written down, and does not count on it", async () => {
    const made = releaser();
    store.fails = (what) => {
      if (what === "move") throw new Error("disk full");
    };
    const entry = await ready({}, ["a"]);
    await release(made, entry);
    expect(refused.map(([one]) => one)).to.deep.equal([entry]);
    expect(chain.broadcasts).to.deep.equal([]);
    store.fails = () => undefined;
    await release(made, await ready({ from: "bob" }, ["a"]));
    expect(publisher.releases.at(-1)?.results).to.deep.equal(keysOf("a"));
  });
});
