import { expect } from "chai";
import { CODE, FIRST_REGISTRY_CODE } from "../../../executor/posting/hubAbi";
import type { PostableAnswer } from "../../../executor/posting/ports";
import { Poster, type SkipReason } from "../../../executor/posting/poster";
import { Transactions } from "../../../executor/posting/transactions";
import { answer, block, HUB, h, request } from "../jobs/fixtures";
import { FakeNode, FakeOutbox, SIGNER } from "./fakes";

describe("poster", () => {
  let node: FakeNode;
  let outbox: FakeOutbox;
  let skipped: [number, SkipReason][];
  beforeEach(() => {
    node = new FakeNode();
    outbox = new FakeOutbox();
    skipped = [];
  });
  const doubted: [string, number][] = [];
  const poster = (more: { allowLoss?: boolean; maxBatch?: number; isLive?: () => boolean } = {}) => {
    const fees = { priorityFeeWei: 10n, maxFeePerGas: 10n ** 12n };
    const transactions = new Transactions({
      chainId: 31337n,
      chain: node,
      outbox,
      signer: SIGNER,
      bumpAfterBlocks: 3,
      ...fees,
    });
    const onSkip = (item: PostableAnswer, why: SkipReason) => void skipped.push([item.jobId, why]);
    return new Poster({
      hub: HUB,
      chain: node,
      outbox,
      transactions,
      allowLoss: false,
      maxBatch: 128,
      nowMs: () => 1_000,
      isLive: () => true,
      onSkip,
      onDoubt: (signer, blockNumber) => void doubted.push([signer, blockNumber]),
      ...fees,
      ...more,
    });
  };
  const item = (jobId: number, rewardWei = 10n ** 18n): PostableAnswer => ({
    jobId,
    request: request(String(jobId), block(1), { rewardWei }),
    answer: answer(),
  });

  it("sends one answer alone and several together, at most so many", async () => {
    outbox.waiting = [item(1)];
    await poster().tick();
    outbox.waiting = [2, 3, 4, 5, 6].map((n) => item(n));
    expect(await poster({ maxBatch: 4 }).tick()).to.equal(5);
    expect(outbox.records.map((tx) => [tx.label, tx.jobIds])).to.deep.equal([
      ["fulfill", [1]],
      ["fulfillBatch", [2, 3, 4, 5]],
      ["fulfill", [6]],
    ]);
  });

  it("keeps every transaction under the gas cap of a transaction", async () => {
    outbox.waiting = Array.from({ length: 128 }, (_, n) => ({
      ...item(n),
      request: request(String(n), block(1), { callbackGas: 400_000 }),
    }));
    await poster({ allowLoss: true }).tick();
    expect(outbox.records.length).to.be.greaterThan(1);
    for (const tx of outbox.records) expect(tx.gasLimit <= 16_777_216n).to.equal(true);
    expect(outbox.records.flatMap((tx) => tx.jobIds)).to.have.lengthOf(128);
  });

  it("does not post at a loss, unless it is allowed to", async () => {
    outbox.waiting = [item(1, 1n)];
    await poster().tick();
    expect(skipped).to.deep.equal([[1, "GAS_DEARER_THAN_REWARD"]]);
    await poster({ allowLoss: true }).tick();
    expect(outbox.records).to.have.lengthOf(1);
  });

  it("caps the fee at what the reward pays for", async () => {
    outbox.waiting = [item(1, 56_000n * 115n)];
    await poster().tick();
    expect(outbox.records[0]?.maxFeePerGas).to.equal(115n);
  });

  it("leaves out an item that would not land, and leaves an ended request to the follower", async () => {
    outbox.waiting = [item(1), item(2), item(3)];
    node.codes.set(h("salt/2"), CODE.NOT_OPEN);
    await poster().tick();
    expect(outbox.records.map((tx) => tx.jobIds)).to.deep.equal([[1, 3]]);
    expect([skipped, outbox.dropped]).to.deep.equal([[[2, "WAITING_FOR_CHAIN"]], []]);
  });

  it("tries a parked answer again in the next block, not before", async () => {
    outbox.waiting = [item(1)];
    node.codes.set(h("salt/1"), CODE.NOT_OPEN);
    const one = poster();
    await one.tick();
    node.codes.clear();
    expect(await one.tick()).to.equal(0);
    node.height++;
    expect(await one.tick()).to.equal(1);
  });

  it("finds the one item that spoils the simulation of a batch and sends the others", async () => {
    outbox.waiting = [1, 2, 3, 4, 5].map((n) => item(n));
    node.poison = h("salt/4");
    await poster().tick();
    expect(outbox.records.flatMap((tx) => tx.jobIds)).to.have.members([1, 2, 3, 5]);
    expect(skipped).to.deep.equal([[4, "SIMULATION_FAILED"]]);
  });

  it("has a worthless answer computed again, gives up what is another's, and waits for what may come right", async () => {
    outbox.waiting = [1, 2, 3, 4].map((n) => item(n));
    node.codes
      .set(h("salt/1"), CODE.STATEMENT_EXPIRED)
      .set(h("salt/2"), CODE.WRONG_OPERATOR)
      .set(h("salt/3"), CODE.HEARTBEAT_OVERDUE);
    await poster().tick();
    expect(outbox.dropped).to.deep.equal([
      { jobId: 1, state: "seen" },
      { jobId: 2, state: "abandoned" },
    ]);
    expect(skipped.at(-1)).to.deep.equal([3, "WAITING_FOR_CHAIN"]);
  });

  it("waits for the heartbeat of a living key, not for that of a key that is gone, and tells of what the chain does not know", async () => {
    outbox.waiting = [item(1), item(2)];
    node.codes.set(h("salt/1"), CODE.HEARTBEAT_OVERDUE).set(h("salt/2"), FIRST_REGISTRY_CODE);
    doubted.length = 0;
    await poster({ isLive: () => false }).tick();
    expect(outbox.dropped).to.deep.equal([
      { jobId: 1, state: "seen" },
      { jobId: 2, state: "seen" },
    ]);
    expect(doubted.map(([signer]) => signer)).to.deep.equal([answer().signer, answer().signer]);
  });

  it("posts results before refusals, and spends no simulation on a refusal that does not pay", async () => {
    const refusal = (jobId: number): PostableAnswer => {
      const { signer, issuedAt, expiresAt, proof } = answer();
      return { ...item(jobId), answer: { kind: "refusal", reason: 1, signer, issuedAt, expiresAt, proof } };
    };
    outbox.waiting = [refusal(1), refusal(2), item(3)];
    const before = node.simulations;
    expect(await poster().tick()).to.equal(1);
    expect(node.simulations - before).to.equal(1);
    expect(skipped.slice(-2)).to.deep.equal([
      [1, "GAS_DEARER_THAN_REWARD"],
      [2, "GAS_DEARER_THAN_REWARD"],
    ]);
  });
});
