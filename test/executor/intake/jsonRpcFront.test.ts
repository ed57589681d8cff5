import { expect } from "chai";
import { Wallet } from "ethers";
import { AssayError } from "../../../executor/domain/errors";
import { type JsonRpcFront, type JsonRpcFrontArgs, startJsonRpcFront } from "../../../executor/intake/jsonRpcFront";
import { pipeError } from "../../../executor/pipe/errors";
import { h, SENDER } from "../jobs/fixtures";
import { FakeGate, FILLED, post, rpc } from "./frontSupport";

const WALLET = new Wallet(`0x${"11".repeat(32)}`);
const signed = (nonce: number, fields: object = {}) =>
  WALLET.signTransaction({
    ...{ chainId: 31_337, nonce, to: SENDER, value: 1n, gasLimit: 21_000n },
    ...{ maxFeePerGas: 10n, maxPriorityFeePerGas: 1n, type: 2, ...fields },
  });

describe("JSON-RPC front", () => {
  let front: JsonRpcFront;
  let gate: FakeGate;
  let sent: string[];
  let errors: unknown[];
  let node: (body: string) => Promise<string>;
  /** A node that answers each call with its method's name, members of a batch in reverse. */
  const echo = async (body: string): Promise<string> => {
    const asked = JSON.parse(body);
    const one = ({ id, method }: { id: unknown; method: string }) => ({ jsonrpc: "2.0", id, result: method });
    return JSON.stringify(Array.isArray(asked) ? asked.map(one).reverse() : one(asked));
  };
  const start = async (args: Partial<JsonRpcFrontArgs> = {}) => {
    front = await startJsonRpcFront({
      host: "127.0.0.1",
      port: 0,
      gate,
      upstream: {
        send: (body) => {
          sent.push(body);
          return node(body);
        },
      },
      devMethods: true,
      onError: (error) => errors.push(error),
      ...args,
    });
  };
  const ask = async (method: string, params: unknown[] = []) => (await post(front.url, rpc(method, params))).json;

  beforeEach(async () => {
    [gate, sent, errors, node] = [new FakeGate(), [], [], echo];
    await start();
  });
  afterEach(() => front.close());

  describe("what it does not know", () => {
    it("goes to the node as it is, and comes back as the node wrote it", async () => {
      node = async () => '{"result" : 12345678901234567890, "jsonrpc":"2.0","id":"x" }';
      const reply = await post(front.url, rpc("eth_anything", [{ a: 1 }], "x"));
      expect(reply.text).to.equal('{"result" : 12345678901234567890, "jsonrpc":"2.0","id":"x" }');
      expect(JSON.parse(sent[0] ?? "")).to.deep.equal(rpc("eth_anything", [{ a: 1 }], "x"));
    });

    it("is one exchange for a batch, answered in order under the caller's ids, though they repeat", async () => {
      const reply = await post(front.url, [rpc("a", [], 7), rpc("pipe_status", [h("none")], "s"), rpc("b", [], 7)]);
      expect(reply.json).to.deep.equal([
        { jsonrpc: "2.0", id: 7, result: "a" },
        { jsonrpc: "2.0", id: "s", result: null },
        { jsonrpc: "2.0", id: 7, result: "b" },
      ]);
      expect(sent.length).to.equal(1);
    });

    it("is told to be unanswered where the node left it out or answered no JSON, with what that means", async () => {
      node = async () => JSON.stringify([{ jsonrpc: "2.0", id: 0, result: "a" }]);
      const [a, b] = (await post(front.url, [rpc("a"), rpc("eth_sendTransaction")])).json;
      expect(a.result).to.equal("a");
      expect(b.error).to.deep.include({ code: -32_603 });
      expect(b.error.data).to.deep.include({ code: "INTAKE_UPSTREAM_MALFORMED", retry: "unknown" });
      node = async () => "<html>502</html>";
      expect((await ask("a")).error.data.code).to.equal("INTAKE_UPSTREAM_MALFORMED");
      expect((await post(front.url, [rpc("a")])).json[0].error.data.code).to.equal("INTAKE_UPSTREAM_MALFORMED");
    });

    it("has the node's refusal of a batch in each of its places", async () => {
      node = async () => '{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"no batches"}}';
      const answers = (await post(front.url, [rpc("a", [], 1), rpc("b", [], 2)])).json;
      expect(
        answers.map((answer: { id: number; error: { code: number } }) => [answer.id, answer.error.code]),
      ).to.deep.equal([
        [1, -32_005],
        [2, -32_005],
      ]);
    });

    it("has the error of a node that is gone, and its class", async () => {
      node = () => Promise.reject(new AssayError({ code: "RPC_TIMEOUT", message: "no answer", retry: "unknown" }));
      for (const { error } of [await ask("a"), (await post(front.url, [rpc("a")])).json[0]])
        expect(error).to.deep.include({ code: -32_000, data: { code: "RPC_TIMEOUT", context: {}, retry: "unknown" } });
    });

    it("is let through for development nodes only where that is allowed", async () => {
      expect((await ask("evm_mine")).result).to.equal("evm_mine");
      await front.close();
      await start({ devMethods: false });
      for (const method of ["evm_mine", "hardhat_reset", "anvil_setCode"]) {
        expect((await ask(method)).error.code, method).to.equal(-32_601);
        expect((await post(front.url, [rpc(method)])).json[0].error.code).to.equal(-32_601);
      }
      expect(sent.length).to.equal(1);
    });
  });

  describe("JSON-RPC itself", () => {
    const code = async (body: unknown) => (await post(front.url, body)).json?.error?.code;

    it("refuses what is no JSON and no call, with the numbers of the specification", async () => {
      expect(await code("{")).to.equal(-32_700);
      for (const bad of [
        1,
        {},
        { jsonrpc: "1.0", id: 1, method: "a" },
        rpc("a", [], {}),
        { ...rpc("a"), params: 1 },
        [],
      ])
        expect(await code(bad), JSON.stringify(bad)).to.equal(-32_600);
      expect(sent).to.deep.equal([]);
    });

    it("answers the rest of a batch that holds something else, in order", async () => {
      const answers = (await post(front.url, [1, rpc("a", [], 5), { id: 6 }])).json;
      expect(
        answers.map(({ id, error }: { id: unknown; error?: { code: number } }) => [id, error?.code]),
      ).to.deep.equal([
        [null, -32_600],
        [5, undefined],
        [6, -32_600],
      ]);
    });

    it("answers a notification with nothing, and makes the call", async () => {
      for (const body of [{ jsonrpc: "2.0", method: "a" }, [{ jsonrpc: "2.0", method: "b" }]]) {
        const reply = await post(front.url, body);
        expect([reply.status, reply.text]).to.deep.equal([204, ""]);
      }
      expect(sent.length).to.equal(2);
      await post(front.url, { jsonrpc: "2.0", method: "eth_sendRawTransaction", params: [await signed(0)] });
      expect(gate.held.size).to.equal(1);
    });

    it("makes no call of a batch or a message that is too large", async () => {
      await front.close();
      await start({ maxBatch: 2, maxBodyBytes: 500 });
      expect(await code([rpc("a"), rpc("b"), rpc("c")])).to.equal(-32_600);
      const large = await post(front.url, rpc("a", ["x".repeat(500)]));
      expect([large.status, large.json.error.code]).to.deep.equal([413, -32_600]);
      expect(sent).to.deep.equal([]);
    });

    it("reads only what says that it is JSON, and only by POST", async () => {
      const plain = await post(front.url, rpc("a"), { headers: { "content-type": "text/plain" } });
      expect(plain.status).to.equal(415);
      expect((await post(front.url, "", { method: "GET" })).status).to.equal(404);
    });
  });

  describe("who asks", () => {
    it("is known by a key in the path or the header", async () => {
      const question = rpc("pipe_simulate", [{ from: SENDER }]);
      await post(front.url, question);
      await post(`${front.url}/v1/secret`, question);
      await post(`${front.url}/v1/secret`, question, { headers: { authorization: "Bearer other" } });
      expect(gate.callers.map(({ apiKey }) => apiKey)).to.deep.equal([undefined, "secret", "other"]);
      expect(gate.callers[0]?.remote).to.equal("127.0.0.1");
    });

    it("must reach it under its own name, and be no page of a stranger", async () => {
      expect((await post(front.url, rpc("a"), { headers: { host: "attacker.example" } })).status).to.equal(421);
      expect((await post(front.url, rpc("a"), { headers: { origin: "https://a.example" } })).status).to.equal(403);
      expect(sent).to.deep.equal([]);
      const extension = { origin: "chrome-extension://abc" };
      expect((await post(front.url, rpc("a"), { headers: extension })).status).to.equal(200);
      await front.close();
      await start({ allowOrigins: ["https://a.example"] });
      const headers = { origin: "https://a.example" };
      const asked = await post(front.url, "", { method: "OPTIONS", headers });
      expect(asked.status).to.equal(204);
      expect(asked.headers["access-control-allow-origin"]).to.equal("https://a.example");
      expect((await post(front.url, rpc("a"), { headers })).headers["access-control-allow-origin"]).to.equal(
        "https://a.example",
      );
    });

    it("is on this machine unless others are allowed", async () => {
      await front.close();
      const failed = await start({ host: "0.0.0.0" }).catch((error: unknown) => error);
      expect(failed).to.have.property("code", "INTAKE_HOST_NOT_ALLOWED");
      await start();
      const taken = await start({ port: Number(new URL(front.url).port) }).catch((error: unknown) => error);
      expect(taken).to.have.property("code", "INTAKE_PORT_TAKEN");
    });
  });

  describe("an estimate of gas", () => {
    const call = { from: WALLET.address, to: WALLET.address, data: "0x1234" };

    it("is the gate's where results are needed, also in a batch, and the node's where they are not", async () => {
      gate.estimate = 70_000n;
      expect((await ask("eth_estimateGas", [call])).result).to.equal("0x11170");
      expect((await ask("eth_estimateGas", [call, "latest"])).result).to.equal("0x11170");
      const [a, b] = (await post(front.url, [rpc("eth_estimateGas", [call], "a"), rpc("eth_chainId", [], "b")])).json;
      expect([a, b]).to.deep.equal([
        { jsonrpc: "2.0", id: "a", result: "0x11170" },
        { jsonrpc: "2.0", id: "b", result: "eth_chainId" },
      ]);
      expect(gate.questions[0]).to.deep.include({ from: WALLET.address.toLowerCase(), data: "0x1234" });
      gate.estimate = undefined;
      expect((await ask("eth_estimateGas", [call])).result).to.equal("eth_estimateGas");
      expect(JSON.parse(sent.at(-1) ?? "").params).to.deep.equal([call]);
    });

    it("is the node's in one exchange for many of a batch, beside what the node is asked anyway", async () => {
      // Found: each member of a batch became an exchange of its own with the node, all of them at once.
      const asked = [rpc("eth_chainId", [], "x"), ...[1, 2, 3].map((i) => rpc("eth_estimateGas", [call], i))];
      const answers = (await post(front.url, asked)).json;
      expect(answers.map(({ result }: { result: string }) => result)).to.deep.equal([
        "eth_chainId",
        ...[1, 2, 3].map(() => "eth_estimateGas"),
      ]);
      expect(sent.length).to.equal(2);
    });

    it("has the access list's gas on top", async () => {
      gate.estimate = 70_000n;
      const accessList = [{ address: WALLET.address, storageKeys: [h("a"), h("b")] }];
      const { result } = await ask("eth_estimateGas", [{ ...call, type: "0x2", accessList }]);
      expect(BigInt(result)).to.equal(76_200n);
    });

    it("is the node's alone for what the gate can not know, or brings no results for", async () => {
      const { from: _from, ...anonymous } = call;
      const others = [
        { authorizationList: [{}] },
        { type: "0x4" },
        { type: "0x3" },
        { blobVersionedHashes: [h("blob")] },
        { accessList: "x" },
      ];
      for (const other of others)
        expect((await ask("eth_estimateGas", [{ ...call, ...other }])).result).to.equal("eth_estimateGas");
      for (const params of [[anonymous], [{ ...call, data: "0x" }], [call, "0x1"], [call, "latest", {}], []])
        expect((await ask("eth_estimateGas", params)).result, JSON.stringify(params)).to.equal("eth_estimateGas");
      expect(gate.questions).to.deep.equal([]);
    });

    it("says why where an inference can not be had", async () => {
      gate.failure = new AssayError({ code: "PIPE_INFERENCE_UNAVAILABLE", message: "nobody has it", retry: "later" });
      const { error } = await ask("eth_estimateGas", [call]);
      expect(error.data).to.deep.include({ code: "PIPE_INFERENCE_UNAVAILABLE" });
      expect(sent).to.deep.equal([]);
    });
  });

  describe("a signed transaction", () => {
    it("is given to the gate and to nobody else, and is shown as pending while it is held", async () => {
      const raw = await signed(3);
      const { result: hash } = await ask("eth_sendRawTransaction", [raw]);
      expect([...gate.held]).to.deep.equal([[hash, raw]]);
      expect(sent).to.deep.equal([]);
      node = async (body) => JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(body).id, result: null });
      const { result } = await ask("eth_getTransactionByHash", [hash]);
      expect(result).to.deep.include({ hash, blockHash: null, blockNumber: null, nonce: "0x3", type: "0x2" });
      expect(result).to.deep.include({ from: WALLET.address.toLowerCase(), gasPrice: "0xa", maxFeePerGas: "0xa" });
      expect((await ask("eth_getTransactionByHash", [h("other")])).result).to.equal(null);
    });

    it("is shown by the node's own word as soon as the node has it", async () => {
      const { result: hash } = await ask("eth_sendRawTransaction", [await signed(0)]);
      expect((await ask("eth_getTransactionByHash", [hash])).result).to.equal("eth_getTransactionByHash");
    });

    it("counts for the next nonce, where the node does not know more", async () => {
      await ask("eth_sendRawTransaction", [await signed(3)]);
      const count = async (answer: string, tag: string) => {
        node = async (body) => JSON.stringify({ jsonrpc: "2.0", id: JSON.parse(body).id, result: answer });
        return (await ask("eth_getTransactionCount", [WALLET.address, tag])).result;
      };
      expect(await count("0x1", "pending")).to.equal("0x4");
      expect(await count("0x9", "pending")).to.equal("0x9");
      expect(await count("0x1", "latest")).to.equal("0x1");
    });

    it("is accepted in the order of its batch", async () => {
      const order: string[] = [];
      const [first, second] = [await signed(0), await signed(1)];
      // The first one takes several turns of the loop; the second would overtake it.
      gate.before = async (raw) => {
        if (raw === first) for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
        order.push(raw);
      };
      const batch = [rpc("eth_sendRawTransaction", [first]), rpc("eth_sendRawTransaction", [second])];
      const answers = (await post(front.url, batch)).json;
      expect(answers.map((answer: { result?: string }) => typeof answer.result)).to.deep.equal(["string", "string"]);
      expect(order).to.deep.equal([first, second]);
    });

    it("comes back refused with our code, in the words by which wallets know it", async () => {
      const refused = async (error: AssayError) => {
        gate.failure = error;
        return (await ask("eth_sendRawTransaction", [await signed(0)])).error;
      };
      const low = await refused(pipeError("PIPE_NONCE_TOO_LOW", { nonce: 0n }));
      expect(low).to.deep.include({ code: -32_000 });
      expect(low.data).to.deep.equal({ code: "PIPE_NONCE_TOO_LOW", context: { nonce: "0x0" }, retry: "never" });
      expect(low.message).to.match(/^nonce too low: /);
      const busy = await refused(pipeError("PIPE_OVERLOADED", {}, { retry: "later" }));
      expect(busy.data).to.deep.include({ code: "PIPE_OVERLOADED", retry: "later" });
      const reverted = await refused(pipeError("PIPE_TRANSACTION_REVERTS", { data: "0x08c379a0" }));
      expect(reverted).to.deep.include({ code: 3, data: "0x08c379a0" });
      expect(reverted.message).to.match(/^execution reverted: /);
      expect((await refused(pipeError("PIPE_TRANSACTION_REVERTS"))).code).to.equal(-32_000);
      expect(errors).to.deep.equal([]);
    });

    it("is said to be of unknown fate where the gate broke, with the hash to look for", async () => {
      gate.failure = new TypeError("a bug");
      const { error } = await ask("eth_sendRawTransaction", [await signed(0)]);
      expect(error.data).to.deep.include({ code: "PIPE_OUTCOME_UNKNOWN", retry: "unknown" });
      expect(error.data.context.hash).to.match(/^0x[0-9a-f]{64}$/);
      expect(error.message).to.not.include("a bug");
      expect(errors.length).to.equal(1);
    });

    for (const params of [[], ["0x1"], ["raw"], [5], ["0x", "0x"]])
      it(`is not read from ${JSON.stringify(params)}`, async () => {
        expect((await ask("eth_sendRawTransaction", params)).error.code).to.equal(-32_602);
        expect(gate.callers).to.deep.equal([]);
      });
  });

  describe("methods of PIPE", () => {
    it("simulate a call that a wallet would send", async () => {
      const to = `0x${"CD".repeat(20)}`;
      const { result } = await ask("pipe_simulate", [{ from: SENDER, to, value: "0x10", input: "0xAB", nonce: "0x1" }]);
      expect(gate.questions).to.deep.equal([
        { from: SENDER, to: to.toLowerCase(), value: 16n, data: "0xab", gas: undefined },
      ]);
      expect(result).to.deep.include({ rounds: "0x1", gasUsed: "0xc350", feeWei: "0xa", provideGas: "0x9c40" });
      expect(result.inferences[0]).to.deep.include({ key: FILLED.inference.key, input: "0x0102" });
      expect(result.inferences[0].terms.minTrust).to.equal("0x3");
    });

    it("prepare results with the calldata that brings them", async () => {
      const { result } = await ask("pipe_prepare", [{ from: SENDER, to: null, data: "0x00" }, "latest"]);
      expect(result).to.deep.include({ provide: "0x1234", expiresAt: "0x7d0" });
      expect(result.results[0]).to.deep.include({ output: "0x0304", proof: `0x${"05".repeat(64)}`, feeWei: "0xa" });
    });

    it("pass errors of a simulation on with its revert data", async () => {
      gate.failure = pipeError("PIPE_TRANSACTION_REVERTS", { data: "0xdeadbeef" });
      expect((await ask("pipe_simulate", [{ from: SENDER }])).error).to.deep.include({ code: 3, data: "0xdeadbeef" });
    });

    const intent = {
      ...{ from: SENDER, target: SENDER, value: "0x0", data: "0x", nonce: `0x${"f".repeat(64)}`, deadline: "0x10" },
      ...{ maxResultFeeWei: "0x1", relayFeeWei: "0x2", maxFailureFeeWei: "0x3", gas: "0x5208", relayer: SENDER },
    };

    it("take an intent and give its digest", async () => {
      expect((await ask("pipe_sendIntent", [intent, "0xABCD"])).result).to.equal(h("intent"));
      expect(gate.intents[0]?.signature).to.equal("0xabcd");
      expect(gate.intents[0]?.intent).to.deep.include({ nonce: 2n ** 256n - 1n, gas: 21_000, deadline: 16n });
    });

    it("tell the life of what was given, without its signed bytes", async () => {
      const { result } = await ask("pipe_status", [h("intent")]);
      expect(result).to.deep.include({ state: "landed", nonce: "0xff", reason: null, blockNumber: "0x5" });
      expect(result.timeline).to.deep.equal([{ step: "accepted", hostMs: "0x10", detail: { rounds: 1 } }]);
      expect(JSON.stringify(result)).to.not.include("5ec7e7");
      expect((await ask("pipe_status", [h("nobody's")])).result).to.equal(null);
    });

    for (const [method, params] of [
      ["pipe_simulate", []],
      ["pipe_simulate", [{}]],
      ["pipe_simulate", [{ from: "0x1" }]],
      ["pipe_simulate", [{ from: SENDER, value: 1 }]],
      ["pipe_simulate", [{ from: SENDER, data: "0x01", input: "0x02" }]],
      ["pipe_prepare", [{ from: SENDER, gas: `0x1${"0".repeat(16)}` }]],
      ["pipe_sendIntent", [intent]],
      ["pipe_sendIntent", [{ ...intent, gas: "0x100000000" }, "0x"]],
      ["pipe_sendIntent", [{ ...intent, nonce: undefined }, "0x"]],
      ["pipe_status", ["0x12"]],
    ] as const)
      it(`refuse ${method} of ${JSON.stringify(params).slice(0, 60)}`, async () => {
        const { error } = await ask(method, [...params]);
        expect(error.code).to.equal(-32_602);
        expect(error.data).to.deep.include({ code: "INTAKE_PARAMS_INVALID", retry: "never" });
        expect([gate.questions, gate.intents]).to.deep.equal([[], []]);
      });
  });
});
