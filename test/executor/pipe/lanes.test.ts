import { expect } from "chai";
import { type Entry, entryOf } from "../../../executor/pipe/entry";
import { Lanes } from "../../../executor/pipe/lanes";
import { codeOf, read, type TxFields } from "./fakes";

const entry = async (fields: TxFields, phase: Entry["phase"] = "waiting"): Promise<Entry> => {
  const tx = await read(fields);
  return Object.assign(entryOf({ kind: "raw", from: tx.from, step: tx.step, tx, acceptedMs: 0, deadlineMs: 1 }), {
    phase,
  });
};
const ROOM = { mined: 0, pending: 0, balanceWei: 10n ** 18n };

describe("lanes", () => {
  let lanes: Lanes;
  beforeEach(() => {
    lanes = new Lanes();
  });
  const lane = async (...nonces: [number, Entry["phase"]][]): Promise<Entry[]> => {
    const made = await Promise.all(nonces.map(([nonce, phase]) => entry({ nonce }, phase)));
    for (const one of [...made].reverse()) lanes.add(one);
    return made;
  };
  const refusal = async (fields: TxFields, account = ROOM): Promise<string> => {
    const tx = await read(fields);
    try {
      lanes.admit(tx, account);
      return "taken";
    } catch (error) {
      return codeOf(error);
    }
  };

  it("plans the transactions of a sender in the order of their nonces, whatever order they came in", async () => {
    const [first, second, third] = await lane([4, "waiting"], [5, "waiting"], [6, "waiting"]);
    const [{ from }] = [first as Entry];
    expect(lanes.next(from, 4)).to.equal(first);
    (first as Entry).phase = "ready";
    expect(lanes.next(from, 4)).to.equal(second);
    (second as Entry).phase = "leaving";
    expect(lanes.next(from, 4)).to.equal(third);
    (third as Entry).phase = "sent";
    expect(lanes.next(from, 4)).to.equal(undefined);
  });

  it("waits for a nonce that is missing, and takes one that the node's pool fills", async () => {
    const [far] = await lane([6, "waiting"]);
    expect(lanes.next((far as Entry).from, 4)).to.equal(undefined);
    expect(lanes.next((far as Entry).from, 6)).to.equal(far);
  });

  it("simulates behind what is on its way and not mined, and behind nothing else", async () => {
    const all = await lane([3, "sent"], [4, "ready"], [5, "leaving"], [6, "waiting"], [7, "waiting"], [8, "sent"]);
    expect(lanes.before(all[4] as Entry, 4)).to.deep.equal([all[1], all[2]]);
  });

  it("refuses a nonce that is mined, and one too far ahead; what is held behind a gap does not bring that nearer", async () => {
    expect(await refusal({ nonce: 4 }, { ...ROOM, mined: 5, pending: 5 })).to.equal("PIPE_NONCE_TOO_LOW");
    expect(await refusal({ nonce: 65 })).to.equal("PIPE_NONCE_GAP");
    expect(await refusal({ nonce: 64 })).to.equal("taken");
    await lane([64, "waiting"]);
    expect(await refusal({ nonce: 65 })).to.equal("PIPE_NONCE_GAP");
    await lane([0, "waiting"], [1, "waiting"]);
    expect(await refusal({ nonce: 66 })).to.equal("taken");
  });

  it("names as next nonce none that is behind a gap", async () => {
    const [one] = await lane([7, "waiting"], [8, "sent"]);
    const { from } = one as Entry;
    expect(lanes.nextNonce(from, 5)).to.equal(5);
    expect(lanes.nextNonce(from, 7)).to.equal(9);
    expect(lanes.nextNonce(from, 8)).to.equal(9);
    expect(lanes.nextNonce((await entry({ from: "bob" })).from, 5)).to.equal(undefined);
  });

  it("replaces only for a tenth more of both fees, and names what is replaced", async () => {
    const [held] = await lane([0, "waiting"]);
    expect(await refusal({ nonce: 0, tip: 2n * 10n ** 9n })).to.equal("PIPE_REPLACEMENT_UNDERPRICED");
    const dearer = await read({ nonce: 0, tip: 2n * 10n ** 9n, maxFee: 20n * 10n ** 9n });
    expect(lanes.admit(dearer, ROOM)).to.equal(held);
  });

  it("asks the balance to cover all that is held, without what is replaced or mined", async () => {
    const cost = 500_000n * 10n * 10n ** 9n;
    await lane([0, "sent"], [1, "waiting"]);
    expect(await refusal({ nonce: 2 }, { ...ROOM, balanceWei: 3n * cost - 1n })).to.equal("PIPE_BALANCE_TOO_LOW");
    expect(await refusal({ nonce: 2 }, { ...ROOM, balanceWei: 3n * cost })).to.equal("taken");
    expect(await refusal({ nonce: 2 }, { mined: 1, pending: 1, balanceWei: 2n * cost })).to.equal("taken");
    const twice = { nonce: 1, tip: 2n * 10n ** 9n, maxFee: 20n * 10n ** 9n };
    expect(await refusal(twice, { ...ROOM, balanceWei: 3n * cost })).to.equal("taken");
    expect(await refusal(twice, { ...ROOM, balanceWei: 3n * cost - 1n })).to.equal("PIPE_BALANCE_TOO_LOW");
  });

  it("forgets a sender with its last entry", async () => {
    const [one] = await lane([0, "waiting"]);
    expect([lanes.size, lanes.find((one as Entry).id), lanes.has(one as Entry)]).to.deep.equal([1, one, true]);
    lanes.remove(one as Entry);
    expect([lanes.size, lanes.senders.length, lanes.has(one as Entry)]).to.deep.equal([0, 0, false]);
  });
});
