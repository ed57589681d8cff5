import { expect } from "chai";
import { Chooser } from "../../../executor/app/chooser";
import { ChainClock } from "../../../executor/app/clock";
import type { Choice, DispatchEvent } from "../../../executor/app/dispatcher";
import type { FleetMember } from "../../../executor/app/fleetPorts";
import type { Config } from "../../../executor/config/loadConfig";
import { AssayError } from "../../../executor/domain/errors";
import { address } from "../../../executor/domain/ids";
import type { InferenceRequest, RunTask } from "../../../executor/domain/request";
import type { RefusalOrder } from "../../../executor/enclave/ports";
import { encodeDecision, replayDecision } from "../../../executor/matching/decision";
import { REFUSAL_REASON } from "../../../executor/protocol/statement";
import { answer, block, h, request } from "../jobs/fixtures";

/** Block 1 of the fixtures is at second 1,001; requests are due at 5,000. */
const HEAD = { ...block(1), logsBloom: "0x", baseFeePerGas: 9n };
const PRIORITY_FEE_WEI = 1n;
const FULFILMENT_GAS = 56_000n;
const MIB = 2 ** 20;
const WAIT_MS = 200;

interface Asked {
  readonly tasks: RunTask[];
  readonly refusals: RefusalOrder[];
}

/** A member that writes down what its enclave is asked for. */
function member(n: number, fields: Partial<Omit<FleetMember, "enclave">> = {}): FleetMember & { asked: Asked } {
  const asked: Asked = { tasks: [], refusals: [] };
  const enclave = {
    description: { signer: address(`0x${String(n).repeat(40)}`), imageId: h("image"), runtimeProfile: h("profile") },
    run: async (task: RunTask) => {
      asked.tasks.push(task);
      return { ok: true, answer: answer() };
    },
    signRefusal: async (order: RefusalOrder) => {
      asked.refusals.push(order);
      return { proof: new Uint8Array(64), reason: 1, issuedAt: order.chainNow, expiresAt: order.notAfter };
    },
  };
  return {
    enclave: enclave as never,
    operatorId: 1,
    trust: 1,
    epochEnd: 100_000,
    heartbeatDue: 100_000,
    counter: 0n,
    signed: 0n,
    bornAt: 0,
    seenAt: 0,
    draining: false,
    drainShown: false,
    asked,
    ...fields,
  };
}

function setUp(members: FleetMember[], config: Partial<Config> = {}) {
  const clock = new ChainClock();
  let hostMs = 1_000_000;
  clock.set(HEAD as never);
  const chooser = new Chooser({
    config: {
      postingMarginSeconds: 10,
      minRewardWei: 0n,
      allowLoss: false,
      memoryBudget: 512 * MIB,
      ...config,
    } as Config,
    fleet: {
      active: members,
      get serving() {
        return members.filter(({ draining }) => !draining).length;
      },
    } as never,
    clock,
    runnersPerEnclave: 1,
    priorityFeeWei: PRIORITY_FEE_WEI,
    // Every look at it is 20 ms after the one before: a run that is the only one took as long as it says.
    nowMs: () => (hostMs += 20),
  });
  return { chooser, clock };
}

const ask = (name: string, fields: Parameters<typeof request>[2] = {}) =>
  request(name, block(1), { minTrust: 0, ...fields });
const who = (choice: Choice): string => (choice.ok ? choice.worker.id : choice.reason);
const waits = (choice: Choice): number | undefined => (choice.ok ? -1 : choice.retryAfterMs);
const idOf = (one: FleetMember): string => one.enclave.description.signer;
const ended = (asked: InferenceRequest, workerId: string, fields: Partial<DispatchEvent> = {}): DispatchEvent => ({
  request: asked,
  workerId,
  result: "answered",
  reason: undefined,
  runMs: 20,
  ...fields,
});

