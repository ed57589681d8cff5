import { expect } from "chai";
import fc from "fast-check";
import { ZERO_32 } from "../../../executor/domain/ids";
import { decide, encodeDecision, replayDecision } from "../../../executor/matching/decision";
import { type MatchOutcome, match } from "../../../executor/matching/match";
import type { EnclaveCandidate, MatchContext, MatchRequest } from "../../../executor/matching/ports";
import { REFUSAL_REASONS } from "../../../executor/matching/reasons";
import { account, candidate, context, NOW, request, word } from "./fixtures";

function refusal(
  r: Partial<MatchRequest>,
  c: Partial<EnclaveCandidate>,
  x: Partial<MatchContext> = {},
): { reasons: string[]; retryAt: number | undefined } {
  const outcome = match(request(r), [candidate(c)], context(x));
  if (outcome.ok) return { reasons: [], retryAt: undefined };
  return {
    reasons: outcome.refused.flatMap((one) => one.reasons.map((reason) => reason.reason)),
    retryAt: outcome.retryAt,
  };
}

describe("matching: each demand has its reason", () => {
  it("accepts a candidate that meets every demand", () => expect(refusal({}, {}).reasons).to.deep.equal([]));

  const cases: [string, Partial<MatchRequest>, Partial<EnclaveCandidate>, Partial<MatchContext>, "stays" | "passes"][] =
    [
      ["MODEL_MISSING", {}, { model: "missing" }, {}, "stays"],
      ["MEMORY_SHORT", {}, { memoryNeededBytes: 2, memoryFreeBytes: 1 }, {}, "stays"],
      ["MEMORY_SHORT", {}, { memoryNeededBytes: 2, memoryFreeBytes: 1, outstanding: 1 }, {}, "passes"],
      ["NO_CAPACITY", {}, { outstanding: 4 }, {}, "passes"],
      ["NO_CAPACITY", {}, { maxOutstanding: 0 }, {}, "stays"],
      ["TRUST_TOO_LOW", { minTrust: 4 }, {}, {}, "stays"],
      ["PROFILE_MISMATCH", { profile: word(7) }, {}, {}, "stays"],
      ["IMAGE_MISMATCH", { imageId: word(7) }, {}, {}, "stays"],
      ["OPERATOR_MISMATCH", { assignedOperator: 2 }, {}, {}, "stays"],
      ["PROOF_KIND_UNSUPPORTED", { proofKind: 1 }, {}, {}, "stays"],
      ["INPUT_KIND_UNSUPPORTED", { inputKind: 2 }, {}, {}, "stays"],
      ["CONTEXT_UNSUPPORTED", { contextRoot: word(7) }, {}, {}, "stays"],
      ["REWARD_TOO_LOW", {}, {}, { minRewardWei: 10n ** 16n }, "stays"],
      ["REWARD_TOO_LOW", { rewardWei: 59_999n * 10n ** 9n }, {}, {}, "passes"],
      ["REWARD_TOO_LOW", { rewardWei: 60_000n * 10n ** 9n, callbackGas: 1 }, {}, {}, "passes"],
      ["DEADLINE_TOO_CLOSE", { deadline: NOW + 10 }, {}, {}, "stays"],
      ["DEADLINE_TOO_CLOSE", {}, { waitMs: 55_000 }, {}, "passes"],
      ["DEADLINE_TOO_CLOSE", {}, { runMs: 30_000, runDeviationMs: 6_000 }, {}, "stays"],
      ["EPOCH_ENDING", {}, { epochEndsAt: NOW + 70 }, {}, "passes"],
      ["HEARTBEAT_DUE", {}, { heartbeatDueAt: NOW + 70 }, {}, "passes"],
      ["DRAINING", {}, { draining: true }, {}, "stays"],
      ["STRUCK", {}, { strike: { subject: "enclave", untilMs: 1_005_000 } }, {}, "passes"],
    ];
  for (const [reason, r, c, x, lasting] of cases) {
    it(`says ${reason} and only that, which ${lasting}: ${JSON.stringify({ ...r, ...c, ...x }, (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v))}`, () => {
      const { reasons, retryAt } = refusal(r, c, x);
      expect(reasons).to.deep.equal([reason]);
      expect(retryAt !== undefined).to.equal(lasting === "passes");
      if (retryAt !== undefined) expect(retryAt).to.be.greaterThan(NOW);
    });
  }

  it("has a case above for every reason of the table", () => {
    expect(new Set(cases.map(([reason]) => reason))).to.deep.equal(new Set(Object.keys(REFUSAL_REASONS)));
  });

  it("takes what exactly meets the bound", () => {
    expect(refusal({ rewardWei: 60_000n * 10n ** 9n }, {}).reasons).to.deep.equal([]);
    expect(refusal({ deadline: NOW + 11 }, { runMs: 1_000, runDeviationMs: 0 }).reasons).to.deep.equal([]);
    expect(refusal({}, { outstanding: 3 }).reasons).to.deep.equal([]);
    expect(refusal({}, { strike: { subject: "input", untilMs: 1_000_000 } }).reasons).to.deep.equal([]);
    expect(refusal({ rewardWei: 0n }, {}, { allowLoss: true }).reasons).to.deep.equal([]);
  });

  it("gives all reasons at once, and waits for the slowest of the soonest enclave", () => {
    const both = candidate({
      enclaveId: account(2),
      outstanding: 4,
      strike: { subject: "enclave", untilMs: 1_008_000 },
    });
    const lasting = candidate({ enclaveId: account(3), draining: true, outstanding: 4 });
    const outcome = match(request(), [lasting, both], context());
    if (outcome.ok) throw new Error("matched");
    expect(outcome.refused.map((one) => one.reasons.map((reason) => reason.reason))).to.deep.equal([
      ["STRUCK", "NO_CAPACITY"],
      ["DRAINING", "NO_CAPACITY"],
    ]);
    expect(outcome.retryAt).to.equal(NOW + 8);
  });

  it("says NO_ENCLAVE where there is none, and the reason of whom least is missing where there are some", () => {
    expect(match(request(), [], context())).to.deep.equal({ ok: false, reason: "NO_ENCLAVE", refused: [] });
    const outcome = match(
      request({ minTrust: 4 }),
      [candidate({ draining: true }), candidate({ enclaveId: account(2) })],
      context(),
    );
    expect(outcome).to.include({ ok: false, reason: "TRUST_TOO_LOW" });
  });
});

