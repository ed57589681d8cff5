import { expect } from "chai";
import { ChainClock } from "../../../executor/app/clock";
import { Loop } from "../../../executor/app/loops";
import { block } from "../jobs/fixtures";

const head = (n: number) => ({ ...block(n), logsBloom: "0x", baseFeePerGas: 1n }) as never;

describe("loop", () => {
  it("runs at once while there is more, waits for a wake otherwise, and ends with the signal", async () => {
    const stop = new AbortController();
    let steps = 0;
    const loop: Loop = new Loop({
      step: async () => {
        steps += 1;
        if (steps === 3) setImmediate(() => loop.wake());
        if (steps === 4) stop.abort();
        return steps < 3;
      },
      pauseMs: 2 ** 30,
      onError: () => 0,
    });
    await loop.run(stop.signal);
    expect(steps).to.equal(4);
  });

  it("goes on after a failure as long as it is told to, and folds wakes during a step into one more", async () => {
    const stop = new AbortController();
    const errors: unknown[] = [];
    let steps = 0;
    const loop: Loop = new Loop({
      step: async () => {
        steps += 1;
        if (steps === 1) throw new Error("once");
        if (steps === 2) for (let i = 0; i < 3; i++) loop.wake();
        if (steps === 3) stop.abort();
        return false;
      },
      pauseMs: 2 ** 30,
      onError: (error) => {
        errors.push(error);
        return 0;
      },
    });
    await loop.run(stop.signal);
    expect([steps, errors.length]).to.deep.equal([3, 1]);
  });
});

describe("chain clock", () => {
  it("knows nothing until it is told, and wakes at a block that is news", async () => {
    const clock = new ChainClock();
    expect(clock.known).to.equal(undefined);
    const first = clock.now();
    expect(clock.set(head(1))).to.equal(true);
    expect((await first).number).to.equal(1);
    expect(clock.set(head(1))).to.equal(false);
    let asked = 0;
    const until = clock.until(async () => ++asked === 2, new AbortController().signal);
    clock.set(head(2));
    await until;
    expect(asked).to.equal(2);
    await clock.until(async () => false, AbortSignal.abort());
  });
});
