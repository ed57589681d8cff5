import { expect } from "chai";
import { isAssayError } from "../../../executor/domain/errors";
import { address } from "../../../executor/domain/ids";
import { Gate } from "../../../executor/pipe/gate";
import type { Intents } from "../../../executor/pipe/intents";
import { type EngineWorld, engineWorld } from "./engineWorld";
import { dataOf, HUB, question, TARGET } from "./fakes";

const GAS_CAP = 2_500_000n;
const FROM = address(`0x${"12".repeat(20)}`);

describe("gate", () => {
  let world: EngineWorld;
  const gate = (apiKeys?: ReadonlyMap<string, string>) =>
    new Gate({
      engine: world.engine,
      intents: {} as Intents,
      hub: HUB,
      terms: { feeWei: 0n, priorityFeeWei: 0n, allowLoss: true },
      gasCap: GAS_CAP,
      apiKeys,
    });
  const caller = { apiKey: undefined, remote: "127.0.0.1" };
  const call = (name: string) => ({ from: FROM, to: TARGET, value: 0n, data: dataOf(name), gas: undefined });

  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "answered",
      (error: unknown) => (isAssayError(error) ? error.code : String(error)),
    );

  beforeEach(async () => {
    world = await engineWorld();
  });
  afterEach(async () => {
    world.stop.abort();
    await world.engine.stop();
  });

  describe("estimates gas", () => {
    it("as much as the call takes with its results there, looked at as the chain will", async () => {
      const tried: bigint[] = [];
      world.chain.plain = (asked) => {
        tried.push((asked as unknown as { gas: bigint }).gas);
        return tried.length < 3 ? { ok: false, revert: undefined } : { ok: true, data: "0x" };
      };
      const estimated = await gate().estimateGas(call("asks"), caller);
      expect(tried.length).to.equal(3);
      expect(estimated).to.equal(tried[2]);
      expect(Number(tried[0])).to.be.greaterThan(21_100);
      expect(world.runner.asked.length, "the answer is there when the transaction comes").to.equal(1);
    });

    it("no more than the engine would simulate, or the caller allows, and never what was seen to fail", async () => {
      const tried: bigint[] = [];
      world.chain.plain = (asked) => {
        tried.push((asked as unknown as { gas: bigint }).gas);
        return { ok: false, revert: undefined };
      };
      expect(await codeOf(gate().estimateGas(call("asks"), caller))).to.equal("PIPE_TRANSACTION_REVERTS");
      expect(Number((tried.at(-1) ?? 0n) - GAS_CAP)).to.be.within(21_000, 22_000);
      expect(tried.length).to.be.lessThan(12);
      tried.length = 0;
      const bounded = { ...call("asks"), gas: 50_000n };
      expect(await codeOf(gate().estimateGas(bounded, caller))).to.equal("PIPE_TRANSACTION_REVERTS");
      expect(tried.at(-1)).to.equal(50_000n);
      expect(await codeOf(gate().estimateGas({ ...bounded, gas: 1n }, caller))).to.equal("PIPE_TRANSACTION_REVERTS");
    });

    it("tells the reason of what asks and then fails, and not that an answer is missing", async () => {
      world.chain.programs.set(dataOf("slips"), () => ({ asks: [question("a")], success: false }));
      expect(await codeOf(gate().estimateGas(call("slips"), caller))).to.equal("PIPE_TRANSACTION_REVERTS");
    });

    it("leaves to the node what asks nothing, and what fails for reasons of its own", async () => {
      expect(await gate().estimateGas(call("plain"), caller)).to.equal(undefined);
      expect(await gate().estimateGas(call("fails"), caller)).to.equal(undefined);
    });

    it("says why where an inference is refused, and leaves to the node whom it does not know", async () => {
      world.runner.outcome = () => ({ ok: false, kind: "refused", reason: "bad input" });
      expect(await codeOf(gate().estimateGas(call("asks"), caller))).to.equal("PIPE_INFERENCE_REFUSED");
      const keyed = gate(new Map([["a-key-of-sixteen", "alice"]]));
      expect(await keyed.estimateGas(call("asks"), caller)).to.equal(undefined);
    });
  });
});
