import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { isAssayError } from "../../../executor/domain/errors";
import { RpcClient } from "../../../executor/rpc/client";

type Handler = (calls: { id: number; method: string }[]) => unknown;

describe("RPC client", () => {
  const servers: Server[] = [];
  const clients: RpcClient[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A node that answers what the handler gives; undefined: it never answers. */
  const node = (handler: Handler): Promise<string> =>
    new Promise((resolve) => {
      const server = createServer((incoming, response) => {
        let body = "";
        incoming.on("data", (part) => {
          body += String(part);
        });
        incoming.on("end", () => {
          const parsed = JSON.parse(body);
          const answer = handler(Array.isArray(parsed) ? parsed : [parsed]);
          if (answer !== undefined) response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
        });
      });
      servers.push(server);
      server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    });
  const client = (urls: string[], timeoutMs = 2_000) => {
    const made = new RpcClient({ urls, timeoutMs });
    clients.push(made);
    return made;
  };
  const codeOf = (run: Promise<unknown>) =>
    run.then(
      () => "none",
      (error: unknown) => (isAssayError(error) ? error.code : "other"),
    );
  const result =
    (value: unknown): Handler =>
    (calls) =>
      calls.map(({ id }) => ({ jsonrpc: "2.0", id, result: value }));

  it("puts the answers of a batch into the order of its calls", async () => {
    const url = await node((calls) => calls.map(({ id, method }) => ({ id, result: method })).reverse());
    const answers = await client([url]).batch(["a", "b", "c"].map((method) => ({ method, params: [] })));
    expect(answers.map((answer) => answer.ok && answer.value)).to.deep.equal(["a", "b", "c"]);
  });

  it("takes a missing answer for a failed read, never for an empty one", async () => {
    const url = await node((calls) => calls.slice(1).map(({ id }) => ({ id, result: [] })));
    expect(
      await codeOf(
        client([url]).batch([
          { method: "a", params: [] },
          { method: "b", params: [] },
        ]),
      ),
    ).to.equal("RPC_ANSWER_MALFORMED");
  });

  it("turns to the next address from one that is down, silent or no node, and stays there", async () => {
    const good = await node(result("0x1"));
    for (const bad of ["http://127.0.0.1:1", await node(() => undefined), await node(() => "<html>")]) {
      const rpc = client([bad, good], 200);
      expect(await rpc.call("eth_chainId")).to.equal("0x1");
      expect(rpc.activeUrl).to.equal(good);
    }
  });

  it("says which way a read failed when no address answers", async () => {
    expect(await codeOf(client(["http://127.0.0.1:1"]).call("x"))).to.equal("RPC_UNREACHABLE");
    expect(await codeOf(client([await node(() => undefined)], 100).call("x"))).to.equal("RPC_TIMEOUT");
  });

  it("gives a node's error as an answer, with the revert data wherever the node puts it", async () => {
    for (const data of ["0xdeadbeef", { data: "0xdeadbeef" }, { data: { data: "0xdeadbeef" } }]) {
      const url = await node((calls) => calls.map(({ id }) => ({ id, error: { code: 3, message: "any text", data } })));
      const [answer] = await client([url]).batch([{ method: "eth_call", params: [] }]);
      expect(answer).to.deep.include({ ok: false });
      expect(answer?.ok === false && answer.error.data).to.equal("0xdeadbeef");
    }
  });

  it("asks every address when they are to be compared", async () => {
    const urls = [await node(result("0xa")), await node(result("0xb")), "http://127.0.0.1:1"];
    const all = await client(urls).everywhere([{ method: "eth_chainId", params: [] }]);
    expect(all.map(({ answers }) => (Array.isArray(answers) ? answers[0] : answers.code))).to.deep.equal([
      { ok: true, value: "0xa" },
      { ok: true, value: "0xb" },
      "RPC_UNREACHABLE",
    ]);
  });
});
