import { connect, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { freePort } from "../../scripts/start/freePort";
import { ask, committedModel, encoded, ended, goldenSets, openWorld, type World } from "./support/world";

const DIGITS = committedModel("digits").hash;

/** A way to a node that can be cut in the middle of a read and mended again, while the node itself goes on. */
class CuttableWay {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  constructor(
    readonly port: number,
    readonly target: number,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  mend(): Promise<void> {
    const server = createServer((near) => {
      const far = connect(this.target, "127.0.0.1");
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.pipe(far).pipe(near);
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", () => resolve());
    });
  }

  cut(): Promise<void> {
    const server = this.#server;
    return new Promise((resolve) => {
      if (server === undefined) return resolve();
      server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}

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
