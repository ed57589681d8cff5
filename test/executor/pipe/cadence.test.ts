import { expect } from "chai";
import { Cadence } from "../../../executor/pipe/cadence";

describe("cadence", () => {
  let nowMs: number;
  let stop: AbortController;
  let cadence: Cadence;
  beforeEach(() => {
    nowMs = 0;
    stop = new AbortController();
    cadence = new Cadence(() => nowMs, stop.signal);
  });
  const blocks = (...gaps: number[]): void => {
    cadence.block();
    for (const gap of gaps) {
      nowMs += gap;
      cadence.block();
    }
  };
  const waits = async (neededMs?: number): Promise<boolean> => {
    let isClear = false;
    void cadence.clear(neededMs).then(() => {
      isClear = true;
    });
    for (let i = 0; i < 5; i++) await Promise.resolve();
    return !isClear;
  };
  afterEach(() => stop.abort());

  it("waits only while a block is about to be made, and goes on with it", async () => {
    blocks(1_000, 1_000, 1_000);
    nowMs += 939;
    expect(await waits(), "long before").to.equal(false);
    expect(await cadence.clear(), "says that it did not wait").to.equal(false);
    nowMs += 1;
    let isClear = false;
    const clear = cadence.clear().then((waited) => {
      isClear = waited;
    });
    expect(isClear).to.equal(false);
    cadence.block();
    await clear;
    expect(isClear).to.equal(true);
  });

  it("waits longer before a block where what follows takes longer, and never for most of an interval", async () => {
    blocks(1_000, 1_000, 1_000);
    nowMs += 701;
    expect(await waits(238)).to.equal(false);
    expect(await waits(240)).to.equal(true);
    nowMs -= 102;
    expect(await waits(900)).to.equal(false);
  });

  it("takes a pace that varies for what it is: the block may come early or late", async () => {
    blocks(1_000, 1_300, 1_100);
    nowMs += 939;
    expect(await waits(), "before the earliest").to.equal(false);
    for (const ms of [1, 160, 200, 249]) {
      nowMs += ms;
      expect(await waits(), String(ms)).to.equal(true);
      expect(cadence.isClear(), "says so without waiting").to.equal(false);
    }
    nowMs += 1;
    expect(await waits(), "after the latest").to.equal(false);
    expect(cadence.isClear()).to.equal(true);
  });

  it("is not misled by a block that was seen late", async () => {
    // Found: after one that was noticed 100 ms late the next was expected so much later, and came between.
    blocks(1_000, 1_000, 1_000, 1_100);
    nowMs += 900;
    expect(await waits()).to.equal(true);
  });

  it("knows a new pace by its second interval, whatever was before", async () => {
    // Found: after blocks that were made at once, the first three at a pace were not foreseen.
    blocks(5, 5, 900, 1_000);
    nowMs += 890;
    expect(await waits()).to.equal(true);
    cadence = new Cadence(() => nowMs, stop.signal);
    blocks(1_000, 1_000, 40_000, 1_000);
    nowMs += 1_000;
    expect(await waits(), "after a pause").to.equal(false);
  });

  it("does not wait for a block that is overdue, nor where the pace is uneven, too fast or not known", async () => {
    blocks(1_000, 1_000, 1_000);
    nowMs += 1_251;
    expect(await waits(), "overdue").to.equal(false);
    const paces = [[1_000], [1_000, 600, 1_000], [300, 300, 300], [40_000, 40_000, 40_000]];
    for (const gaps of paces) {
      cadence = new Cadence(() => nowMs, stop.signal);
      blocks(...gaps);
      nowMs += gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
      expect(await waits(), gaps.join()).to.equal(false);
    }
  });

  it("does not hold up a stop", async () => {
    blocks(1_000, 1_000, 1_000);
    nowMs += 1_000;
    const clear = cadence.clear();
    stop.abort();
    await clear;
  });

  it("does not wait at all once it is stopped", async () => {
    blocks(1_000, 1_000, 1_000);
    nowMs += 1_000;
    stop.abort();
    expect(await waits()).to.equal(false);
  });
});
