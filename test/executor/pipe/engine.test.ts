import { expect } from "chai";
import { AssayError } from "../../../executor/domain/errors";
import type { Hex32, HexBytes } from "../../../executor/domain/ids";
import { hex32 } from "../../../executor/domain/ids";
import type { PipeHead } from "../../../executor/pipe/ports";
import { type EngineWorld, engineWorld } from "./engineWorld";
import {
  answerTo,
  codeOf,
  dataOf,
  gate,
  HUB,
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

describe("engine", () => {
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

  describe("what needs nothing", () => {
    it("is passed on at once, and nothing of it is stored", async () => {
      const raw = await signed();
      expect(await engine.sendRawTransaction(raw)).to.equal(idOf(raw));
      expect([chain.broadcasts, store.items.size, kinds()]).to.deep.equal([[idOf(raw)], 0, ["passed"]]);
    });

    it("is refused with the node's own refusal, unless the node has it", async () => {
      chain.accepts = () => false;
      const raw = await signed();
      expect(await send(raw)).to.equal("PIPE_NODE_REFUSED");
      chain.pool.set(idOf(raw), {} as never);
      expect(await send(raw)).to.equal("taken");
    });

    it("is sent again when the node loses it, and forgotten when it is deep enough", async () => {
      const raw = await signed();
      await send(raw);
      chain.pool.clear();
      await block();
      expect(chain.broadcasts).to.deep.equal([idOf(raw), idOf(raw)]);
      await block();
      await block();
      await block();
      expect([engine.nextNonce(addressOf("alice")), engine.watcher.size]).to.deep.equal([undefined, 0]);
    });

    it("does not take the place of what is held", async () => {
      // Found: transactions that sit in the node's pool for days filled the engine, and nobody else got in.
      await engine.stop();
      engine = build({ maxHeld: 2, maxHeldPerSender: 2 });
      await engine.resume();
      for (let nonce = 0; nonce < 4; nonce++) expect(await send(signed({ nonce }))).to.equal("taken");
      expect(await send(asking({ from: "bob" }))).to.equal("taken");
      expect(engine.watcher.size).to.be.at.most(2);
    });
  });

  describe("what asks", () => {
    it("is held, published for, released behind it, and final after its confirmations", async () => {
      const raw = await asking();
      expect(await send(raw)).to.equal("taken");
      await settled();
      expect(kinds()).to.deep.equal(["held", "released"]);
      expect(publisher.releases.map(({ results, followers }) => [results, followers])).to.deep.equal([
        [[question("a").key], [idOf(raw)]],
      ]);
      await block();
      expect(store.state(idOf(raw))).to.equal("landed");
      await block();
      await block();
      expect(await engine.status(idOf(raw))).to.deep.include({
        state: "final",
        block: chain.mined.get(idOf(raw))?.block,
      });
      expect(engine.watcher.size).to.equal(0);
    });

    it("is refused for its own reasons, and nothing of it is kept", async () => {
      expect(await send(asking({ data: dataOf("fails") }))).to.equal("PIPE_TRANSACTION_REVERTS");
      expect([store.items.size, engine.nextNonce(addressOf("alice")), kinds()]).to.deep.equal([
        0,
        undefined,
        ["returned"],
      ]);
    });

    it("is refused where no enclave answers", async () => {
      runner.outcome = () => ({ ok: false, kind: "refused", reason: "r" });
      expect(await send(asking())).to.equal("PIPE_INFERENCE_REFUSED");
    });

    it("is refused where one publication can not carry what it needs", async () => {
      runner.outcome = (inference) => ({ ok: true, answer: answerTo(inference, { output: new Uint8Array(32 * 600) }) });
      expect(await send(asking())).to.equal("PIPE_BOUND_REACHED");
      expect(publisher.releases).to.deep.equal([]);
    });

    it("gives whoever sends the same bytes meanwhile the same answer", async () => {
      // Found: the second was told that it was taken, and then the first was refused.
      const held = gate();
      chain.slow = held.promise;
      const raw = await asking({ data: dataOf("fails") });
      const both = [send(raw), send(raw)];
      await settled();
      both.push(send(raw));
      await settled();
      held.open();
      expect(await Promise.all(both)).to.deep.equal(Array(3).fill("PIPE_TRANSACTION_REVERTS"));
    });

    it("is released once, however often it is sent", async () => {
      const raw = await asking();
      expect(await Promise.all([send(raw), send(raw), send(raw)])).to.deep.equal(Array(3).fill("taken"));
      await settled();
      expect(await send(raw)).to.equal("taken");
      await settled();
      expect(chain.broadcasts).to.deep.equal([idOf(raw)]);
    });

    it("takes no more at once than there is room for", async () => {
      // Found: whoever came while accounts were read was not counted.
      await engine.stop();
      engine = build({ maxHeld: 3, maxHeldPerSender: 2 });
      await engine.resume();
      hanging();
      const sent = ["alice", "bob", "carol", "dave"].map(async (from) =>
        engine.sendRawTransaction(await asking({ from })),
      );
      const all = Promise.allSettled(sent);
      await settled();
      await settled();
      stop.abort();
      await engine.stop();
      expect((await all).map((one) => (one.status === "rejected" ? codeOf(one.reason) : "taken")).sort()).to.deep.equal(
        ["PIPE_OVERLOADED", "PIPE_STOPPED", "PIPE_STOPPED", "PIPE_STOPPED"],
      );
    });

    it("limits each sender", async () => {
      await engine.stop();
      engine = build({ maxHeldPerSender: 1 });
      await engine.resume();
      expect(await send(asking())).to.equal("taken");
      expect(await send(asking({ nonce: 1 }))).to.equal("PIPE_ACCOUNT_LIMIT");
    });
  });

  describe("order", () => {
    it("keeps one sender's transactions in a row, in whatever order they come", async () => {
      const raws = await Promise.all([2, 0, 1].map((nonce) => asking({ nonce })));
      const sent = raws.map((raw) => send(raw));
      await Promise.all(sent);
      await settled();
      expect(chain.broadcasts).to.deep.equal([raws[1], raws[2], raws[0]].map((raw) => idOf(raw as HexBytes)));
      expect(chain.simulations.at(-1)?.before, "simulated behind the others").to.equal(2);
    });

    it("holds back what needs nothing behind what does", async () => {
      const held = hanging();
      const first = send(asking());
      await settled();
      const second = send(signed({ nonce: 1 }));
      await settled();
      expect(chain.broadcasts).to.deep.equal([]);
      held.open();
      expect(await Promise.all([first, second])).to.deep.equal(["taken", "taken"]);
      await settled();
      expect(chain.broadcasts).to.deep.equal([idOf(await asking()), idOf(await signed({ nonce: 1 }))]);
    });

    it("sends nothing behind one that could not be released", async () => {
      const open = gate();
      publisher.before = async () => {
        await open.promise;
        publisher.before = () => undefined;
        throw new AssayError({ code: "PIPE_FEE_BELOW_GAS", message: "", retry: "never" });
      };
      const [first, second] = [await asking(), await asking({ nonce: 1, data: dataOf("other") })];
      await send(first);
      await settled();
      await send(second);
      await settled();
      open.open();
      await settled();
      expect(store.state(idOf(first))).to.equal("returned");
      expect([chain.broadcasts, store.state(idOf(second))]).to.deep.equal([[], "held"]);
      clock.nowMs += 60_000;
      await block();
      expect(await engine.status(idOf(second))).to.include({ state: "returned", reason: "PIPE_NONCE_GAP" });
    });

    it("does not leave out one that comes while its sender's last work ends", async () => {
      for (let turns = 0; turns < 30; turns += 3) {
        const from = `sender/${turns}`;
        const [first, late] = [await signed({ from }), await signed({ from, nonce: 1 })];
        await engine.sendRawTransaction(first);
        for (let i = 0; i < turns; i++) await Promise.resolve();
        await engine.sendRawTransaction(late);
        expect(chain.pool.has(idOf(late)), `after ${turns} turns`).to.equal(true);
      }
    });
  });

  describe("replacement", () => {
    const dearer = { tip: 2n * GWEI, maxFee: 20n * GWEI };

    it("drops what is still planned, and tells its sender", async () => {
      const held = hanging();
      const old = send(asking());
      await settled();
      const raw = await asking(dearer);
      const next = send(raw);
      expect(await old).to.equal("PIPE_REPLACEMENT_UNDERPRICED");
      held.open();
      expect(await next).to.equal("taken");
      await settled();
      expect(chain.broadcasts).to.deep.equal([idOf(raw)]);
    });

    it("does not send one that was ready", async () => {
      // Found: it was sent all the same, after its sender had been told that it was replaced.
      const open = gate();
      publisher.before = () => open.promise;
      await send(asking({ from: "bob" }));
      await settled();
      const old = await asking();
      await send(old);
      await settled();
      const raw = await asking(dearer);
      const next = send(raw);
      await settled();
      open.open();
      await next;
      await settled();
      expect(chain.broadcasts).to.not.include(idOf(old));
      expect([store.state(idOf(old)), store.state(idOf(raw))]).to.deep.equal(["replaced", "released"]);
    });

    it("watches both where the old one is out, until the chain has one of them", async () => {
      // Found: the old one, which the node dropped for the new one, was never looked at again and stayed `released` for ever.
      const [old, raw] = [await asking(), await asking(dearer)];
      await send(old);
      await settled();
      await send(raw);
      await settled();
      expect([...chain.pool.keys()])
        .to.include(idOf(raw))
        .and.not.include(idOf(old));
      await block(chain.mine([]));
      await block();
      expect([store.state(idOf(old)), store.state(idOf(raw))]).to.deep.equal(["replaced", "landed"]);
    });

    it("lets two replacements at once not both in", async () => {
      hanging();
      const old = send(asking());
      await settled();
      store.fails = () => settled();
      const raw = await asking(dearer);
      const twins = [send(raw), send(raw)];
      await settled();
      await settled();
      expect(await old).to.equal("PIPE_REPLACEMENT_UNDERPRICED");
      stop.abort();
      await engine.stop();
      expect(await Promise.all(twins)).to.deep.equal(["PIPE_STOPPED", "PIPE_STOPPED"]);
    });
  });

  it("plans a call nobody signed on its account's limits", async () => {
    const step = { from: addressOf("alice"), to: HUB, value: 0n, data: dataOf("asks"), gas: 100_000n };
    const plan = await engine.planCall(step, "key:x");
    expect([plan.needed.length, runner.asked[0]?.asker]).to.deep.equal([1, "key:x"]);
    expect(engine.heldTransaction(hex32(question("a").key) as Hex32)).to.equal(undefined);
  });
});
