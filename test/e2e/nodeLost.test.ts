import { expect } from "chai";
import { freePort } from "../../scripts/start/freePort";
import { CuttableWay } from "./support/cuttableWay";
import { ask, committedModel, encoded, ended, goldenSets, openWorld, type World } from "./support/world";

const DIGITS = committedModel("digits").hash;

describe("the main job with its node lost midway", () => {
  let world: World;
  let way: CuttableWay;
  before(async () => {
    world = await openWorld("anvil");
    way = new CuttableWay(await freePort(), world.chain.port);
    await way.mend();
  });
  after(async () => {
    await world?.end();
    await way?.cut();
  });

  it("answers what was asked before, meanwhile and afterwards, each once, by the same daemon", async () => {
    const input = encoded(goldenSets("digits")[0]?.inputs ?? []);
    const askOne = async () => (await ask(world, { modelHash: DIGITS, input })).requestId;
    let told = "";
    const daemon = await world.start([], world.deploymentFile, {
      rpcUrl: way.url,
      onOutput: (text) => {
        told += text;
      },
    });
    const asked = [await askOne(), await askOne()];
    await way.cut();
    asked.push(await askOne());
    // The daemon has noticed; until then nothing was lost yet.
    while (!/RPC_UNREACHABLE|RPC_TIMEOUT/.test(told)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await fetch(`${daemon.httpUrl}/healthz`)).status).to.equal(200);
    asked.push(await askOne());
    await way.mend();
    asked.push(await askOne());
    for (const requestId of asked) expect((await ended(world, requestId)).event).to.equal("Fulfilled");
    const all = await world.hub.queryFilter(world.hub.getEvent("Fulfilled")());
    expect(all.length).to.equal(asked.length);
    expect(told).to.not.contain("not foreseen");
  });
});
