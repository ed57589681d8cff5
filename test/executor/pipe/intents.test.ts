import { expect } from "chai";
import { Interface } from "ethers";
import { AssayError } from "../../../executor/domain/errors";
import { type Hex32, type HexBytes, ZERO_ADDRESS } from "../../../executor/domain/ids";
import type { IntentFields } from "../../../executor/domain/pipe";
import { Accounts, type Work } from "../../../executor/pipe/accounts";
import { Intents, type IntentsOptions } from "../../../executor/pipe/intents";
import { Planner } from "../../../executor/pipe/planner";
import type { PipeLog } from "../../../executor/pipe/ports";
import { Resolver } from "../../../executor/pipe/resolver";
import { Simulator } from "../../../executor/pipe/simulator";
import { Turns } from "../../../executor/pipe/turns";
import { intentLabel, Watcher } from "../../../executor/pipe/watcher";
import { FORWARDER_ABI } from "../../../executor/protocol/generated/abi";
import { encodeSignedIntent } from "../../../executor/protocol/intent";
import {
  CHAIN_ID,
  dataOf,
  FakeChain,
  FakePublisher,
  FakeRunner,
  FakeStore,
  FORWARDER_ADDRESS,
  gate,
  HUB,
  h,
  question,
  refusalOf,
  settled,
  storedIntent,
  TARGET,
  walletOf,
} from "./fakes";

const FORWARDER = new Interface(FORWARDER_ABI);
const SIGNATURE: HexBytes = `0x${"01".repeat(65)}`;
const addressOf = (name: string) => walletOf(name).address.toLowerCase() as IntentFields["from"];
const DONE = FORWARDER.encodeFunctionResult("execute", [true, "0x00000000"]) as HexBytes;
const failure = (name: string, args: readonly unknown[]): HexBytes =>
  FORWARDER.encodeErrorResult(name, args) as HexBytes;