describe("matching: the order of those who may", () => {
  const order = (...list: EnclaveCandidate[]): string[] => {
    const outcome = match(request(), list, context());
    return outcome.ok ? [outcome.enclave.enclaveId, ...outcome.backups.map((one) => one.enclaveId)] : [];
  };
  const [a, b, c] = [account(1), account(2), account(3)];

  it("puts the soonest answer first: wait, load and run together", () => {
    expect(
      order(
        candidate({ enclaveId: a, waitMs: 100 }),
        candidate({ enclaveId: b, model: "loadable", loadMs: 60 }),
        candidate({ enclaveId: c, runMs: 50 }),
      ),
    ).to.deep.equal([c, b, a]);
  });
  it("counts failures as time", () => {
    expect(order(candidate({ enclaveId: a, successRate: 0.5 }), candidate({ enclaveId: b, runMs: 900 }))).to.deep.equal(
      [b, a],
    );
  });
  it("decides equal scores for the warm runner, then the weaker trust, then the id", () => {
    const cold = candidate({ enclaveId: a, model: "loadable" });
    expect(order(cold, candidate({ enclaveId: c }), candidate({ enclaveId: b }))).to.deep.equal([b, c, a]);
    expect(order(candidate({ enclaveId: a }), candidate({ enclaveId: b, trustLevel: 2 }))).to.deep.equal([b, a]);
  });
});

