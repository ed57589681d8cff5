import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import WebSocket, { WebSocketServer } from "ws";
import { type JsonRpcFront, type JsonRpcFrontArgs, startJsonRpcFront } from "../../../executor/intake/jsonRpcFront";
import { h } from "../jobs/fixtures";
import { FakeGate, rpc } from "./frontSupport";

describe("JSON-RPC front: sockets", () => {
  let node: WebSocketServer;
  let front: JsonRpcFront;
  let errors: unknown[];
  /** What the node's end of a client's socket does with a message. */
  let onMessage: (socket: WebSocket, text: string) => void;

  const wsUrl = () => `ws://127.0.0.1:${(node.address() as AddressInfo).port}`;
  const start = async (args: Partial<JsonRpcFrontArgs> = {}) => {
    front = await startJsonRpcFront({
      host: "127.0.0.1",
      port: 0,
      gate: new FakeGate(),
      upstream: { send: async () => "{}", wsUrl: wsUrl() },
      devMethods: false,
      onError: (error) => errors.push(error),
      ...args,
    });
  };
  beforeEach(async () => {
    errors = [];
    onMessage = (socket, text) => socket.send(text);
    node = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    node.on("connection", (socket) => socket.on("message", (data) => onMessage(socket, String(data))));
    await once(node, "listening");
    await start();
  });
  afterEach(async () => {
    await front.close();
    for (const socket of node.clients) socket.terminate();
    node.close();
    expect(errors).to.deep.equal([]);
  });

  const open = async () => {
    const client = new WebSocket(front.wsUrl);
    await once(client, "open");
    return client;
  };
  const ended = async (client: WebSocket) => (await once(client, "close"))[0];
  const next = async (client: WebSocket) => JSON.parse(String((await once(client, "message"))[0]));

  it("hand the node exactly the call that was looked at, and its words to the client", async () => {
    const client = await open();
    onMessage = (socket, text) => socket.send(JSON.stringify({ got: JSON.parse(text) }));
    client.send('{"id":1,"extra":true,"jsonrpc":"2.0","method":"eth_subscribe","params":["newHeads"]}');
    expect(await next(client)).to.deep.equal({ got: rpc("eth_subscribe", ["newHeads"]) });
    client.send(JSON.stringify([rpc("a", [], 1), rpc("b", [], 2)]));
    expect(await next(client)).to.deep.equal({ got: [rpc("a", [], 1), rpc("b", [], 2)] });
    client.terminate();
  });

  it("let no method of development nodes through where none is allowed", async () => {
    const client = await open();
    client.send(JSON.stringify(rpc("evm_mine")));
    expect((await next(client)).error.code).to.equal(-32_601);
    client.terminate();
  });

  it("wait for the node's end before anything is read, and lose nothing of it", async () => {
    const client = new WebSocket(front.wsUrl);
    const ids: number[] = [];
    const both = new Promise<void>((resolve) =>
      client.on("message", (data) => {
        ids.push(JSON.parse(String(data)).id);
        if (ids.length === 2) resolve();
      }),
    );
    client.on("open", () => {
      client.send(JSON.stringify(rpc("eth_subscribe", [], 1)));
      client.send(JSON.stringify(rpc("pipe_status", [h("none")], 2)));
    });
    await both;
    expect(ids.sort()).to.deep.equal([1, 2]);
    client.terminate();
  });

  it("are closed with 1011 when the node's end goes, or was never there", async () => {
    const client = await open();
    client.send(JSON.stringify(rpc("a")));
    await next(client);
    for (const socket of node.clients) socket.terminate();
    expect(await ended(client)).to.equal(1011);
    await front.close();
    await start({ upstream: { send: async () => "{}", wsUrl: "ws://127.0.0.1:1" } });
    expect(await ended(new WebSocket(front.wsUrl))).to.equal(1011);
  });

  it("end with the node's end when the client goes", async () => {
    const connected = once(node, "connection") as Promise<[WebSocket]>;
    const client = await open();
    const [upstream] = await connected;
    client.close();
    await once(upstream, "close");
  });

  it("are closed with 1009 for a message that is too large, and with 1003 for one that is no text", async () => {
    await front.close();
    await start({ maxBodyBytes: 200 });
    const large = await open();
    large.send("x".repeat(201));
    expect(await ended(large)).to.equal(1009);
    const binary = await open();
    binary.send(Buffer.from("{}"), { binary: true });
    expect(await ended(binary)).to.equal(1003);
  });

  it("stop reading the node while the client does not read, and go on where they stopped", async () => {
    const chunk = "x".repeat(2 ** 20);
    const chunks = 96;
    const connected = once(node, "connection") as Promise<[WebSocket]>;
    const client = await open();
    const [upstream] = await connected;
    client.pause();
    let written = 0;
    for (let i = 0; i < chunks; i += 1)
      upstream.send(JSON.stringify({ i, chunk }), () => {
        written += 1;
      });
    // With nobody reading, what is written into kernel buffers and the front's own bound is far from all.
    for (let turns = 0; turns < 200; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.bufferedAmount).to.be.greaterThan(32 * 2 ** 20);
    expect(written).to.be.lessThan(chunks);
    const order: number[] = [];
    const all = new Promise<void>((resolve) =>
      client.on("message", (data) => {
        order.push(JSON.parse(String(data)).i);
        if (order.length === chunks) resolve();
      }),
    );
    client.resume();
    await all;
    expect(order).to.deep.equal(order.map((_, i) => i));
    client.terminate();
  });

  it("are told when the engine stops", async () => {
    const client = await open();
    const code = ended(client);
    await front.close();
    expect(await code).to.equal(1001);
  });

  it("are not taken where the node has none", async () => {
    await front.close();
    await start({ upstream: { send: async () => "{}" } });
    const client = new WebSocket(front.wsUrl);
    const [error] = await once(client, "error");
    expect(error).to.be.instanceOf(Error);
  });
});
