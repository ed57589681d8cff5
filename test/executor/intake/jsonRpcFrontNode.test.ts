import { expect } from "chai";
import {
  ContractFactory,
  HDNodeWallet,
  Interface,
  isError,
  JsonRpcProvider,
  type Log,
  parseEther,
  Transaction,
  WebSocketProvider,
} from "ethers";
import WebSocket from "ws";
import { CONTRACT_SOURCES, readArtifact } from "../../../executor/deployment/artifacts";
import { type LocalNode, nodeProgram, startLocalNode } from "../../../executor/deployment/localNode";
import { AssayError } from "../../../executor/domain/errors";
import type { HexBytes } from "../../../executor/domain/ids";
import { type JsonRpcFront, startJsonRpcFront } from "../../../executor/intake/jsonRpcFront";
import { pipeError } from "../../../executor/pipe/errors";
import { httpEndpoint } from "../../../executor/rpc/transport";
import { FakeGate, post, rpc } from "./frontSupport";

const PHRASE = "test test test test test test test test test test test junk";

describe("JSON-RPC front before a real Hardhat node", function () {
  this.timeout(120_000);
  let node: LocalNode;
  let endpoint: ReturnType<typeof httpEndpoint>;
  let front: JsonRpcFront;
  let gate: FakeGate;
  let errors: unknown[];
  const providers: (JsonRpcProvider | WebSocketProvider)[] = [];

  before(async () => {
    node = await startLocalNode([nodeProgram("hardhat", 0)]);
    endpoint = httpEndpoint(node.url);
  });
  after(async () => {
    endpoint?.close();
    await node?.stop();
  });
  beforeEach(async () => {
    gate = new FakeGate();
    gate.release = release;
    errors = [];
    front = await startJsonRpcFront({
      host: "127.0.0.1",
      port: 0,
      gate,
      upstream: { send: (body) => endpoint.send(body, 20_000), wsUrl: node.wsUrl },
      devMethods: true,
      onError: (error) => errors.push(error),
    });
  });
  afterEach(async () => {
    for (const provider of providers.splice(0)) await provider.destroy();
    await front.close();
    expect(errors).to.deep.equal([]);
  });

  /** What an engine does with a transaction that needs nothing. */
  async function release(raw: HexBytes): Promise<void> {
    const answer = JSON.parse(await endpoint.send(JSON.stringify(rpc("eth_sendRawTransaction", [raw])), 20_000));
    if (answer.error !== undefined)
      throw new AssayError({ code: "PIPE_TRANSACTION_MALFORMED", message: answer.error.message });
  }
  const http = (options: object = {}): JsonRpcProvider => {
    // The interval is of the provider's own polling; nothing here waits for a time.
    const provider = new JsonRpcProvider(front.url, undefined, { pollingInterval: 20, cacheTimeout: -1, ...options });
    providers.push(provider);
    return provider;
  };
  const wallet = (provider: JsonRpcProvider | WebSocketProvider) => HDNodeWallet.fromPhrase(PHRASE).connect(provider);
  const accountAt = (i: number) => HDNodeWallet.fromPhrase(PHRASE, undefined, `m/44'/60'/0'/0/${i}`);
  const call = async (method: string, params: unknown[] = []) => {
    const { json } = await post(front.url, rpc(method, params));
    if (json.error !== undefined) throw new Error(json.error.message);
    return json.result;
  };

  it("lets ethers send and wait, and every transaction goes by the gate", async () => {
    const sender = wallet(http());
    const sent = await sender.sendTransaction({ to: accountAt(1).address, value: 1n });
    expect((await sent.wait())?.status).to.equal(1);
    expect(gate.callers.length).to.equal(1);
    expect((await sender.provider?.getTransaction(sent.hash))?.blockNumber).to.be.a("number");
  });

  it("shows ethers what is held: its nonce, and the transaction as pending", async () => {
    const provider = http();
    const sender = wallet(provider);
    const before = await sender.getNonce("pending");
    gate.release = undefined;
    const first = await sender.sendTransaction({ to: accountAt(1).address, value: 1n });
    expect(await sender.getNonce("pending")).to.equal(before + 1);
    expect(await sender.getNonce("latest")).to.equal(before);
    const second = await sender.sendTransaction({ to: accountAt(1).address, value: 2n });
    expect([first.nonce, second.nonce]).to.deep.equal([before, before + 1]);
    const shown = await provider.getTransaction(second.hash);
    expect(shown).to.include({
      hash: second.hash,
      blockNumber: null,
      nonce: before + 1,
      from: sender.address,
      value: 2n,
    });
    expect(shown?.signature.serialized).to.equal(second.signature.serialized);
    for (const raw of gate.held.values()) await release(raw);
    expect((await second.wait())?.status).to.equal(1);
  });

  it("shows every type of transaction in the form in which the node shows it", async () => {
    const sender = wallet(http());
    const to = accountAt(1).address;
    const nonce = await sender.getNonce("latest");
    const fees = { gasPrice: parseEther("0.0000001"), gasLimit: 60_000n, chainId: 31_337 };
    const dynamic = { maxFeePerGas: fees.gasPrice, maxPriorityFeePerGas: 1n, gasLimit: 60_000n, chainId: 31_337 };
    const accessList = [{ address: to, storageKeys: [`0x${"01".repeat(32)}`] }];
    const authority = accountAt(2);
    const authorization = await authority.authorize({ address: to, nonce: 0, chainId: 31_337 });
    const requests = [
      { type: 0, to, ...fees },
      { type: 1, to, accessList, ...fees },
      { type: 2, to, accessList, ...dynamic },
      { type: 4, to, authorizationList: [authorization], ...dynamic },
    ];
    for (const [i, request] of requests.entries()) {
      gate.release = undefined;
      const raw = await sender.signTransaction({ ...request, nonce: nonce + i });
      const hash = await call("eth_sendRawTransaction", [raw]);
      const held = await call("eth_getTransactionByHash", [hash]);
      await release(raw as HexBytes);
      gate.held.clear();
      const shown = await call("eth_getTransactionByHash", [hash]);
      // Mined, it names a block, and its price is what was paid.
      const place = { blockHash: null, blockNumber: null, transactionIndex: null, gasPrice: null };
      // Hardhat's form of authorizations and of keys that a type does not have is its own; what is compared is what both name.
      const common = Object.keys(held).filter((key) => key in shown);
      const pick = (tx: Record<string, unknown>) => Object.fromEntries(common.map((key) => [key, tx[key]]));
      expect({ ...pick(held), ...place }, `type ${request.type}`).to.deep.equal({ ...pick(shown), ...place });
      expect(common).to.include.members([
        "hash",
        "from",
        "to",
        "nonce",
        "value",
        "input",
        "gas",
        "v",
        "r",
        "s",
        "type",
      ]);
    }
  });

  it("lets ethers estimate and decode a custom error, in a call and in a transaction that the gate refuses", async () => {
    const sender = wallet(http());
    const { abi, bytecode } = readArtifact(CONTRACT_SOURCES.BatchDelegate, "BatchDelegate");
    const contract = await new ContractFactory(abi, bytecode, sender).deploy();
    await contract.waitForDeployment();
    expect((await sender.estimateGas({ to: accountAt(1).address, value: 1n })) >= 21_000n).to.equal(true);
    const failure = async (run: () => Promise<unknown>) =>
      run().then(
        () => undefined,
        (error: unknown) => error,
      );
    const execute = contract.getFunction("execute");
    for (const run of [() => execute.staticCall([]), () => execute.estimateGas([]), () => execute.send([])]) {
      const error = await failure(run);
      expect(isError(error, "CALL_EXCEPTION"), String(error)).to.equal(true);
      // ethers puts the name to it for calls; for the others it hands the data on.
      const data = isError(error, "CALL_EXCEPTION") ? (error.data ?? "0x") : "0x";
      expect(contract.interface.parseError(data)?.name).to.equal("DelegateCallerNotSelf");
    }
    const data = new Interface(abi).encodeErrorResult("DelegateCallerNotSelf", [sender.address]);
    gate.failure = pipeError("PIPE_TRANSACTION_REVERTS", { data });
    const raw = await sender.signTransaction(
      await sender.populateTransaction({ to: contract.target, data: "0x", gasLimit: 100_000n }),
    );
    const { error } = (await post(front.url, rpc("eth_sendRawTransaction", [raw]))).json;
    expect([error.code, error.data]).to.deep.equal([3, data]);
  });

  it("gives ethers the errors of a sent transaction that it knows by name", async () => {
    const sender = wallet(http());
    for (const [code, name] of [
      ["PIPE_NONCE_TOO_LOW", "NONCE_EXPIRED"],
      ["PIPE_BALANCE_TOO_LOW", "INSUFFICIENT_FUNDS"],
      ["PIPE_REPLACEMENT_UNDERPRICED", "REPLACEMENT_UNDERPRICED"],
    ] as const) {
      gate.failure = pipeError(code);
      const error = await sender.sendTransaction({ to: accountAt(1).address }).catch((cause: unknown) => cause);
      expect(error, code).to.have.property("code", name);
    }
  });

  it("serves what viem sends for one transfer, batched as viem batches it", async () => {
    // viem 2: `walletClient.sendTransaction` with a local account and `http(url, { batch: true })`.
    const sender = accountAt(3);
    const batch = async (...calls: [string, unknown[]][]) => {
      const body = calls.map(([method, params], i) => rpc(method, params, i));
      const answers = (await post(front.url, body)).json as { id: number; result: string; error?: unknown }[];
      expect(answers.map(({ id }) => id)).to.deep.equal(calls.map((_, i) => i));
      for (const { error } of answers) expect(error).to.equal(undefined);
      return answers.map(({ result }) => result);
    };
    const [chainId, nonce] = await batch(["eth_chainId", []], ["eth_getTransactionCount", [sender.address, "pending"]]);
    const [block, tip] = (await batch(
      ["eth_getBlockByNumber", ["latest", false]],
      ["eth_maxPriorityFeePerGas", []],
    )) as unknown as [{ baseFeePerGas: string }, string];
    const asked = { from: sender.address, to: accountAt(1).address, value: "0x1", type: "0x2" };
    const [gas] = await batch(["eth_estimateGas", [asked]]);
    const raw = await sender.signTransaction({
      ...{ type: 2, chainId: BigInt(chainId ?? 0), nonce: Number(nonce), to: asked.to, value: 1n },
      gasLimit: BigInt(gas ?? 0),
      maxPriorityFeePerGas: BigInt(tip),
      maxFeePerGas: (BigInt(block.baseFeePerGas) * 6n) / 5n + BigInt(tip),
    });
    const [hash] = await batch(["eth_sendRawTransaction", [raw]]);
    expect(hash).to.equal(Transaction.from(raw).hash);
    const [number, receipt] = await batch(["eth_blockNumber", []], ["eth_getTransactionReceipt", [hash]]);
    expect((receipt as unknown as { status: string; blockNumber: string }).status).to.equal("0x1");
    expect(number).to.match(/^0x/);
  });

  it("carries subscriptions, and takes transactions out of the same socket", async () => {
    const provider = new WebSocketProvider(front.wsUrl);
    providers.push(provider);
    const seen = new Promise<number>((resolve) => void provider.on("block", resolve));
    // The subscription is in place once the node has answered something that was asked after it.
    await provider.send("eth_chainId", []);
    const sent = await wallet(provider).sendTransaction({ to: accountAt(1).address, value: 1n });
    expect(gate.callers.length).to.equal(1);
    const receipt = await sent.wait();
    expect(await seen).to.equal(receipt?.blockNumber);
  });

  it("answers over a socket what it answers by POST: batches, errors, what is held", async () => {
    const socket = await connect();
    const sender = accountAt(4);
    gate.release = undefined;
    const nonce = Number(await call("eth_getTransactionCount", [sender.address, "latest"]));
    const fees = { type: 2, chainId: 31_337, maxFeePerGas: 10n ** 11n, gasLimit: 21_000n, to: sender.address };
    const raws = [
      await sender.signTransaction({ ...fees, nonce }),
      await sender.signTransaction({ ...fees, nonce: nonce + 1 }),
    ];
    socket.send(rpc("eth_sendRawTransaction", [raws[0]], "a"));
    socket.send([rpc("eth_chainId", [], 1), rpc("eth_sendRawTransaction", [raws[1]], 2), 7]);
    expect((await socket.next()).id).to.equal("a");
    const batch = await socket.next();
    expect(batch.map(({ id }: { id: unknown }) => id)).to.deep.equal([1, 2, null]);
    expect(batch[0].result).to.equal("0x7a69");
    socket.send(rpc("eth_getTransactionCount", [sender.address, "pending"], 3));
    expect(await socket.next()).to.deep.equal({ jsonrpc: "2.0", id: 3, result: `0x${(nonce + 2).toString(16)}` });
    socket.raw.send("{");
    expect((await socket.next()).error.code).to.equal(-32_700);
    socket.send(rpc("eth_noSuchMethod", [], 4));
    expect((await socket.next()).error.code).to.equal(-32_004);
    socket.raw.close();
    expect(await socket.closed).to.equal(1005);
  });

  it("takes no socket from a page of a stranger or for another path", async () => {
    for (const [path, headers] of [
      ["/", { origin: "https://a.example" }],
      ["/", { host: "attacker.example" }],
      ["/v2", {}],
    ] as const) {
      const socket = new WebSocket(`${front.wsUrl}${path}`, { headers });
      const error = await new Promise<Error>((resolve) => socket.once("error", resolve));
      expect(error.message, path).to.include("403");
    }
    const socket = await connect("/v1/secret");
    const raw = await accountAt(4).signTransaction({ chainId: 31_337, gasLimit: 21_000n, gasPrice: 1n, type: 0 });
    gate.release = undefined;
    socket.send(rpc("eth_sendRawTransaction", [raw]));
    await socket.next();
    expect(gate.callers.map(({ apiKey }) => apiKey)).to.deep.equal(["secret"]);
  });

  it("reads all logs of a subscription in the order of the node", async () => {
    const socket = await connect();
    socket.send(rpc("eth_subscribe", ["newHeads"], 1));
    const { result: subscription } = await socket.next();
    for (let i = 0; i < 20; i += 1) await call("evm_mine");
    const heads: number[] = [];
    while (heads.length < 20) {
      const { params } = await socket.next();
      expect(params.subscription).to.equal(subscription);
      heads.push(Number((params.result as Log & { number: string }).number));
    }
    expect(heads).to.deep.equal(heads.map((_, i) => (heads[0] ?? 0) + i));
  });

  interface Socket {
    readonly raw: WebSocket;
    readonly closed: Promise<number>;
    send(message: unknown): void;
    // biome-ignore lint/suspicious/noExplicitAny: answers are looked into field by field.
    next(): Promise<any>;
  }

  async function connect(path = "/"): Promise<Socket> {
    const raw = new WebSocket(`${front.wsUrl}${path}`);
    const got: unknown[] = [];
    const waiting: ((message: unknown) => void)[] = [];
    raw.on("message", (data) => {
      const message = JSON.parse(String(data));
      const next = waiting.shift();
      if (next === undefined) got.push(message);
      else next(message);
    });
    const closed = new Promise<number>((resolve) => raw.once("close", resolve));
    await new Promise((resolve, reject) => raw.once("open", resolve).once("error", reject));
    return {
      raw,
      closed,
      send: (message) => raw.send(JSON.stringify(message)),
      next: () => (got.length > 0 ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve))),
    };
  }
});