/** Mostly what fits and sometimes what does not: with every field at random, hardly any pair would fit and the properties would say nothing. */
const mostly = <T, U>(fits: fc.Arbitrary<T>, rest: fc.Arbitrary<U>): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 12, arbitrary: fits }, { weight: 1, arbitrary: rest });
const is = <T>(value: T): fc.Arbitrary<T> => fc.constant(value);
const pick = (min: number, max: number) => fc.integer({ min, max });
const anyCandidate = (index: number): fc.Arbitrary<EnclaveCandidate> =>
  fc
    .record({
      enclaveId: fc.constant(account(index + 1)),
      operatorId: pick(1, 3),
      trustLevel: mostly(pick(2, 4), is(1)),
      imageId: pick(1, 2).map(word),
      runtimeProfile: pick(1, 2).map(word),
      proofKinds: mostly(is([0, 1]), is([0])),
      inputKinds: mostly(is([0, 1]), is([])),
      servesContext: mostly(is(true), is(false)),
      draining: mostly(is(false), is(true)),
      epochEndsAt: mostly(pick(NOW + 100, NOW + 300), pick(NOW - 10, NOW + 100)),
      heartbeatDueAt: mostly(pick(NOW + 100, NOW + 300), pick(NOW - 10, NOW + 100)),
      model: mostly(fc.constantFrom("warm" as const, "loadable" as const), is("missing" as const)),
      memoryNeededBytes: pick(0, 10),
      memoryFreeBytes: mostly(pick(10, 20), pick(0, 9)),
      evicts: fc.boolean(),
      outstanding: pick(0, 4),
      maxOutstanding: mostly(is(5), pick(0, 4)),
      waitMs: pick(0, 40_000),
      loadMs: pick(0, 500),
      runMs: pick(0, 20_000),
      runDeviationMs: pick(0, 2_000),
      successRate: fc.constantFrom(0.05, 0.5, 1),
    })
    .chain((fields) =>
      mostly(is(undefined), pick(999_000, 1_001_000)).map((untilMs) =>
        untilMs === undefined ? fields : { ...fields, strike: { subject: "enclave" as const, untilMs } },
      ),
    );
const anyRequest: fc.Arbitrary<MatchRequest> = fc
  .record({
    rewardWei: mostly(is(10n ** 15n), fc.bigInt({ min: 0n, max: 2n * 10n ** 14n })),
    deadline: pick(NOW, NOW + 120),
    minTrust: mostly(pick(1, 2), is(3)),
    profile: mostly(is(ZERO_32), fc.constantFrom(word(1), word(2))),
    imageId: mostly(is(ZERO_32), fc.constantFrom(word(1), word(2))),
    contextRoot: fc.constantFrom(ZERO_32, ZERO_32, word(5)),
    assignedOperator: fc.constantFrom(0, 0, 1, 2),
    proofKind: fc.constantFrom(0, 0, 1),
    inputKind: fc.constantFrom(0, 0, 1),
    callbackGas: fc.constantFrom(0, 100_000),
  })
  .map((fields) => request(fields));
const anyContext: fc.Arbitrary<MatchContext> = fc
  .record({
    postingMarginSeconds: pick(0, 20),
    epochMarginSeconds: pick(0, 60),
    minRewardWei: fc.bigInt({ min: 0n, max: 10n ** 14n }),
    gasPriceWei: fc.bigInt({ min: 0n, max: 2n * 10n ** 9n }),
    allowLoss: fc.boolean(),
  })
  .map((fields) => context(fields));
const anyCandidates = pick(0, 12).chain((n) => fc.tuple(...Array.from({ length: n }, (_, i) => anyCandidate(i))));

