import { expect } from "chai";
import { Contract, HDNodeWallet, hexlify, JsonRpcProvider, type Signer, SigningKey, Wallet } from "ethers";
import { PipeClient, type PipeClientOptions } from "../../../executor/client/index";
import { CONTRACT_SOURCES, readArtifact } from "../../../executor/deployment/artifacts";
import { type LocalNode, nodeProgram, startLocalNode } from "../../../executor/deployment/localNode";
import type { DeploymentRecord } from "../../../executor/deployment/record";
import { address, type Hex32, type HexBytes, hex32, ZERO_32 } from "../../../executor/domain/ids";
import type { FilledInference, PortableAnswer } from "../../../executor/domain/inference";
import type { PipeStatus } from "../../../executor/domain/pipe";
import { type JsonRpcFront, startJsonRpcFront } from "../../../executor/intake/jsonRpcFront";
import { pipeError } from "../../../executor/pipe/errors";
import { hexToBytes } from "../../../executor/protocol/bytes";
import { encodeExecute, encodeProvide, inferenceOf, portableDigest } from "../../../executor/protocol/portable";
import { domainSeparator } from "../../../executor/protocol/statement";
import { enclaveKey, now, PROFILE } from "../../contracts/helpers/world";
import { FakeGate, PREPARED } from "../intake/frontSupport";
import { h } from "../jobs/fixtures";
import { openPipeWorld } from "./pipeWorld";

const PHRASE = "test test test test test test test test test test test junk";
const MODEL = hex32(`0x${"41".repeat(32)}`);
const TERMS = { minTrust: 3, profile: hex32(PROFILE), imageId: ZERO_32 };
const FEE = 1_000n;
/** A contract that answers everything with 1: it trusts every forwarder. And one that trusts, and fails when it is called with more. */
const TRUSTING = "0x600a8060093d393df3600160005260206000f3";
const TRUSTING_AND_FAILING = "0x60178060093d393df360243611601157600160005260206000f35b60006000fd";

