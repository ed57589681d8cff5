import { expect } from "chai";
import { isAssayError } from "../../../executor/domain/errors";
import { address } from "../../../executor/domain/ids";
import { Gate } from "../../../executor/pipe/gate";
import type { Intents } from "../../../executor/pipe/intents";
import { type EngineWorld, engineWorld } from "./engineWorld";
import { dataOf, HUB, TARGET } from "./fakes";

const GAS_CAP = 2_500_000n;
const FROM = address(`0x${"12".repeat(20)}`);

describe("gate", () => {
  let world: EngineWorld;
  const gate = (apiKeys?: ReadonlyMap<string, string>) =>
    new Gate({
      engine: world.engine,
      intents: {} as Intents,
      hub: HUB,
      terms: { feeWei: 0n, allowLoss: true },
      gasCap: GAS_CAP,
      apiKeys,
    });
  const caller = { apiKey: undefined, remote: "127.0.0.1" };
  const call = (name: string) => ({ from: FROM, to: TARGET, value: 0n, data: dataOf(name), gas: undefined });

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

    it("no more than the engine would simulate", async () => {
      world.chain.plain = () => ({ ok: false, revert: undefined });
      const estimated = (await gate().estimateGas(call("asks"), caller)) ?? 0n;
      expect(Number(estimated - GAS_CAP)).to.be.within(21_000, 22_000);
    });

    it("leaves to the node what asks nothing, and what fails for reasons of its own", async () => {
      expect(await gate().estimateGas(call("plain"), caller)).to.equal(undefined);
      expect(await gate().estimateGas(call("fails"), caller)).to.equal(undefined);
    });

    it("says why where an inference is refused, and asks for a key where one is needed", async () => {
      const codeOf = (work: Promise<unknown>) =>
        work.then(
          () => "answered",
          (error: unknown) => (isAssayError(error) ? error.code : String(error)),
        );
      world.runner.outcome = () => ({ ok: false, kind: "refused", reason: "bad input" });
      expect(await codeOf(gate().estimateGas(call("asks"), caller))).to.equal("PIPE_INFERENCE_REFUSED");
      const keyed = gate(new Map([["a-key-of-sixteen", "alice"]]));
      expect(await codeOf(keyed.estimateGas(call("asks"), caller))).to.equal("PIPE_KEY_UNKNOWN");
    });
  });
});
