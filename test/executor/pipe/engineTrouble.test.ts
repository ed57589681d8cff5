import { expect } from "chai";
import { AssayError } from "../../../executor/domain/errors";
import type { HexBytes } from "../../../executor/domain/ids";
import type { PipeItem } from "../../../executor/domain/pipe";
import type { PipeHead } from "../../../executor/pipe/ports";
import { type EngineWorld, engineWorld } from "./engineWorld";
import {
  answerTo,
  dataOf,
  gate,
  h,
  idOf,
  question,
  refusalOf,
  settled,
  signed,
  type TxFields,
  walletOf,
} from "./fakes";

const GWEI = 10n ** 9n;
const addressOf = (name: string) => walletOf(name).address.toLowerCase() as never;

describe("engine in trouble", () => {
  let chain: EngineWorld["chain"];
  let runner: EngineWorld["runner"];
  let publisher: EngineWorld["publisher"];
  let store: EngineWorld["store"];
  let clock: EngineWorld["clock"];
  let events: EngineWorld["events"];
  let stop: EngineWorld["stop"];
  let build: EngineWorld["build"];
  let engine: EngineWorld["engine"];
  beforeEach(async () => {
    ({ chain, runner, publisher, store, clock, events, stop, build, engine } = await engineWorld());
  });
  afterEach(async () => {
    stop.abort();
    await engine.stop();
  });
  const asking = (fields: TxFields = {}) => signed({ data: dataOf("asks"), ...fields });
  const send = async (raw: HexBytes | Promise<HexBytes>): Promise<string> =>
    refusalOf(engine.sendRawTransaction(await raw));
  const block = async (head: PipeHead = chain.mine()): Promise<void> => {
    await engine.block(head);
    await settled();
  };
  /** A run that does not end before it is told to. */
  const hanging = () => {
    const held = gate();
    runner.outcome = async (inference) => {
      await held.promise;
      return { ok: true, answer: answerTo(inference) };
    };
    return held;
  };
  const kinds = () => events.map(({ kind }) => kind);

  describe("what moves meanwhile", () => {
    it("goes round again when the state moved while an inference ran", async () => {
      const held = hanging();
      const sent = send(asking());
      await settled();
      chain.programs.set(dataOf("asks"), () => ({ asks: [question("a"), question("b")] }));
      await engine.block(chain.mine());
      held.open();
      await sent;
      await settled();
      expect(publisher.releases[0]?.results).to.deep.equal([question("a").key, question("b").key]);
    });

    it("goes round again when a block was made between plan and release", async () => {
      // Found: what waited for the block that was about to be made was released on the plan of the block before.
      const open = gate();
      publisher.before = () => {
        publisher.before = () => undefined;
        return open.promise;
      };
      await send(asking({ from: "bob" }));
      await settled();
      await send(asking());
      await settled();
      chain.programs.set(dataOf("asks"), () => ({ asks: [question("a"), question("b")] }));
      await engine.block(chain.mine([]));
      open.open();
      await settled();
      expect(publisher.releases.at(-1)?.results).to.include(question("b").key);
    });

    it("does not publish for one whose nonce is used already", async () => {
      const held = hanging();
      const sent = send(asking());
      await settled();
      chain.programs.set(dataOf("asks"), () => ({ asks: [question("c")] }));
      chain.nonces.set(addressOf("alice"), 1);
      await engine.block(chain.mine());
      held.open();
      expect(await sent).to.equal("PIPE_NONCE_TOO_LOW");
      expect(publisher.releases).to.deep.equal([]);
    });
  });

  describe("a base fee above what a transaction gives", () => {
    it("holds what needs results until a block would take it, and publishes nothing before", async () => {
      const raw = await asking();
      chain.baseFeePerGas = 12n * GWEI;
      await engine.block(chain.mine());
      const sent = send(raw);
      await settled();
      const simulations = chain.simulations.length;
      expect([publisher.releases.length, runner.asked.length]).to.deep.equal([0, 1]);
      await block();
      expect(chain.simulations.length, "is not planned again for each block").to.equal(simulations);
      // The next block asks an eighth less at most.
      chain.baseFeePerGas = 11n * GWEI;
      await block();
      expect(await sent).to.equal("taken");
      expect(publisher.releases.map(({ followers }) => followers)).to.deep.equal([[idOf(raw)]]);
    });

    it("gives it back at the deadline, and passes on what needs nothing", async () => {
      await engine.stop();
      engine = build({ deadlineMs: 1_000 });
      await engine.resume();
      chain.baseFeePerGas = 12n * GWEI;
      await engine.block(chain.mine());
      const plain = await signed({ from: "bob" });
      expect(await send(plain)).to.equal("taken");
      expect(chain.pool.has(idOf(plain))).to.equal(true);
      const sent = send(asking());
      await settled();
      clock.nowMs += 1_000;
      await block();
      expect(await sent).to.equal("PIPE_MAX_FEE_TOO_LOW");
    });

    it("takes one back that was planned before it rose", async () => {
      const open = gate();
      publisher.before = () => {
        publisher.before = () => undefined;
        return open.promise;
      };
      await send(asking({ from: "bob", maxFee: 30n * GWEI }));
      await settled();
      const raw = await asking();
      await send(raw);
      await settled();
      chain.baseFeePerGas = 12n * GWEI;
      await engine.block(chain.mine([]));
      open.open();
      await settled();
      expect(store.state(idOf(raw))).to.equal("held");
    });
  });

  describe("trouble", () => {
    it("answers with the hash when the plan takes long, and gives back at the deadline, without a block", async () => {
      await engine.stop();
      engine = build({ deadlineMs: 1_700 });
      await engine.resume();
      hanging();
      const [raw, behind] = [await asking(), await asking({ from: "bob", nonce: 3 })];
      expect(await Promise.all([send(raw), send(behind)])).to.deep.equal(["taken", "taken"]);
      expect(store.state(idOf(raw))).to.equal("held");
      clock.nowMs += 1_700;
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect(await engine.status(idOf(raw))).to.include({ state: "returned", reason: "PIPE_DEADLINE" });
      expect(await engine.status(idOf(behind))).to.include({ state: "returned", reason: "PIPE_NONCE_GAP" });
    });

    it("gives back what waits for a nonce that does not come", async () => {
      const raw = await asking({ nonce: 3 });
      expect(await send(raw)).to.equal("taken");
      clock.nowMs += 60_000;
      await block();
      expect(await engine.status(idOf(raw))).to.include({ state: "returned", reason: "PIPE_NONCE_GAP" });
    });

    it("waits for a node that is away, and goes on when it is back", async () => {
      const raw = await asking();
      const open = gate();
      publisher.before = () => open.promise;
      await send(raw);
      await settled();
      chain.down = true;
      open.fail(new AssayError({ code: "RPC_TIMEOUT", message: "", retry: "unknown" }));
      await settled();
      await engine.block({ ...chain.headNow(), number: 11 });
      await settled();
      expect(store.state(idOf(raw))).to.equal("held");
      chain.down = false;
      publisher.before = () => undefined;
      await block();
      await settled();
      expect(store.state(idOf(raw))).to.equal("released");
    });

    it("gives back at the deadline though the node stays away", async () => {
      const held = hanging();
      const sent = send(asking());
      await settled();
      chain.down = true;
      clock.nowMs += 60_000;
      held.open();
      await sent;
      expect(kinds()).to.include("returned");
    });

    it("does not take what the store does not take", async () => {
      store.fails = () => {
        throw new Error("disk full");
      };
      expect(await send(asking())).to.equal("Error: disk full");
      await settled();
      expect([chain.broadcasts, engine.nextNonce(addressOf("alice"))]).to.deep.equal([[], undefined]);
    });

    it("says nothing before it is stored, and keeps nothing that was refused while it was", async () => {
      // Found: the second to store was told that it was stored; and what was refused meanwhile went into the store and was released after a restart.
      const disk = gate();
      store.fails = (what) => (what === "add" ? disk.promise : undefined);
      const old = send(asking());
      await settled();
      expect(kinds()).to.deep.equal([]);
      const next = send(asking({ tip: 2n * GWEI, maxFee: 20n * GWEI }));
      await settled();
      disk.open();
      expect(await old).to.equal("PIPE_REPLACEMENT_UNDERPRICED");
      expect(await next).to.equal("taken");
      await settled();
      expect([...store.items.values()].map(({ state }) => state).sort()).to.deep.equal(["released", "replaced"]);
    });

    it("writes down with a later block what it gave back and could not write", async () => {
      const raw = await asking({ nonce: 3 });
      await send(raw);
      clock.nowMs += 60_000;
      store.fails = (what) => {
        if (what === "move") throw new Error("disk full");
      };
      await block();
      expect(store.state(idOf(raw))).to.equal("held");
      store.fails = () => undefined;
      await block();
      expect(store.state(idOf(raw))).to.equal("returned");
    });

    it("sends again what was stored as released and not taken by the node", async () => {
      // Found: nobody looked at it any more.
      publisher.between = () => {
        throw new AssayError({ code: "PIPE_PUBLICATION_REVERTS", message: "", retry: "later" });
      };
      const raw = await asking();
      await send(raw);
      await settled();
      expect([store.state(idOf(raw)), chain.broadcasts]).to.deep.equal(["released", []]);
      publisher.between = () => undefined;
      await block();
      await settled();
      await block(chain.mine([]));
      expect(chain.broadcasts).to.include(idOf(raw));
    });

    it("follows what was stored as released, whatever went wrong behind that", async () => {
      publisher.between = () => {
        throw new Error("a bug");
      };
      const raw = await asking();
      await send(raw);
      await settled();
      expect([store.state(idOf(raw)), engine.watcher.size]).to.deep.equal(["released", 1]);
    });

    it("sends what the node dropped again after its deadline too: it can not be given back", async () => {
      const raw = await asking();
      await send(raw);
      await settled();
      clock.nowMs += 120_000;
      chain.pool.clear();
      await block(chain.mine([]));
      expect(chain.broadcasts).to.deep.equal([idOf(raw), idOf(raw)]);
      expect(store.state(idOf(raw))).to.equal("released");
      clock.nowMs += 600_000;
      chain.pool.clear();
      await block(chain.mine([]));
      expect(chain.broadcasts.length, "in the end it is only looked for").to.equal(2);
      expect(engine.watcher.size).to.equal(1);
    });
  });

  describe("start and stop", () => {
    it("tells those who wait, and leaves what is held in the store", async () => {
      hanging();
      const held = await asking({ from: "bob", nonce: 2 });
      await send(held);
      const waiting = send(asking());
      await settled();
      stop.abort();
      await engine.stop();
      expect(await waiting).to.equal("PIPE_STOPPED");
      expect(await send(asking({ from: "carol" }))).to.equal("PIPE_STOPPED");
      expect([...store.items.values()].map(({ id, state }) => [id, state])).to.deep.equal([[idOf(held), "held"]]);
    });

    it("goes on with what was held, gives back what is overdue, and follows what was released", async () => {
      const raws = await Promise.all(["alice", "bob", "carol", "dave"].map((from) => asking({ from })));
      const [held, overdue, out, lost] = raws as [HexBytes, HexBytes, HexBytes, HexBytes];
      const add = async (raw: HexBytes, state: "held" | "released", deadlineMs = clock.nowMs + 60_000) => {
        await store.addPipeItem({
          id: idOf(raw),
          kind: "raw",
          sender: addressOf("alice"),
          nonce: "0",
          payload: raw,
          state,
          reason: undefined,
          detail: undefined,
          acceptedMs: clock.nowMs,
          deadlineMs,
          transactionHash: idOf(raw),
          publishHash: undefined,
          block: undefined,
        });
        return idOf(raw);
      };
      // What can not be read keeps nobody else from going on.
      await store.addPipeItem({
        ...((await store.pipeItem(await add(held, "held"))) as PipeItem),
        id: h("x"),
        payload: "0x12",
      });
      await add(overdue, "held", clock.nowMs - 1);
      await add(out, "released");
      await add(lost, "released", clock.nowMs - 1);
      await chain.broadcast([out]);
      chain.broadcasts = [];
      const next = build();
      await next.resume();
      await settled();
      // What was released and is nowhere is sent again at once: on a quiet chain no block would ask for it.
      expect([...chain.broadcasts].sort()).to.deep.equal([idOf(held), idOf(lost)].sort());
      expect(store.state(idOf(overdue))).to.equal("returned");
      await next.block(chain.mine([idOf(out)]));
      await settled();
      expect(store.state(idOf(out))).to.equal("landed");
      expect(chain.broadcasts.length, "and not once more").to.equal(2);
      expect(store.state(idOf(lost))).to.equal("released");
    });
  });
});