describe("client/pipe", function () {
  this.timeout(120_000);
  let node: LocalNode;
  let provider: JsonRpcProvider;
  let record: DeploymentRecord;
  let hub: Contract;
  let forwarder: Contract;
  let front: JsonRpcFront;
  let gate: EngineGate;
  let user: HDNodeWallet;
  let relayer: Signer;
  let snapshot: string;
  const key = enclaveKey("alice");

  /** An engine that says what it is told to say. */
  class EngineGate extends FakeGate {
    results: readonly FilledInference[] = [];
    said: PipeStatus | undefined;
    override async prepare(...args: Parameters<FakeGate["prepare"]>) {
      await super.prepare(...args);
      // Its own calldata is a trap: whoever uses it sends the user's money elsewhere.
      return {
        ...PREPARED,
        results: this.results,
        provide: "0xdeadbeef" as HexBytes,
        hub: address(`0x${"66".repeat(20)}`),
      };
    }
    override async sendIntent(args: Parameters<FakeGate["sendIntent"]>[0]): Promise<Hex32> {
      await super.sendIntent(args);
      return this.digest ?? hex32(await forwarder.getFunction("digestOf")(args.intent));
    }
    digest: Hex32 | undefined;
    override async status(): Promise<PipeStatus | undefined> {
      return this.said;
    }
  }

  const accountAt = (i: number) => HDNodeWallet.fromPhrase(PHRASE, undefined, `m/44'/60'/0'/0/${i}`).connect(provider);

  before(async () => {
    node = await startLocalNode([nodeProgram("hardhat", 0)]);
    provider = new JsonRpcProvider(node.url, undefined, { cacheTimeout: -1, pollingInterval: 20 });
    relayer = await provider.getSigner(1);
    ({ record, hub, forwarder } = await openPipeWorld(provider, { relayer, key }));
  });
  after(async () => {
    provider?.destroy();
    await node?.stop();
  });
  beforeEach(async () => {
    snapshot = await provider.send("evm_snapshot", []);
    user = accountAt(5);
    gate = new EngineGate();
    await start();
  });
  const start = async (port = 0) => {
    front = await startJsonRpcFront({
      host: "127.0.0.1",
      port,
      gate,
      upstream: { send: async () => "{}" },
      devMethods: true,
      onError: (error) => console.error(error),
    });
  };
  afterEach(async () => {
    await front.close();
    await provider.send("evm_revert", [snapshot]);
  });

  const connect = (options: Partial<PipeClientOptions> = {}) =>
    PipeClient.connect({ engineUrl: front.url, apiKey: "secret", signer: user, deployment: record, ...options });
  const codeOf = (promise: Promise<unknown>): Promise<{ code: string; context: Record<string, unknown> }> =>
    promise.then(
      () => ({ code: "no error", context: {} }),
      (error) => error,
    );
  const INPUT = Uint8Array.of(1, 2, 3);
  /** A result as an enclave of this world signs it; `fields` is what is signed otherwise. */
  const filled = async (
    fields: Partial<PortableAnswer> = {},
    signingKey = key,
    terms = TERMS,
  ): Promise<FilledInference> => {
    const inference = inferenceOf(MODEL, INPUT, terms);
    const at = Number(await now(await provider.getSigner(0)));
    const unsigned: PortableAnswer = {
      ...{ modelHash: MODEL, inputHash: inference.inputHash, signer: address(new Wallet(signingKey).address) },
      ...{ trust: 3, imageId: ZERO_32, runtimeProfile: TERMS.profile, feeWei: FEE, issuedAt: at, expiresAt: at + 600 },
      ...{ output: Uint8Array.of(7, 8), proof: new Uint8Array(64) },
      ...fields,
    };
    const contract = record.contracts.InferenceHub.address;
    const digest = portableDigest(domainSeparator({ name: "Assay", chainId: 31_337n, contract }), unsigned);
    return { inference, answer: { ...unsigned, proof: hexToBytes(signingKey.sign(digest).compactSerialized) } };
  };
  /** The user's own call: it fails with `InferenceRequired` unless the result is brought before it. */
  const call = () => ({
    to: String(hub.target),
    data: hub.interface.encodeFunctionData("infer", [MODEL, hexlify(INPUT), TERMS]),
  });

  describe("a bundle", () => {
    it("brings the results and makes the call, in one transaction of the user's own account", async () => {
      gate.results = [await filled()];
      const client = await connect();
      const authorization = await client.authorize();
      expect(authorization.chainId).to.equal(31_337n);
      const bundle = await client.prepareBundle(call(), { maxFeeWei: FEE, authorization });
      expect(gate.callers[0]?.apiKey).to.equal("secret");
      expect(bundle.feeWei).to.equal(FEE);
      const receipt = await (await user.sendTransaction({ ...bundle.request, gasLimit: 1_000_000n })).wait();
      expect(receipt?.status).to.equal(1);
      const operatorId = 1;
      expect(await hub.getFunction("operatorCreditOf")(operatorId)).to.equal(FEE);
      // The account has delegated now, so the next one needs no authorization, and the signer estimates it as any transaction.
      gate.results = [await filled()];
      const next = await client.prepareBundle(call(), { maxFeeWei: FEE });
      expect(next.request.authorizationList).to.equal(undefined);
      expect((await (await user.sendTransaction(next.request)).wait())?.status).to.equal(1);
    });

    it("is made of exactly the results that were checked and the user's call, whatever calldata the engine hands out", async () => {
      const result = await filled();
      gate.results = [result];
      const client = await connect();
      const authorization = await client.authorize();
      const wish = { to: `0x${"12".repeat(20)}`, value: 5n, data: "0xabcd" };
      const bundle = await client.prepareBundle(wish, { maxFeeWei: FEE, authorization });
      const delegate = readArtifact(CONTRACT_SOURCES.BatchDelegate, "BatchDelegate");
      const calls = [
        [hub.target, FEE, encodeProvide([result])],
        [wish.to, 5n, "0xabcd"],
      ];
      const expected = new Contract(String(hub.target), delegate.abi).interface.encodeFunctionData("execute", [calls]);
      expect(bundle.request).to.deep.include({ data: expected, to: address(user.address), value: 0n, type: 4 });
      const { InferenceHub, EnclaveRegistry } = record.contracts;
      const named = (bundle.request.accessList as { address: string }[]).map((entry) => entry.address);
      expect(named, "100 gas less for each").to.deep.equal([InferenceHub.address, EnclaveRegistry.address, wish.to]);
      const fromCredit = await client.prepareBundle(wish, { maxFeeWei: FEE, authorization, payFrom: "credit" });
      expect(fromCredit.request.data).to.not.equal(expected);
      expect(fromCredit.feeWei).to.equal(FEE);
    });

    it("is the plain call where nothing is needed", async () => {
      const wish = { to: `0x${"12".repeat(20)}`, value: 5n };
      const { request, expiresAt } = await (await connect()).prepareBundle(wish, { maxFeeWei: 0n });
      expect(request).to.deep.equal({ from: address(user.address), to: wish.to, value: 5n, data: "0x" });
      expect(expiresAt).to.equal(0);
    });

    it("is refused to an account that runs no delegate, or with an authorization for another one", async () => {
      gate.results = [await filled()];
      const client = await connect();
      expect((await codeOf(client.prepareBundle(call(), { maxFeeWei: FEE }))).code).to.equal(
        "CLIENT_PIPE_NOT_DELEGATED",
      );
      const other = await client.authorize(`0x${"12".repeat(20)}`);
      const failed = await codeOf(client.prepareBundle(call(), { maxFeeWei: FEE, authorization: other }));
      expect(failed.code).to.equal("CLIENT_PIPE_AUTHORIZATION_INVALID");
    });
  });

  describe("an authorization", () => {
    it("is good for the deployment's chain alone, and never for all chains", async () => {
      const client = await connect();
      const everywhere = await user.authorize({
        address: record.contracts.BatchDelegate.address,
        nonce: 1,
        chainId: 0,
      });
      gate.results = [await filled()];
      const failed = await codeOf(client.prepareBundle(call(), { maxFeeWei: FEE, authorization: everywhere }));
      expect(failed.code).to.equal("CLIENT_PIPE_CHAIN_INVALID");
    });

    it("is thrown away where a wallet signed for all chains instead", async () => {
      const careless = accountAt(5);
      careless.authorizeSync = () => {
        throw new Error("not this one");
      };
      careless.authorize = (request) => user.authorize({ ...request, chainId: 0 });
      const failed = await codeOf((await connect({ signer: careless })).authorize());
      expect(failed.code).to.equal("CLIENT_PIPE_CHAIN_INVALID");
    });
  });

  describe("a result of the engine", () => {
    const cases: readonly (readonly [string, () => Promise<readonly FilledInference[]>])[] = [
      [
        "another key",
        async () => [{ ...(await filled()), inference: { ...inferenceOf(MODEL, INPUT, TERMS), key: h("k") } }],
      ],
      ["another profile", async () => [await filled({ runtimeProfile: h("other") })]],
      ["issued in the future", async () => [await filled({ issuedAt: Number(await now(relayer)) + 1_000 })]],
      ["expired, or about to", async () => [await filled({ expiresAt: Number(await now(relayer)) + 5 })]],
      ["too long a life", async () => [await filled({ expiresAt: Number(await now(relayer)) + 86_500 })]],
      ["another signer", async () => tampered({ feeWei: 1n })],
      ["another signer", async () => tampered({ output: Uint8Array.of(6, 6, 6) })],
      ["another signer", async () => tampered({ proof: new Uint8Array(63) })],
      ["the registry does not vouch for its signer", async () => [await filled({}, new SigningKey(h("nobody")))]],
      ["the registry does not vouch for its signer", async () => [await filled({}, key, { ...TERMS, minTrust: 4 })]],
      [
        "the registry does not vouch for its signer",
        async () => [await filled({}, key, { ...TERMS, imageId: h("image") })],
      ],
      ["the same key twice", async () => [await filled(), await filled()]],
    ];
    async function tampered(fields: Partial<PortableAnswer>): Promise<FilledInference[]> {
      const { inference, answer } = await filled();
      return [{ inference, answer: { ...answer, ...fields } }];
    }
    for (const [why, make] of cases)
      it(`is refused: ${why}`, async () => {
        gate.results = await make();
        const failed = await codeOf((await connect()).prepare(call(), { maxFeeWei: 10n * FEE }));
        expect([failed.code, failed.context.why]).to.deep.equal(["CLIENT_PIPE_RESULT_INVALID", why]);
      });

    it("is refused where it costs more than the user allows", async () => {
      gate.results = [await filled()];
      const failed = await codeOf((await connect()).prepare(call(), { maxFeeWei: FEE - 1n }));
      expect([failed.code, failed.context.feeWei]).to.deep.equal(["CLIENT_PIPE_FEE_TOO_HIGH", FEE]);
    });

    it("is not read from an answer of another form", async () => {
      gate.results = [{ ...(await filled()), inference: inferenceOf(MODEL, INPUT, { ...TERMS, minTrust: 9 }) }];
      const failed = await codeOf((await connect()).prepare(call(), { maxFeeWei: FEE }));
      expect(failed.code).to.equal("CLIENT_PIPE_ANSWER_MALFORMED");
    });
  });

  describe("the engine", () => {
    it("is told apart by what it says: a revert, a refusal with its own code, or nothing", async () => {
      const client = await connect();
      const ask = () => codeOf(client.prepare(call(), { maxFeeWei: FEE }));
      gate.failure = pipeError("PIPE_TRANSACTION_REVERTS", { data: "0xdeadbeef" });
      const reverts = await ask();
      expect([reverts.code, reverts.context.data]).to.deep.equal(["CLIENT_PIPE_REVERTS", "0xdeadbeef"]);
      gate.failure = pipeError("PIPE_OVERLOADED", {}, { retry: "later" });
      const busy = await ask();
      expect([busy.code, busy.context.engineCode]).to.deep.equal(["CLIENT_PIPE_REFUSED", "PIPE_OVERLOADED"]);
      expect(busy).to.have.property("retry", "later");
      await front.close();
      expect((await ask()).code).to.equal("CLIENT_PIPE_UNREACHABLE");
    });

    it("is not asked at all on another chain than the deployment's", async () => {
      const failed = await codeOf(connect({ deployment: { ...record, chainId: "1" } }));
      expect(failed.code).to.equal("DEPLOYMENT_WRONG_CHAIN");
    });
  });

  describe("an intent", () => {
    const wish = async (code = TRUSTING) => {
      const receipt = await (await relayer.sendTransaction({ data: code })).wait();
      return {
        ...{ target: String(receipt?.contractAddress), data: `0x${"ab".repeat(32)}`, gas: 100_000 },
        ...{ maxResultFeeWei: FEE, relayFeeWei: 7n, maxFailureFeeWei: 3n },
      };
    };
    const status = (id: Hex32, fields: Partial<PipeStatus>): PipeStatus => ({
      ...{ id, kind: "intent", sender: address(user.address), nonce: "0", payload: "0x", state: "held" },
      ...{ reason: undefined, detail: undefined, acceptedMs: 0, deadlineMs: 0, transactionHash: undefined },
      ...{ publishHash: undefined, block: undefined, timeline: [] },
      ...fields,
    });

    it("is signed for ten minutes of block time with a nonce of its own, under the digest of the forwarder", async () => {
      const client = await connect();
      const [first, second] = [await client.signIntent(await wish()), await client.signIntent(await wish())];
      expect(first.intent.nonce).to.not.equal(second.intent.nonce);
      expect(second.id).to.equal(await forwarder.getFunction("digestOf")(second.intent));
      expect(second.intent.deadline).to.equal((await now(relayer)) + 600n);
      expect(await client.sendIntent(second)).to.equal(second.id);
      expect(gate.intents[0]).to.deep.equal({ intent: second.intent, signature: second.signature });
    });

    it("is not signed with another account's key, nor taken for another one", async () => {
      const client = await connect();
      const signed = await client.signIntent(await wish());
      gate.digest = h("another");
      expect((await codeOf(client.sendIntent(signed))).code).to.equal("CLIENT_PIPE_ANSWER_MALFORMED");
      const other = accountAt(6);
      other.getAddress = async () => user.address;
      const failed = await codeOf((await connect({ signer: other })).signIntent(await wish()));
      expect(failed.code).to.equal("CLIENT_PIPE_SIGNATURE_INVALID");
    });

    for (const [kind, code] of [
      ["landed", TRUSTING],
      ["reverted", TRUSTING_AND_FAILING],
    ] as const)
      it(`is followed until the chain shows that it ${kind}, and no word of the engine stands for that`, async () => {
        const client = await connect();
        const { id, intent, signature } = await client.signIntent(await wish(code));
        await (await forwarder.getFunction("depositFor")(user.address, { value: 100n })).wait();
        gate.said = status(id, {});
        expect(await client.wait(id, { timeoutMs: 0 })).to.deep.equal({ kind: "pending" });
        gate.said = status(id, { state: "landed", transactionHash: h("nowhere") });
        expect(await client.wait(id, { timeoutMs: 0 })).to.deep.equal({ kind: "pending" });
        const other = await (await relayer.sendTransaction({ to: user.address })).wait();
        gate.said = status(id, { state: "landed", transactionHash: hex32(other?.hash) });
        expect((await codeOf(client.wait(id))).code).to.equal("CLIENT_PIPE_STATUS_REFUTED");
        const data = encodeExecute(intent, signature, []);
        const sent = await (await relayer.sendTransaction({ to: forwarder.target, data, gasLimit: 1_000_000n })).wait();
        gate.said = status(id, { state: "landed", transactionHash: hex32(sent?.hash) });
        const end = await client.wait(id);
        expect(end).to.deep.include({ kind, transactionHash: sent?.hash });
        if (end.kind === "reverted") expect(end.selector).to.equal("0x00000000");
      });

    it("is waited for over an outage of the engine, which is told only if it lasts", async () => {
      const client = await connect();
      const port = Number(new URL(front.url).port);
      gate.said = status(h("i"), { state: "replaced" });
      await front.close();
      expect((await codeOf(client.wait(h("i"), { timeoutMs: 0 }))).code).to.equal("CLIENT_PIPE_UNREACHABLE");
      const ended = client.wait(h("i"));
      await start(port);
      expect(await ended).to.deep.equal({ kind: "replaced" });
    });

    it("is told to be given back, replaced or unknown", async () => {
      const client = await connect();
      expect((await codeOf(client.wait(h("unknown")))).code).to.equal("CLIENT_PIPE_UNKNOWN");
      gate.said = status(h("i"), { state: "returned", reason: "PIPE_DEADLINE", detail: "late" });
      expect(await client.wait(h("i"))).to.deep.equal({ kind: "returned", reason: "PIPE_DEADLINE", detail: "late" });
      gate.said = status(h("i"), { state: "replaced" });
      expect(await client.wait(h("i"))).to.deep.equal({ kind: "replaced" });
      const mined = await (await user.sendTransaction({ to: user.address })).wait();
      gate.said = status(hex32(mined?.hash), { kind: "raw", state: "final" });
      expect(await client.wait(mined?.hash ?? "")).to.deep.include({ kind: "landed", transactionHash: mined?.hash });
    });
  });
});
