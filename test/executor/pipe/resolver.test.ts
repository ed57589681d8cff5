import { expect } from "chai";
import { Resolver, satisfies } from "../../../executor/pipe/resolver";
import { answerTo, codeOf, FakeRunner, gate, h, NO_TERMS, question, settled } from "./fakes";

describe("resolver", () => {
  let runner: FakeRunner;
  let now = 1_000;
  let resolver: Resolver;
  beforeEach(() => {
    runner = new FakeRunner();
    now = 1_000;
    resolver = new Resolver({ runner, feeWei: 0n, now: () => now, signal: new AbortController().signal });
  });
  const resolve = (inference = question("a"), asker = "x", onRun?: () => void) =>
    resolver.resolve(inference, 2_000, asker, onRun);

  it("runs what several ask at once only once, and says who caused it", async () => {
    const [first, second, third] = await Promise.all([resolve(), resolve(), resolve(question("b"))]);
    expect([first.ran, second.ran, third.ran]).to.deep.equal([true, false, true]);
    expect(first.outcome.ok && second.outcome.ok && first.outcome.answer === second.outcome.answer).to.equal(true);
    expect([runner.asked.length, resolver.runCount]).to.deep.equal([2, 2]);
  });

  it("shares an answer between the demands it satisfies, and runs a stricter one apart", async () => {
    const strict = question("a", { minTrust: 3 });
    runner.outcome = ({ key }) => ({
      ok: true,
      answer: answerTo(question("a"), { trust: key === strict.key ? 3 : 1 }),
    });
    const [weak, strong] = await Promise.all([resolve(), resolve(strict)]);
    expect([weak.ran, strong.ran]).to.deep.equal([true, true]);
    expect((await resolve(question("a", { minTrust: 2 }))).ran).to.equal(false);
    const answer = answerTo(question("a"), { trust: 2 });
    expect(satisfies(answer, { ...NO_TERMS, profile: h("profile"), imageId: h("image") })).to.equal(true);
    expect(satisfies(answer, { ...NO_TERMS, minTrust: 3 })).to.equal(false);
    expect(satisfies(answer, { ...NO_TERMS, profile: h("other") })).to.equal(false);
    expect(satisfies(answer, { ...NO_TERMS, imageId: h("other") })).to.equal(false);
  });

  it("keeps an answer until it has a minute left", async () => {
    await resolve();
    now = 4_939;
    expect((await resolve()).ran).to.equal(false);
    now = 4_940;
    expect((await resolve()).ran).to.equal(true);
  });

  it("keeps no failure, and lets whoever waited for one run its own", async () => {
    const held = gate<{ ok: false; kind: "refused"; reason: string }>();
    runner.outcome = () => held.promise;
    const [first, second] = [resolve(), resolve(question("a"), "y")];
    await settled();
    runner.outcome = (inference) => ({ ok: true, answer: answerTo(inference) });
    held.open({ ok: false, kind: "refused", reason: "r" });
    expect((await first).outcome.ok).to.equal(false);
    expect(await second).to.include({ ran: true });
    expect(runner.asked.map(({ asker }) => asker)).to.deep.equal(["x", "y"]);
  });

  it("does not throw at others what one's run threw", async () => {
    const held = gate<never>();
    runner.outcome = () => held.promise;
    const [first, second] = [resolve().catch((error: unknown) => error), resolve()];
    await settled();
    runner.outcome = (inference) => ({ ok: true, answer: answerTo(inference) });
    held.fail(new Error("socket"));
    expect(await first).to.be.instanceOf(Error);
    expect((await second).outcome.ok).to.equal(true);
  });

  it("asks before it runs, and does not run where that is refused", async () => {
    const refuse = (): never => {
      throw Object.assign(new Error(), { code: "LIMIT" });
    };
    expect(await resolve(question("a"), "x", refuse).catch(codeOf)).to.equal("LIMIT");
    expect(runner.asked).to.deep.equal([]);
    await resolve();
    expect((await resolve(question("a"), "x", refuse)).ran, "an answer that is there costs nothing").to.equal(false);
  });

  it("forgets an answer that is of no use, and no other", async () => {
    await Promise.all([resolve(), resolve(question("b"))]);
    resolver.forget(question("a", { minTrust: 0 }));
    expect(resolver.cached(question("a"))).to.equal(undefined);
    expect(resolver.cached(question("b"))).to.not.equal(undefined);
  });
});