describe("chooser: whom it chooses", () => {
  it("waits for the first block and for the first enclave", () => {
    const blind = new Chooser({ clock: new ChainClock(), fleet: { active: [member(1)] } } as never);
    for (const chooser of [blind, setUp([]).chooser]) {
      const choice = chooser.choose(ask("a"), 1);
      expect([who(choice), waits(choice)]).to.deep.equal(["NO_ENCLAVE", WAIT_MS]);
    }
    expect(blind.latest).to.deep.equal([]);
  });

  it("counts the runners of the whole fleet", () => {
    const members = [member(1)];
    const { chooser } = setUp(members);
    expect(chooser.capacity).to.equal(1);
    members.push(member(2));
    expect(chooser.capacity).to.equal(2);
    members.length = 0;
    expect(chooser.capacity).to.equal(0);
  });

  it("gives a key that drains nothing new, and counts its runners no more", () => {
    const { chooser } = setUp([member(1, { draining: true }), member(2)]);
    const chosen = ["a", "b", "c"].map((name) => who(chooser.choose(ask(name), MIB)));
    expect(chosen).to.deep.equal([2, 2, 2].map((n) => idOf(member(n))));
    expect(chooser.capacity).to.equal(1);
  });

  it("waits for the successor where all keys drain, instead of giving the request up", () => {
    const { chooser } = setUp([member(1, { draining: true, epochEnd: 1_000, heartbeatDue: 1_000 })]);
    const choice = chooser.choose(ask("a"), MIB);
    expect([who(choice), waits(choice)]).to.deep.equal(["DRAINING", WAIT_MS]);
  });

  it("does not wait for a successor that could not serve the request either", () => {
    const { chooser } = setUp([member(1, { draining: true })]);
    const choice = chooser.choose(ask("a", { minTrust: 4 }), MIB);
    expect(waits(choice)).to.equal(undefined);
  });

  it("says of a choice who it is, out of how many, and whether the model is loaded there", () => {
    const { chooser } = setUp([member(1), member(2)]);
    const choice = chooser.choose(ask("a"), MIB);
    expect(choice.ok && choice.detail).to.deep.include({ enclave: idOf(member(1)), warm: false, of: 2 });
    expect(choice.ok && choice.detail["expectedMs"])
      .to.be.a("number")
      .that.is.greaterThan(0);
  });

  it("sees the place that the choice before took", () => {
    const { chooser } = setUp([member(1), member(2)]);
    const chosen = ["a", "b"].map((name) => who(chooser.choose(ask(name), MIB)));
    expect(chosen).to.have.members([idOf(member(1)), idOf(member(2))]);
  });

  it("chooses an enclave for a model that nobody has, because somebody must sign the refusal", () => {
    const { chooser } = setUp([member(1)]);
    expect(who(chooser.choose(ask("a"), undefined))).to.equal(idOf(member(1)));
  });

  it("finds an enclave that came after the last choice, and none that left", () => {
    const members = [member(1)];
    const { chooser } = setUp(members);
    const first = ask("a");
    chooser.choose(first, MIB);
    members[0] = member(2);
    expect(who(chooser.choose(ask("b"), MIB))).to.equal(idOf(member(2)));
    // Its run was under way when it left.
    chooser.learn(ended(first, idOf(member(1))));
    members.length = 0;
    expect(who(chooser.choose(ask("c"), MIB))).to.equal("NO_ENCLAVE");
  });
});