describe("intents", () => {
  let chain: FakeChain;
  let runner: FakeRunner;
  let publisher: FakePublisher;
  let store: FakeStore;
  let nowMs: number;
  let charges: [string, Work][];
  let errors: unknown[];
  let returned: [Hex32, string | undefined][];
  let stop: AbortController;
  let watcher: Watcher;
  let intents: Intents;
  let balanceWei: bigint;
  let reverts: (results: number) => HexBytes | undefined;
  const build = (more: Partial<IntentsOptions> = {}): Intents => {
    const now = (): number => chain.timestamp;
    const resolver = new Resolver({ runner, feeWei: 0n, now, signal: stop.signal });
    const simulator = new Simulator({ chain, turns: new Turns(), hub: HUB, gasCap: 2_500_000n });
    const bounds = { rounds: 4, inferences: 4, simulations: 16 };
    return new Intents({
      chainId: CHAIN_ID,
      forwarder: FORWARDER_ADDRESS,
      chain,
      store,
      publisher,
      planner: new Planner({ simulator, resolver, runner, bounds, nowMs: () => nowMs, now, signal: stop.signal }),
      watcher,
      terms: { feeWei: 0n, priorityFeeWei: 0n, allowLoss: true },
      deadlineMs: 60_000,
      maxHeld: 10,
      maxHeldPerSender: 5,
      charge: (account, what) => void charges.push([account, what]),
      head: chain.headNow,
      nowMs: () => nowMs,
      signal: stop.signal,
      onEvent: ({ kind, id, reason }) => void (kind === "returned" && returned.push([id, reason])),
      onError: (error) => void errors.push(error),
      ...more,
    });
  };
  beforeEach(() => {
    chain = new FakeChain();
    runner = new FakeRunner();
    publisher = new FakePublisher(chain);
    store = new FakeStore();
    nowMs = 1_000_000;
    charges = [];
    errors = [];
    returned = [];
    stop = new AbortController();
    balanceWei = 10n ** 18n;
    watcher = new Watcher({
      chain,
      store,
      publisher,
      confirmations: 1,
      forwarder: FORWARDER_ADDRESS,
      nowMs: () => nowMs,
      reasonOf: async () => undefined,
      again: () => undefined,
      over: () => undefined,
      onError: (error) => void errors.push(error),
    });
    intents = build();
    reverts = (results) => (results === 0 ? failure("IntentInferenceMissing", [question("a").key]) : undefined);
    chain.programs.set(dataOf("asks") + addressOf("alice").slice(2), () => ({ asks: [question("a")] }));
    chain.plain = (call) => {
      const parsed = FORWARDER.parseTransaction({ data: call.data });
      if (parsed?.name === "balanceOf")
        return { ok: true, data: FORWARDER.encodeFunctionResult("balanceOf", [balanceWei]) as HexBytes };
      const revert = reverts(parsed?.args[2].length);
      return revert === undefined ? { ok: true, data: DONE } : { ok: false, revert };
    };
  });
  afterEach(async () => {
    stop.abort();
    await intents.stop();
  });
  const intent = (fields: Partial<IntentFields> = {}): IntentFields => ({
    from: addressOf("alice"),
    target: TARGET,
    value: 0n,
    data: dataOf("asks"),
    nonce: 1n,
    deadline: 2_000n,
    maxResultFeeWei: 0n,
    relayFeeWei: 0n,
    maxFailureFeeWei: 0n,
    gas: 100_000,
    relayer: ZERO_ADDRESS,
    ...fields,
  });
  const take = (fields: Partial<IntentFields> = {}, signature = SIGNATURE) =>
    intents.take(intent(fields), signature, "key:x");
  const account = addressOf("alice");
  const refusal = (fields: Partial<IntentFields> = {}, signature = SIGNATURE) => refusalOf(take(fields, signature));

  it("plans an intent and sends it with its results, once; and follows it", async () => {
    const digest = await take();
    await settled();
    expect(publisher.relays.map(({ label }) => label)).to.deep.equal([intentLabel(digest)]);
    const sent = FORWARDER.parseTransaction({ data: publisher.relays[0]?.data ?? "0x" });
    expect(sent?.args[2].length).to.equal(1);
    expect(await store.pipeItem(digest)).to.include({ state: "released", transactionHash: publisher.relays[0]?.hash });
    expect(await take()).to.equal(digest);
    await watcher.follow(chain.mine());
    expect(store.state(digest)).to.equal("landed");
    await watcher.follow(chain.mine());
    intents.sweep();
    await settled();
    expect([store.state(digest), publisher.relays.length, watcher.size]).to.deep.equal(["final", 1, 0]);
  });

  it("says reverted where the intent's call failed, though the relayer's transaction did not", async () => {
    const executed = (from: string, nonce: bigint, success: boolean, at = FORWARDER_ADDRESS): PipeLog => {
      const values = [from, nonce, h("relayer").slice(0, 42), success, success ? "0x00000000" : "0xdeadbeef", 0n, 0n];
      return { address: at, ...FORWARDER.encodeEventLog("IntentExecuted", values) };
    };
    const [failed, fooled] = [await take(), await take({ nonce: 2n })];
    await settled();
    // The second of them is a target's own word, the third about another user's intent.
    const said = [
      executed(account, 2n, true),
      executed(account, 2n, false, TARGET),
      executed(addressOf("bob"), 2n, false),
    ];
    chain.logs = [...said, executed(account, 1n, false)];
    await watcher.follow(chain.mine());
    expect(await store.pipeItem(failed)).to.deep.include({
      state: "reverted",
      reason: "PIPE_TRANSACTION_REVERTS",
      detail: "the call of the intent failed with 0xdeadbeef",
    });
    expect(store.state(fooled)).to.equal("landed");
    await watcher.follow(chain.mine());
    expect(await store.pipeItem(failed)).to.deep.include({ state: "final", reason: "PIPE_TRANSACTION_REVERTS" });
  });

  const refusals: readonly [string, string, readonly unknown[]][] = [
    ["IntentExpired", "PIPE_INTENT_EXPIRED", [1, 2]],
    ["IntentNonceUsed", "PIPE_INTENT_NONCE_USED", [account, 1]],
    ["IntentSignatureInvalid", "PIPE_INTENT_SIGNATURE", [account]],
    ["IntentTargetForbidden", "PIPE_INTENT_FORBIDDEN", [TARGET]],
    ["IntentTargetDoesNotTrust", "PIPE_INTENT_FORBIDDEN", [TARGET]],
    ["IntentWrongRelayer", "PIPE_INTENT_FORBIDDEN", [TARGET, account]],
    ["IntentBalanceTooLow", "PIPE_INTENT_BALANCE", [account, 1, 2]],
    ["IntentResultFeeTooHigh", "PIPE_INTENT_FEE_TOO_LOW", [2, 1]],
  ];
  for (const [name, code, args] of refusals) {
    it(`refuses at once what the forwarder refuses by ${name}`, async () => {
      reverts = () => failure(name, args);
      expect(await refusal()).to.equal(code);
      expect([store.items.size, publisher.relays.length]).to.deep.equal([0, 0]);
    });
  }

  it("refuses what is no intent, and what fails without a word", async () => {
    expect(await refusal({}, "0x")).to.equal("PIPE_INTENT_MALFORMED");
    expect(await refusal({ nonce: -1n })).to.equal("PIPE_INTENT_MALFORMED");
    // Found: two bytes of revert data, or none, ended in an error of a library.
    for (const data of ["0x", "0xabcd", "0xabcdef01", undefined] as const) {
      chain.plain = () => ({ ok: false, revert: data });
      expect(await refusal(), String(data)).to.equal("PIPE_SIMULATION_FAILED");
    }
    chain.plain = () => ({
      ok: true,
      data: FORWARDER.encodeFunctionResult("execute", [false, "0xabcdef01"]) as HexBytes,
    });
    expect(await refusal()).to.equal("PIPE_TRANSACTION_REVERTS");
  });

  it("looks at it on the account of whoever brings it, and plans it on its signer's", async () => {
    // Found: with the address of another, and no signature, anybody could use up that one's limits.
    reverts = () => failure("IntentSignatureInvalid", [account]);
    await refusal();
    expect(charges).to.deep.equal([["key:x", "simulation"]]);
    reverts = () => undefined;
    await take();
    await settled();
    expect(charges.slice(2).every(([who]) => who === account)).to.equal(true);
    expect(charges).to.deep.include([account, "inference"]);
  });

  it("takes one intent for a nonce: the others would fail on the chain, and the relayer pay for them", async () => {
    const both = await Promise.all([refusal(), refusal({ value: 1n })]);
    expect(both).to.deep.equal(["taken", "PIPE_INTENT_NONCE_USED"]);
    expect(await refusal({ value: 2n })).to.equal("PIPE_INTENT_NONCE_USED");
    expect(await refusal({ nonce: 2n })).to.equal("taken");
  });

  it("sends no more of one signer at once than its balance covers", async () => {
    // Found: each passed the simulation on the same balance, and all but the first failed on the chain.
    balanceWei = 15n;
    const [first, second] = [await take({ value: 10n }), await take({ value: 10n, nonce: 2n })];
    await settled();
    await settled();
    expect([store.state(first), store.state(second)].sort()).to.deep.equal(["held", "released"]);
    await watcher.follow(chain.mine());
    intents.sweep();
    await settled();
    await settled();
    expect([store.state(first), store.state(second)].sort()).to.deep.equal(["landed", "released"]);
  });

  it("gives the same answer to the same bytes at the same time", async () => {
    const [a, b] = await Promise.all([take(), take()]);
    await settled();
    expect([a === b, store.items.size, publisher.relays.length]).to.deep.equal([true, 1, 1]);
  });

  it("lets a wrong signature not stand in the way of the right one", async () => {
    let calls = 0;
    reverts = (results) => {
      calls++;
      return calls === 1 ? failure("IntentSignatureInvalid", [account]) : results === 0 ? undefined : undefined;
    };
    expect(await Promise.all([refusal({}, `0x${"02".repeat(65)}`), refusal()])).to.deep.equal([
      "PIPE_INTENT_SIGNATURE",
      "taken",
    ]);
  });

  it("keeps nothing of what could not be stored", async () => {
    // Found: it was told that it failed, and then relayed with the next block.
    store.fails = () => {
      throw new Error("disk full");
    };
    expect(await refusal()).to.equal("Error: disk full");
    store.fails = () => undefined;
    intents.sweep();
    await settled();
    expect(publisher.relays).to.deep.equal([]);
    expect(await refusal()).to.equal("taken");
  });

  it("does nothing with it before it is stored", async () => {
    const disk = gate();
    store.fails = (what) => (what === "add" ? disk.promise : undefined);
    const taken = take();
    await settled();
    intents.sweep();
    await settled();
    expect(publisher.relays).to.deep.equal([]);
    disk.open();
    await taken;
    await settled();
    expect(publisher.relays).to.have.length(1);
  });

  it("limits all of them and each signer, those that are being looked at counted", async () => {
    intents = build({ maxHeld: 3, maxHeldPerSender: 2 });
    const all = [1n, 2n, 3n].map((nonce) => refusal({ nonce }));
    expect(await Promise.all(all)).to.deep.equal(["taken", "taken", "PIPE_ACCOUNT_LIMIT"]);
    expect(await refusal({ from: addressOf("bob") })).to.equal("taken");
    expect(await refusal({ from: addressOf("carol") })).to.equal("PIPE_OVERLOADED");
  });

  it("gives back what its fees do not cover, by code", async () => {
    intents = build({ terms: { feeWei: 5n, priorityFeeWei: 0n, allowLoss: true } });
    const dear = await take({ maxResultFeeWei: 4n });
    await settled();
    intents = build({ terms: { feeWei: 0n, priorityFeeWei: 0n, allowLoss: false } });
    const unpaid = await take({ nonce: 2n });
    await settled();
    expect(returned).to.deep.equal([
      [dear, "PIPE_INTENT_FEE_TOO_LOW"],
      [unpaid, "PIPE_INTENT_FEE_TOO_LOW"],
    ]);
  });

  it("tries again what may pass, and gives it back at the deadline", async () => {
    runner.outcome = () => ({ ok: false, kind: "unavailable", reason: "r" });
    const digest = await take();
    await settled();
    expect(store.state(digest)).to.equal("held");
    nowMs += 60_000;
    intents.sweep();
    await settled();
    expect(returned).to.deep.equal([[digest, "PIPE_DEADLINE"]]);
  });

  it("gives back with a later block what it could not write down", async () => {
    runner.outcome = () => ({ ok: false, kind: "refused", reason: "r" });
    store.fails = (what) => {
      if (what === "move") throw new Error("disk full");
    };
    const digest = await take();
    await settled();
    expect(store.state(digest)).to.equal("held");
    store.fails = () => undefined;
    intents.sweep();
    await settled();
    expect(store.state(digest)).to.equal("returned");
  });

  for (const [where, make] of [
    ["sent", () => ({ betweenRelay: true })],
    ["written down", () => ({ betweenRelay: false })],
  ] as const) {
    it(`relays once what was stored and then could not be ${where}`, async () => {
      // Found: it was relayed a second time, or looked at never again.
      const trouble = new AssayError({ code: "RPC_TIMEOUT", message: "", retry: "unknown" });
      const fail = (): never => {
        throw trouble;
      };
      if (make().betweenRelay) publisher.betweenRelay = fail;
      else store.fails = (what) => (what === "move" ? fail() : undefined);
      const digest = await take();
      await settled();
      store.fails = () => undefined;
      intents.sweep();
      await settled();
      expect([publisher.relays.length, store.state(digest), watcher.size]).to.deep.equal([1, "released", 1]);
      await watcher.follow(chain.mine([publisher.relays[0]?.hash as Hex32]));
      expect(store.state(digest)).to.equal("landed");
    });
  }

  it("goes on after a restart, and follows what was out without sending it again", async () => {
    const add = async (nonce: bigint, state: "held" | "released", deadlineMs = nowMs + 1_000) => {
      const fields = intent({ nonce });
      const other = build({ store: new FakeStore(), publisher: new FakePublisher(chain) });
      const id = await other.take(fields, SIGNATURE, "x");
      const payload = encodeSignedIntent(fields, SIGNATURE);
      await store.addPipeItem({
        ...storedIntent(id, account, nowMs),
        ...{ nonce: String(nonce), payload, state, deadlineMs },
      });
      return id;
    };
    // What can not be read keeps nobody else from going on.
    const broken = h("broken");
    await store.addPipeItem({ ...storedIntent(broken, account, nowMs), payload: "0x1234" });
    const [held, stored] = [await add(1n, "held"), await add(2n, "held")];
    const [out, late] = [await add(3n, "released"), await add(4n, "held", nowMs)];
    await settled();
    publisher.stored.set(intentLabel(stored), h("relay/stored")).set(intentLabel(out), h("relay/out"));
    await intents.resume();
    await settled();
    expect(publisher.relays.map(({ label }) => label)).to.deep.equal([intentLabel(held)]);
    expect([stored, out, late].map(store.state)).to.deep.equal(["released", "released", "returned"]);
    await watcher.follow(chain.mine([h("relay/stored"), h("relay/out")]));
    expect([stored, out].map(store.state)).to.deep.equal(["landed", "landed"]);
    expect([store.state(broken), errors.length]).to.deep.equal(["returned", 1]);
  });

  it("takes nothing when it stops", async () => {
    stop.abort();
    expect(await refusal()).to.equal("PIPE_STOPPED");
  });

  it("is limited as raw transactions are", async () => {
    const accounts = new Accounts({ simulationsPerMinute: 1, inferencesPerHour: 1 }, () => nowMs);
    intents = build({ charge: (who, what) => accounts.charge(who, what) });
    expect(await refusal()).to.equal("taken");
    expect(await refusal({ nonce: 2n })).to.equal("PIPE_ACCOUNT_LIMIT");
  });
});
