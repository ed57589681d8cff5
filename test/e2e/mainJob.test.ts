import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { hex32 } from "../../executor/domain/ids";
import { verifyRequest } from "../../executor/explain/verifyRequest";
import { REFUSAL_REASON } from "../../executor/protocol/statement";
import { RpcClient } from "../../executor/rpc/client";
import { ask, committedModel, encoded, ended, goldenSets, openWorld, outputOf, type World } from "./support/world";

const DIGITS = committedModel("digits").hash;
const UNKNOWN_MODEL = `0x${"ab".repeat(32)}`;

function image(): { input: Uint8Array; digit: Uint8Array } {
  const set = goldenSets("digits")[0];
  const digit = set?.outputs.find(({ name }) => name === "digit")?.tensor;
  if (set === undefined || digit === undefined || digit.dtype === 8) throw new Error("no golden digit");
  return { input: encoded(set.inputs), digit: digit.data };
}

for (const kind of ["hardhat", "anvil"] as const) {
  describe(`the main job on ${kind}`, () => {
    let world: World;
    before(async () => {
      world = await openWorld(kind);
      await world.start();
    });
    after(() => world.end());

    it("answers a request with the model's output and pays the operator", async () => {
      const { input, digit } = image();
      const { requestId } = await ask(world, { modelHash: DIGITS, input });
      const end = await ended(world, requestId);
      expect(end.event).to.equal("Fulfilled");
      const outputs = await outputOf(world, end);
      const found = outputs.find(({ name }) => name === "digit")?.tensor;
      expect(found !== undefined && found.dtype !== 8 && Buffer.from(found.data).equals(digit)).to.equal(true);
      expect(await world.hub.getFunction("operatorCreditOf").staticCall(1)).to.equal(10n ** 15n);
    });

    it("answers many requests in few transactions", async () => {
      const { input } = image();
      await world.provider.send("evm_setAutomine", [false]);
      const asked: string[] = [];
      try {
        // All in one block, so that their answers wait together.
        const sends = Array.from({ length: 12 }, () => ask(world, { modelHash: DIGITS, input }));
        await new Promise((resolve) => setImmediate(resolve));
        let pending = 0;
        while (pending < 12)
          pending = (await world.provider
            .send("eth_getBlockTransactionCountByNumber", ["pending"])
            .then(Number)) as number;
        await world.provider.send("evm_mine", []);
        asked.push(...(await Promise.all(sends)).map(({ requestId }) => requestId));
      } finally {
        await world.provider.send("evm_setAutomine", [true]);
      }
      // The posts wait in the pool while nothing is mined.
      await world.provider.send("evm_mine", []);
      const ends = await Promise.all(asked.map((id) => ended(world, id)));
      expect(new Set(ends.map(({ event }) => event))).to.deep.equal(new Set(["Fulfilled"]));
      expect(new Set(ends.map(({ transactionHash }) => transactionHash)).size).to.be.lessThan(12);
    });

    for (const [what, modelHash, input, reason] of [
      ["a model that nobody has", UNKNOWN_MODEL, () => image().input, REFUSAL_REASON.MODEL_UNKNOWN],
      ["an input that is no tensor set", DIGITS, () => Uint8Array.of(9, 9, 9), REFUSAL_REASON.INPUT_MALFORMED],
      [
        "an input with trailing bytes",
        DIGITS,
        () => Buffer.concat([image().input, Buffer.of(0)]),
        REFUSAL_REASON.INPUT_MALFORMED,
      ],
      [
        "an input for another model",
        DIGITS,
        () => encoded(goldenSets("eth_volatility")[0]?.inputs ?? []),
        REFUSAL_REASON.INPUT_MISMATCH,
      ],
    ] as const) {
      it(`refuses ${what}, and gives the escrow back`, async () => {
        const account = await world.requester.getAddress();
        const before = (await world.hub.getFunction("creditOf").staticCall(account)) as bigint;
        const { requestId } = await ask(world, { modelHash, input: input() });
        const end = await ended(world, requestId);
        expect([end.event, end.reason]).to.deep.equal(["Refused", reason]);
        expect(await world.hub.getFunction("creditOf").staticCall(account)).to.equal(before + 10n ** 15n);
      });
    }
  });
}

describe("the main job through a crash", () => {
  let world: World;
  before(async () => {
    world = await openWorld("hardhat");
  });
  after(() => world.end());

  it("answers what was asked while the daemon was dead, and nothing twice", async () => {
    const { input } = image();
    const first = await world.start();
    const { requestId } = await ask(world, { modelHash: DIGITS, input });
    expect((await ended(world, requestId)).event).to.equal("Fulfilled");
    const open = [await ask(world, { modelHash: DIGITS, input })];
    // SIGKILL at whatever point it is: nothing it knows only in memory may matter.
    first.child.process.kill("SIGKILL");
    await first.child.exited;
    for (let i = 0; i < 3; i++) open.push(await ask(world, { modelHash: DIGITS, input }));
    await world.start();
    for (const asked of open) expect((await ended(world, asked.requestId)).event).to.equal("Fulfilled");
    const all = await world.hub.queryFilter(world.hub.getEvent("Fulfilled")());
    expect(all.length).to.equal(open.length + 1);
  });

  it("verifies an answer with the daemon stopped and its store deleted", async () => {
    await world.children.stopAll().catch(() => undefined);
    const again = await openWorld("anvil");
    try {
      const daemon = await again.start();
      const { requestId } = await ask(again, { modelHash: DIGITS, input: image().input });
      await ended(again, requestId);
      await daemon.child.stop();
      rmSync(join(again.dataDir, "store.sqlite"), { force: true });
      const rpc = new RpcClient({ urls: [again.chain.url] });
      const { verdict, checks } = await verifyRequest({ rpc, deployment: again.record, requestId: hex32(requestId) });
      rpc.close();
      expect(checks.filter(({ ok }) => ok === false)).to.deep.equal([]);
      expect(verdict).to.equal("verified");
    } finally {
      await again.end();
    }
  });
});

describe("the main job when clocks disagree", () => {
  for (const [what, shift] of [
    ["an hour ahead of", 3_600],
    ["an hour behind", -3_600],
  ] as const) {
    it(`serves on a chain ${what} this machine's clock`, async () => {
      const world = await openWorld("anvil", ["--timestamp", String(Math.floor(Date.now() / 1_000) + shift)]);
      try {
        await world.start();
        const { requestId } = await ask(world, { modelHash: DIGITS, input: image().input });
        expect((await ended(world, requestId)).event).to.equal("Fulfilled");
      } finally {
        await world.end();
      }
    });
  }
});

describe("a daemon that must not start", () => {
  let world: World;
  before(async () => {
    world = await openWorld("anvil");
  });
  after(() => world.end());

  async function refusalOf(start: Promise<unknown>): Promise<string> {
    return start.then(
      () => "it started",
      (error: Error) => error.message,
    );
  }

  it("refuses a second daemon on the same store", async () => {
    await world.start();
    expect(await refusalOf(world.start())).to.contain("STORE_LOCKED");
  });

  it("refuses a chain that was started anew since the deployment", async () => {
    const other = await openWorld("anvil", ["--timestamp", "1700000000"]);
    try {
      expect(await refusalOf(other.start([], world.deploymentFile))).to.contain("DEPLOYMENT_GENESIS_MISMATCH");
    } finally {
      await other.end();
    }
  });

  it("refuses an unknown flag and names the nearest", async () => {
    expect(await refusalOf(world.start(["--enclavez", "3"]))).to.contain("CONFIG");
  });
});