describe("chooser: when it waits and when it does not", () => {
  for (const [what, reason, terms, config] of [
    ["more trust than there is", "TRUST_TOO_LOW", { minTrust: 2 }, {}],
    ["another image", "IMAGE_MISMATCH", { imageId: h("other") }, {}],
    ["another profile", "PROFILE_MISMATCH", { profile: h("other") }, {}],
    ["another operator", "OPERATOR_MISMATCH", { assignedOperator: 2 }, {}],
    ["a deadline that is past", "DEADLINE_TOO_CLOSE", { deadline: HEAD.timestamp }, {}],
    ["less than the operator's minimum", "REWARD_TOO_LOW", {}, { minRewardWei: 10n ** 18n + 1n }],
    ["a model larger than all memory", "MEMORY_SHORT", {}, { memoryBudget: 49 * MIB }],
  ] as const) {
    it(`never serves ${what}`, () => {
      const choice = setUp([member(1)], config).chooser.choose(ask("a", terms), MIB);
      expect([who(choice), waits(choice)]).to.deep.equal([reason, undefined]);
    });
  }

  it("keeps the time for posting clear before the deadline", () => {
    const due = HEAD.timestamp + 30;
    const margin = (postingMarginSeconds: number) =>
      who(setUp([member(1)], { postingMarginSeconds }).chooser.choose(ask("a", { deadline: due }), MIB));
    expect(margin(20)).to.equal(idOf(member(1)));
    expect(margin(30)).to.equal("DEADLINE_TOO_CLOSE");
  });

  it("serves what pays its gas at the price of the last block to the wei, and waits for a lower price", () => {
    const cost = (HEAD.baseFeePerGas + PRIORITY_FEE_WEI) * FULFILMENT_GAS;
    const { chooser } = setUp([member(1)]);
    expect(who(chooser.choose(ask("a", { rewardWei: cost }), MIB))).to.equal(idOf(member(1)));
    const poor = chooser.choose(ask("b", { rewardWei: cost - 1n }), MIB);
    expect([who(poor), waits(poor)]).to.deep.equal(["REWARD_TOO_LOW", 30_000]);
    const generous = setUp([member(1)], { allowLoss: true }).chooser;
    expect(who(generous.choose(ask("c", { rewardWei: 0n }), MIB))).to.equal(idOf(member(1)));
  });

  it("takes the price from the newest block", () => {
    const { chooser, clock } = setUp([member(1)]);
    const asked = ask("a", { rewardWei: 10n * FULFILMENT_GAS });
    clock.set({ ...HEAD, ...block(2), baseFeePerGas: 10n } as never);
    expect(who(chooser.choose(asked, MIB))).to.equal("REWARD_TOO_LOW");
    clock.set({ ...HEAD, ...block(3), baseFeePerGas: 9n } as never);
    expect(who(chooser.choose(asked, MIB))).to.equal(idOf(member(1)));
  });

  it("waits for a key to be renewed or to beat, and serves as soon as it was", () => {
    for (const [field, reason] of [
      ["epochEnd", "EPOCH_ENDING"],
      ["heartbeatDue", "HEARTBEAT_DUE"],
    ] as const) {
      const late = member(1, { [field]: HEAD.timestamp + 5 });
      const { chooser } = setUp([late]);
      const choice = chooser.choose(ask("a"), MIB);
      expect([who(choice), waits(choice)]).to.deep.equal([reason, 30_000]);
      late[field] = 100_000;
      expect(who(chooser.choose(ask("b"), MIB))).to.equal(idOf(late));
    }
  });

  it("gives an enclave sixteen requests for each runner, and the next one when one has ended", () => {
    const { chooser } = setUp([member(1)]);
    const asked = Array.from({ length: 16 }, (_, i) => ask(String(i)));
    expect(asked.filter((one) => chooser.choose(one, MIB).ok).length).to.equal(16);
    const full = chooser.choose(ask("more"), MIB);
    expect(who(full)).to.equal("NO_CAPACITY");
    expect(waits(full)).to.be.at.least(WAIT_MS);
    chooser.learn(ended(asked[0] as InferenceRequest, idOf(member(1))));
    expect(who(chooser.choose(ask("more"), MIB))).to.equal(idOf(member(1)));
  });
});

describe("chooser: what it learns", () => {
  it("knows a model as loaded after it was answered there, and goes back to it", () => {
    const { chooser } = setUp([member(1), member(2)]);
    const first = ask("a");
    const choice = chooser.choose(first, 50 * MIB);
    chooser.learn(ended(first, who(choice)));
    const second = chooser.choose(ask("b"), 50 * MIB);
    expect(who(second)).to.equal(who(choice));
    expect(second.ok && second.detail["warm"]).to.equal(true);
  });

  it("leaves an enclave alone for a moment whose run ended with it, and takes the other", () => {
    const members = [member(1), member(2)];
    const { chooser } = setUp(members);
    const first = ask("a");
    const gone = who(chooser.choose(first, MIB));
    chooser.learn(ended(first, gone, { result: "failed", reason: "ENCLAVE_GONE" }));
    const other = who(chooser.choose(ask("b"), MIB));
    expect([gone, other]).to.have.members(members.map(idOf));
    members.splice(
      members.findIndex((one) => idOf(one) === other),
      1,
    );
    const alone = chooser.choose(ask("c"), MIB);
    expect(who(alone)).to.equal("STRUCK");
    expect(waits(alone)).to.be.at.least(WAIT_MS);
  });

  it("takes a place as free whatever the end: answered, refused, failed or with a lost lease", () => {
    for (const end of [
      { result: "answered" },
      { result: "refused" },
      { result: "lease-lost" },
      { result: "failed", reason: "ABORTED" },
    ] as const) {
      const { chooser } = setUp([member(1)]);
      for (let i = 0; i < 20; i += 1) {
        const asked = ask(String(i));
        expect(who(chooser.choose(asked, MIB)), end.result).to.equal(idOf(member(1)));
        chooser.learn(ended(asked, idOf(member(1)), end));
      }
    }
  });

  it("does not take refusals of a model that nobody has for fast runs", () => {
    const expected = (refusals: number): unknown => {
      const { chooser } = setUp([member(1)]);
      const real = ask("real");
      who(chooser.choose(real, MIB));
      chooser.learn(ended(real, idOf(member(1))));
      // Two in flight at a time: the end of one must not change what the other's is taken for.
      for (let i = 0; i < refusals; i += 2) {
        const unknown = [i, i + 1].map((n) => ({ ...ask(`unknown ${n}`), modelHash: h("nobody has it") }));
        for (const one of unknown) chooser.choose(one, undefined);
        for (const one of unknown) chooser.learn(ended(one, idOf(member(1)), { result: "refused", runMs: 1 }));
      }
      const choice = chooser.choose(ask("next"), MIB);
      return choice.ok && choice.detail["expectedMs"];
    };
    expect(expected(30)).to.equal(expected(0));
  });

  it("learns nothing from what was given to nobody, or to an enclave that it does not know", () => {
    const { chooser } = setUp([member(1)]);
    const asked = ask("a");
    chooser.learn({ ...ended(asked, ""), workerId: undefined, result: "unserved", reason: "NO_CAPACITY" });
    chooser.learn(ended(asked, "unknown", { result: "failed", reason: "ENCLAVE_GONE" }));
    expect(who(chooser.choose(asked, MIB))).to.equal(idOf(member(1)));
  });
});