/** Every demand, written a second time and from the design's words rather than from the rules. */
function mayServe(r: MatchRequest, c: EnclaveCandidate, x: MatchContext): boolean {
  const done = x.chainNow + (c.waitMs + c.loadMs + c.runMs) / 1000 + x.postingMarginSeconds;
  return (
    c.model !== "missing" &&
    c.memoryNeededBytes <= c.memoryFreeBytes &&
    c.outstanding < c.maxOutstanding &&
    c.trustLevel >= r.minTrust &&
    [ZERO_32, c.runtimeProfile].includes(r.profile) &&
    [ZERO_32, c.imageId].includes(r.imageId) &&
    [0, c.operatorId].includes(r.assignedOperator) &&
    c.proofKinds.includes(r.proofKind) &&
    c.inputKinds.includes(r.inputKind) &&
    (r.contextRoot === ZERO_32 || c.servesContext) &&
    !c.draining &&
    (c.strike?.untilMs ?? 0) <= x.hostNowMs &&
    done <= r.deadline &&
    done + x.epochMarginSeconds < Math.min(c.epochEndsAt, c.heartbeatDueAt) &&
    r.rewardWei >= x.minRewardWei &&
    (x.allowLoss || r.rewardWei >= x.gasPriceWei * BigInt(x.fulfilmentGas + r.callbackGas))
  );
}

describe("matching: for all requests and candidates", () => {
  it("never assigns, nor backs up by, an enclave that violates a demand, and answers for every candidate once", () => {
    let assigned = 0;
    fc.assert(
      fc.property(anyRequest, anyCandidates, anyContext, (r, list, x) => {
        const outcome = match(r, list, x);
        const ranked = outcome.ok ? [outcome.enclave, ...outcome.backups] : [];
        for (const { enclaveId } of ranked) {
          const one = list.find((c) => c.enclaveId === enclaveId);
          expect(one !== undefined && mayServe(r, one, x)).to.equal(true);
        }
        assigned += ranked.length;
        const named = [...ranked, ...outcome.refused].map((one) => one.enclaveId).sort();
        expect(named).to.deep.equal(list.map((c) => c.enclaveId).sort());
      }),
      { seed: 3, numRuns: 3_000 },
    );
    expect(assigned).to.be.greaterThan(2_000);
  });

  it("does not refuse one that meets every demand even in the late case", () => {
    const seen = { matched: 0, refused: 0 };
    fc.assert(
      fc.property(anyRequest, anyCandidates, anyContext, (r, list, x) => {
        const late = (c: EnclaveCandidate): EnclaveCandidate => ({ ...c, runMs: c.runMs + 4 * c.runDeviationMs });
        const { ok } = match(r, list, x);
        expect(ok).to.equal(list.some((c) => mayServe(r, late(c), x)));
        seen[ok ? "matched" : "refused"] += 1;
      }),
      { seed: 4, numRuns: 3_000 },
    );
    expect(Math.min(seen.matched, seen.refused)).to.be.greaterThan(300);
  });

  it("gives the same outcome and the same record for any order of candidates, and on replay", () => {
    const shuffled = anyCandidates.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length })),
    );
    fc.assert(
      fc.property(anyRequest, shuffled, anyContext, (r, [list, other], x) => {
        const record = encodeDecision(decide(r, list, x));
        expect(encodeDecision(decide(r, other, x))).to.equal(record);
        expect(replayDecision(record).same).to.equal(true);
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe("matching: decisions that were stored", () => {
  const stored = (): { outcome: MatchOutcome; candidates: { runMs: number }[] } =>
    JSON.parse(
      encodeDecision(decide(request(), [candidate(), candidate({ enclaveId: account(2), runMs: 30 })], context())),
    );

  it("shows that a record was changed", () => {
    const record = stored();
    for (const one of record.candidates) one.runMs = 50 - one.runMs;
    const replay = replayDecision(JSON.stringify(record));
    expect(replay.same).to.equal(false);
    expect(replay.recomputed.ok && replay.recomputed.enclave.enclaveId).to.equal(account(2));
  });

  it("refuses what is no record", () => {
    for (const text of [
      "",
      "{}",
      JSON.stringify({ ...stored(), version: 2 }),
      JSON.stringify({ ...stored(), more: 1 }),
    ]) {
      expect(() => replayDecision(text))
        .to.throw()
        .with.property("code", "MATCHING_RECORD_MALFORMED");
    }
  });
});
