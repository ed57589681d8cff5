import { expect } from "chai";
import { AbiCoder, concat, hexlify, Interface, id } from "ethers";
import { AssayError } from "../../../executor/domain/errors";
import type { HexBytes } from "../../../executor/domain/ids";
import type { Inference } from "../../../executor/domain/inference";
import type { Work } from "../../../executor/pipe/accounts";
import { type Plan, Planner, type PlanRequest } from "../../../executor/pipe/planner";
import { Resolver } from "../../../executor/pipe/resolver";
import { Simulator } from "../../../executor/pipe/simulator";
import { Turns } from "../../../executor/pipe/turns";
import { HUB_ABI } from "../../../executor/protocol/generated/abi";
import {
  answerTo,
  codeOf,
  dataOf,
  FakeChain,
  FakeRunner,
  gate,
  HUB,
  type Program,
  question,
  TARGET,
  walletOf,
} from "./fakes";

const HUB_INTERFACE = new Interface(HUB_ABI);
const required = (q: Inference): HexBytes =>
  HUB_INTERFACE.encodeErrorResult("InferenceRequired", [q.key, q.modelHash, hexlify(q.input), q.terms]) as HexBytes;
const fan = Array.from({ length: 16 }, (_, i) => question(`fan/${i}`));

describe("planner", () => {
  let chain: FakeChain;
  let runner: FakeRunner;
  let planner: Planner;
  let charges: Record<Work, number>;
  let nowMs: number;
  let resolver: Resolver;
  const bounds = { rounds: 8, inferences: 16, simulations: 40 };
  beforeEach(() => {
    chain = new FakeChain();
    runner = new FakeRunner();
    charges = { simulation: 0, inference: 0, speculation: 0 };
    nowMs = 1_000_000;
    const now = (): number => chain.timestamp;
    resolver = new Resolver({ runner, feeWei: 0n, now, signal: new AbortController().signal });
    const simulator = new Simulator({ chain, turns: new Turns(), hub: HUB, gasCap: 100n });
    planner = new Planner({
      simulator,
      resolver,
      runner,
      bounds,
      nowMs: () => nowMs,
      now,
      signal: new AbortController().signal,
    });
  });
  const request = (program: Program, more: Partial<PlanRequest> = {}): PlanRequest => {
    chain.programs.set(dataOf("p"), program);
    const step = {
      from: walletOf("alice").address as `0x${string}` as never,
      to: TARGET,
      value: 0n,
      data: dataOf("p"),
      gas: 90n,
    };
    const charge = (what: Work): void => void charges[what]++;
    return { step, before: [], present: [], deadlineMs: nowMs + 60_000, asker: "alice", charge, ...more };
  };
  const plan = (program: Program, more: Partial<PlanRequest> = {}): Promise<Plan> =>
    planner.plan(request(program, more));
  const refusal = (program: Program, more: Partial<PlanRequest> = {}) =>
    plan(program, more).then(() => "planned", codeOf);
  const keys = (made: Plan) => made.needed.map(({ inference }) => inference.key);
  /** Each one is only asked when all before it are answered. */
  const chained =
    (...all: Inference[]): Program =>
    (answered) => {
      const open = all.findIndex((one) => !answered(one));
      return { asks: open < 0 ? all : all.slice(0, open + 1) };
    };

  it("answers a fan in one round and charges every run of it", async () => {
    const made = await plan(() => ({ asks: fan }));
    expect([made.rounds, made.charged, made.speculative]).to.deep.equal([1, 16, 0]);
    expect(keys(made)).to.deep.equal(fan.map(({ key }) => key));
    // The first one before it is run, the others when the real answer has shown that they are asked.
    expect(charges.inference).to.equal(16);
  });

  it("answers a chain one a round", async () => {
    const made = await plan(chained(...fan.slice(0, 8)));
    expect([made.rounds, made.charged, made.needed.length]).to.deep.equal([8, 8, 8]);
    expect(charges).to.include({ inference: 8, speculation: 0 });
  });

  it("needs nothing for what asks nothing, or what the chain has", async () => {
    const [one] = fan as [Inference];
    expect(await plan(() => ({ asks: [] }))).to.include({ rounds: 0, charged: 0, simulations: 1 });
    chain.present.add(one.key);
    const made = await plan(() => ({ asks: [one] }));
    expect([made.needed.length, runner.asked.length]).to.deep.equal([0, 0]);
  });

  it("does not count what a cached answer gives as a round, nor charge it", async () => {
    const [one] = fan as [Inference];
    await plan(() => ({ asks: [one] }));
    const made = await plan(() => ({ asks: [one] }));
    expect([made.rounds, made.charged, made.needed.length]).to.deep.equal([0, 0, 1]);
    expect(charges.inference).to.equal(1);
  });

  it("charges one of those who wait for the same run", async () => {
    const [one] = fan as [Inference];
    const both = await Promise.all([plan(() => ({ asks: [one] })), plan(() => ({ asks: [one] }))]);
    expect([both[0].charged + both[1].charged, charges.inference, runner.asked.length]).to.deep.equal([1, 1, 1]);
  });

  it("runs what is asked alike with another placeholder only; what is not waits", async () => {
    const [first, alike, other, real] = fan as [Inference, Inference, Inference, Inference];
    let calls = 0;
    const program: Program = (answered) => {
      calls++;
      if (answered(first)) return { asks: [first, alike, real] };
      // The third call sees the other placeholder: zeros, zeros, ones.
      return { asks: [first, alike, calls === 3 ? other : question("zeros")] };
    };
    const made = await plan(program);
    expect(runner.asked.map(({ inference }) => inference.key)).to.deep.equal([first.key, alike.key, real.key]);
    expect([made.charged, made.speculative]).to.deep.equal([3, 0]);
  });

  it("neither charges nor brings what only a placeholder made it ask", async () => {
    const [first, guess] = fan as [Inference, Inference];
    const made = await plan((answered) => ({ asks: answered(first) ? [first] : [first, guess] }));
    expect([made.charged, made.speculative, keys(made).length]).to.deep.equal([1, 1, 1]);
    expect(charges).to.include({ inference: 1, speculation: 1 });
  });

  it("follows no more guesses than there are to follow, and still finds what is right of them", async () => {
    const charge = (what: Work): void => {
      charges[what]++;
      if (what === "speculation") throw new AssayError({ code: "PIPE_ACCOUNT_LIMIT", message: "", retry: "later" });
    };
    const made = await plan(() => ({ asks: fan.slice(0, 3) }), { charge });
    expect([made.rounds, made.charged, made.needed.length]).to.deep.equal([3, 3, 3]);
  });

  it("lets a failed guess pass, and fails with one that the real answers lead to", async () => {
    const [first, guess] = fan as [Inference, Inference];
    runner.outcome = (inference) =>
      inference.key === guess.key
        ? { ok: false, kind: "refused", reason: "r" }
        : { ok: true, answer: answerTo(inference) };
    const made = await plan((answered) => ({ asks: answered(first) ? [first] : [first, guess] }));
    expect(made.needed.length).to.equal(1);
    expect(await refusal(() => ({ asks: [first, guess] }))).to.equal("PIPE_INFERENCE_REFUSED");
    runner.outcome = () => ({ ok: false, kind: "unavailable", reason: "r" });
    expect(await refusal(() => ({ asks: [question("new")] }))).to.equal("PIPE_INFERENCE_UNAVAILABLE");
  });

  it("finds what is asked where nothing can be written down by the revert, one at a time", async () => {
    const [one, two] = fan as [Inference, Inference];
    const made = await plan((answered) => {
      const open = [one, two].find((q) => !answered(q));
      return open === undefined ? { asks: [] } : { asks: [], success: false, returned: required(open), hidden: true };
    });
    expect([made.rounds, keys(made), made.charged]).to.deep.equal([2, [one.key, two.key], 2]);
  });

  it("says so where an inference is asked and hidden", async () => {
    expect(await refusal(() => ({ asks: [], hidden: true }))).to.equal("PIPE_HIDDEN_INFERENCE");
    expect(await refusal(() => ({ asks: [], hidden: true, success: false }))).to.equal("PIPE_HIDDEN_INFERENCE");
  });

  it("ends endless questions at the bound of rounds, and wide ones at the bound of inferences", async () => {
    const endless: Program = (answered) => {
      let i = 0;
      while (answered(question(`endless/${i}`))) i++;
      return { asks: Array.from({ length: i + 1 }, (_, k) => question(`endless/${k}`)) };
    };
    expect(await refusal(endless)).to.equal("PIPE_BOUND_REACHED");
    expect(runner.asked.length).to.equal(8);
    const wide = Array.from({ length: 17 }, (_, i) => question(`wide/${i}`));
    expect(await refusal(() => ({ asks: wide }))).to.equal("PIPE_BOUND_REACHED");
  });

  it("ends at the bound of simulations and after the deadline", async () => {
    let n = 0;
    // With an answer that is there every time, no round is counted.
    expect(
      await refusal(() => ({ asks: [], success: false, returned: required(question(`n/${n++}`)), hidden: true })),
    ).to.equal("PIPE_BOUND_REACHED");
    expect(await refusal(() => ({ asks: [] }), { deadlineMs: nowMs - 1 })).to.equal("PIPE_BOUND_REACHED");
  });

  it("waits for a run that hangs until the deadline, and no longer", async () => {
    const held = gate<never>();
    runner.outcome = () => held.promise;
    expect(await refusal(() => ({ asks: fan.slice(0, 1) }), { deadlineMs: nowMs + 5 })).to.equal("PIPE_DEADLINE");
    held.fail(new Error("late, and nobody's problem"));
  });

  it("gives back why a transaction fails for reasons of its own", async () => {
    chain.plain = () => ({ ok: false, revert: "0x" });
    const returned = concat([
      id("Error(string)").slice(0, 10),
      AbiCoder.defaultAbiCoder().encode(["string"], ["no luck"]),
    ]);
    const error = await plan(() => ({ asks: [], success: false, returned: returned as HexBytes })).catch(
      (e: unknown) => e,
    );
    expect(error).to.be.instanceOf(AssayError);
    expect((error as AssayError).context).to.deep.equal({ data: returned, reason: "no luck", inferences: 0 });
    expect((error as AssayError).code).to.equal("PIPE_TRANSACTION_REVERTS");
  });

  it("believes no failure that only the stand-ins cause", async () => {
    const made = await plan(() => ({ asks: [], success: false }));
    expect(made.needed).to.deep.equal([]);
  });

  it("looks at the limit of gas before it blames the transaction", async () => {
    chain.plain = () => ({ ok: false, revert: undefined });
    const step = { ...request(() => ({ asks: [], success: false })).step, gas: 1_000n };
    expect(await planner.plan({ ...request(() => ({ asks: [], success: false })), step }).catch(codeOf)).to.equal(
      "PIPE_SIMULATION_FAILED",
    );
  });

  it("sees that a plan does not hold any more", async () => {
    const [one, two] = fan as [Inference, Inference];
    const asked = request(() => ({ asks: [one] }));
    const made = await planner.plan(asked);
    expect(await planner.stillHolds(asked, made)).to.equal(true);
    expect(
      await planner.stillHolds(
        request(() => ({ asks: [one, two] })),
        made,
      ),
    ).to.equal(false);
    const fails = request(() => ({ asks: [one], success: false }));
    expect(await planner.stillHolds(fails, made), "only the stand-ins make it fail").to.equal(true);
    chain.plain = () => ({ ok: false, revert: "0x" });
    expect(await planner.stillHolds(fails, made)).to.equal(false);
  });

  it("runs anew what the hub does not take, and gives up the second time", async () => {
    // Found: a cached answer of a key that was closed made everybody who asked the same fail by the bound, for as long as it lived.
    const [one] = fan as [Inference];
    let taken = false;
    await plan(() => ({ asks: [one] }));
    const made = await plan((answered) => {
      taken = answered(one) && runner.asked.length === 2;
      return { asks: taken ? [one] : [], ...(taken ? {} : { success: false, returned: required(one), hidden: true }) };
    });
    expect([runner.asked.length, made.charged]).to.deep.equal([2, 1]);
    expect(await refusal(() => ({ asks: [], success: false, returned: required(one), hidden: true }))).to.equal(
      "PIPE_INFERENCE_UNAVAILABLE",
    );
  });

  it("does not run, and does not simulate, what a limit forbids", async () => {
    const charge = (what: Work): void => {
      if (what === "inference") throw new AssayError({ code: "PIPE_ACCOUNT_LIMIT", message: "", retry: "later" });
    };
    expect(await refusal(() => ({ asks: fan.slice(0, 1) }), { charge })).to.equal("PIPE_ACCOUNT_LIMIT");
    expect(runner.asked).to.deep.equal([]);
  });

  it("works without placeholders, one question a round", async () => {
    runner.hasPlaceholder = false;
    const made = await plan((answered) => {
      const open = fan.slice(0, 3).find((q) => !answered(q));
      return open === undefined
        ? { asks: fan.slice(0, 3) }
        : { asks: [], success: false, returned: required(open), hidden: true };
    });
    expect([made.rounds, made.needed.length]).to.deep.equal([3, 3]);
  });
});