describe("chooser: the decisions it keeps", () => {
  it("keeps refusals too, each with all it was taken from, so that it can be taken again", () => {
    const { chooser } = setUp([member(1), member(2)]);
    chooser.choose(ask("a"), MIB);
    chooser.choose(ask("b", { minTrust: 3 }), MIB);
    expect(chooser.latest.map(({ outcome }) => outcome.ok)).to.deep.equal([true, false]);
    for (const record of chooser.latest) expect(replayDecision(encodeDecision(record)).same).to.equal(true);
  });

  it("keeps the latest 256, newest last", () => {
    const { chooser } = setUp([member(1)]);
    for (let i = 0; i < 260; i += 1) chooser.choose(ask(String(i), { minTrust: 3 }), MIB);
    expect(chooser.latest.length).to.equal(256);
    expect(chooser.latest[0]?.request.requestId).to.equal(h("request/4"));
    expect(chooser.latest.at(-1)?.request.requestId).to.equal(h("request/259"));
  });
});

describe("worker: an enclave as the dispatcher uses it", () => {
  const chosen = (fields: Parameters<typeof member>[1] = {}, terms: Parameters<typeof ask>[1] = {}) => {
    const one = member(1, fields);
    const { chooser, clock } = setUp([one]);
    const asked = ask("a", terms);
    const choice = chooser.choose(asked, 3);
    if (!choice.ok) throw new Error(choice.reason);
    return { one, clock, asked, worker: choice.worker };
  };

  it("gives the enclave the request as it was asked, and the time of the newest block", async () => {
    const { one, clock, asked, worker } = chosen();
    clock.set({ ...HEAD, ...block(9) } as never);
    await worker.run(asked, new Uint8Array(3), new AbortController().signal);
    const { requestId, requester, modelHash, input, terms } = asked;
    expect(one.asked.tasks).to.deep.equal([
      {
        ...{ requestId, requester, modelHash, input, contextRoot: terms.contextRoot, feeWei: 0n },
        ...{ chainNow: block(9).timestamp, notAfter: block(9).timestamp + 3_600 },
      },
    ]);
  });

  it("wants no statement that outlives the request's deadline or the key's epoch", async () => {
    for (const [fields, terms, notAfter] of [
      [{ epochEnd: 2_000 }, {}, 2_000],
      [{}, { deadline: 2_500 }, 2_501],
      [{ epochEnd: 2_000 }, { deadline: 1_900 }, 1_901],
    ] as const) {
      const { one, asked, worker } = chosen(fields, terms);
      await worker.run(asked, new Uint8Array(3), new AbortController().signal);
      await worker.refuse(asked, "MODEL_UNKNOWN");
      expect([one.asked.tasks[0]?.notAfter, one.asked.refusals[0]?.notAfter]).to.deep.equal([notAfter, notAfter]);
    }
  });

  it("has an unknown model refused under the enclave's key", async () => {
    const { one, asked, worker } = chosen();
    const outcome = await worker.refuse(asked, "MODEL_UNKNOWN");
    const span = { chainNow: HEAD.timestamp, notAfter: HEAD.timestamp + 3_600 };
    expect(one.asked.refusals).to.deep.equal([{ requestId: asked.requestId, reason: "MODEL_UNKNOWN", ...span }]);
    expect(outcome.ok && outcome.answer).to.include({
      ...{ kind: "refusal", signer: idOf(one), reason: REFUSAL_REASON.MODEL_UNKNOWN },
      ...{ issuedAt: span.chainNow, expiresAt: span.notAfter },
    });
  });

  it("leaves an enclave's error to the dispatcher, which counts it", async () => {
    const { one, asked, worker } = chosen();
    const refused = new AssayError({ code: "ENCLAVE_REFUSED", message: "" });
    one.enclave.signRefusal = async () => {
      throw refused;
    };
    expect(await worker.refuse(asked, "MODEL_UNKNOWN").catch((error: unknown) => error)).to.equal(refused);
  });
});
