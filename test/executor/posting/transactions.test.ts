import { expect } from "chai";
import { Transaction } from "ethers";
import { Transactions } from "../../../executor/posting/transactions";
import { HUB } from "../jobs/fixtures";
import { FakeNode, FakeOutbox, SIGNER } from "./fakes";

describe("nonce stream", () => {
  let node: FakeNode;
  let outbox: FakeOutbox;
  beforeEach(() => {
    node = new FakeNode();
    outbox = new FakeOutbox();
  });
  const stream = () =>
    new Transactions({
      chainId: 31337n,
      chain: node,
      outbox,
      signer: SIGNER,
      priorityFeeWei: 10n,
      maxFeePerGas: 10_000n,
      bumpAfterBlocks: 3,
    });
  const call = { to: HUB, data: "0x1234" as const, gasLimit: 100_000n, label: "test" };

  it("stores a transaction before it is broadcast, even where the node can not be reached", async () => {
    const transactions = stream();
    await transactions.send(call);
    node.fees = async () => ({ baseFeePerGas: 100n, blockNumber: 1 });
    node.down = true;
    const tx = await transactions.send(call);
    expect(outbox.records.map((record) => record.nonce)).to.deep.equal([0, 1]);
    expect((await transactions.outcome(tx.hash)).kind).to.equal("unknown");
  });

  it("gives concurrent sends nonces of their own", async () => {
    const transactions = stream();
    const sent = await Promise.all(Array.from({ length: 20 }, () => transactions.send(call)));
    expect(sent.map((tx) => tx.nonce)).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
  });

  it("tells confirmed, reverted, pending and dropped apart", async () => {
    const transactions = stream();
    const [a, b, c] = [await transactions.send(call), await transactions.send(call), await transactions.send(call)];
    node.mine(a.hash);
    node.mine(b.hash, false);
    const kinds = async () => Promise.all([a, b, c].map(async (tx) => (await transactions.outcome(tx.hash)).kind));
    expect(await kinds()).to.deep.equal(["confirmed", "reverted", "pending"]);
    node.mempool.clear();
    expect(await kinds()).to.deep.equal(["confirmed", "reverted", "dropped"]);
  });

  it("broadcasts the same bytes again when the node forgot them", async () => {
    const transactions = stream();
    const tx = await transactions.send(call);
    node.mempool.clear();
    await transactions.follow(11);
    expect(node.broadcasts).to.deep.equal([tx.raw, tx.raw]);
  });

  it("keeps a transaction open whose block the follower does not have, and closes it when it does", async () => {
    const transactions = stream();
    const tx = await transactions.send(call);
    node.mine(tx.hash);
    outbox.behind = true;
    expect(await transactions.follow(11)).to.deep.equal([]);
    expect(transactions.isOpen(tx.nonce)).to.equal(true);
    outbox.behind = false;
    expect((await transactions.follow(12)).map(({ hash }) => hash)).to.deep.equal([tx.hash]);
    expect(transactions.isOpen(tx.nonce)).to.equal(false);
  });

  it("sends the stored bytes again after a restart and goes on behind them", async () => {
    const first = await stream().send(call);
    node.mempool.clear();
    const restarted = stream();
    await restarted.resume();
    expect(node.mempool.get(first.hash)).to.equal(first.raw);
    expect((await restarted.send(call)).nonce).to.equal(1);
  });

  it("finds out that somebody else used the nonce, and takes the next free one", async () => {
    const transactions = stream();
    const lost = await transactions.send(call);
    node.mine();
    node.mempool.clear();
    await transactions.follow(11);
    expect(outbox.states.get(lost.hash)).to.equal("replaced");
    expect((await transactions.send(call)).nonce).to.equal(1);
  });

  it("raises tip and cap by at least an eighth, and either form settles the nonce", async () => {
    const transactions = stream();
    const first = await transactions.send(call);
    for (const height of [11, 12, 13, 14]) await transactions.follow(height);
    const bumped = outbox.records[1];
    expect(bumped?.nonce).to.equal(0);
    expect(Number(bumped?.maxFeePerGas)).to.be.at.least(1.125 * Number(first.maxFeePerGas));
    expect(Number(bumped?.maxPriorityFeePerGas)).to.be.at.least(1.125 * Number(first.maxPriorityFeePerGas));
    node.mine(first.hash);
    await transactions.follow(15);
    expect([...outbox.states.values()]).to.deep.equal(["confirmed", "replaced"]);
  });

  it("raises the fee of what an earlier process signed, with the same call", async () => {
    await stream().send(call);
    const restarted = stream();
    await restarted.resume();
    for (const height of [11, 12, 13, 14]) await restarted.follow(height);
    const bumped = Transaction.from(outbox.records[1]?.raw ?? "0x");
    expect([bumped.nonce, bumped.data, bumped.to?.toLowerCase()]).to.deep.equal([0, "0x1234", HUB]);
  });

  it("never pays more than the cap, at first or by a bump", async () => {
    const transactions = stream();
    const tx = await transactions.send({ ...call, feeCapPerGas: 120n });
    expect(tx.maxFeePerGas).to.equal(120n);
    for (const height of [11, 12, 13, 14]) await transactions.follow(height);
    expect(outbox.records).to.have.lengthOf(1);
  });

  it("takes up a transaction again that a reorg opened in the record", async () => {
    const transactions = stream();
    const tx = await transactions.send(call);
    node.mine(tx.hash);
    await transactions.follow(11);
    expect(transactions.openCount).to.equal(0);
    node.mined.clear();
    node.nextNonce = 0;
    outbox.states.set(tx.hash, "open");
    await transactions.follow(12);
    expect(node.mempool.get(tx.hash)).to.equal(tx.raw);
  });

  it("goes on behind what filled a reorg's hole by itself: a stop's last transaction stayed open, and the others came back", async () => {
    const before = stream();
    const [first, last] = [await before.send(call), await before.send(call)];
    node.mine(first.hash);
    await before.follow(11);
    // The chain loses the first, and the record does not know of it yet when the next process starts.
    node.mined.clear();
    node.mempool.clear();
    node.nextNonce = 0;
    const restarted = stream();
    await restarted.resume();
    outbox.states.set(first.hash, "open");
    await restarted.follow(12);
    node.mine(first.hash);
    node.mine(last.hash);
    await restarted.follow(13);
    expect((await restarted.send(call)).nonce).to.equal(2);
  });
});
