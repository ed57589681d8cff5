import { expect } from "chai";
import { ContractFactory, id, SigningKey } from "ethers";
import { readArtifact } from "../../../executor/deployment/artifacts";
import { AssayError } from "../../../executor/domain/errors";
import { hex32 } from "../../../executor/domain/ids";
import { type Explanation, verifyRequest } from "../../../executor/explain/verifyRequest";
import { type Asked, MODEL, openWorld, type World } from "./world";

const failed = (e: Explanation): string[] => e.checks.filter(({ ok }) => ok === false).map(({ name }) => name);
const unmade = (e: Explanation): string[] => e.checks.filter(({ ok }) => ok === null).map(({ name }) => name);

describe("verifyRequest", () => {
  let world: World;

  beforeEach(async () => {
    world = await openWorld();
  });

  const explain = (asked: Pick<Asked, "requestId">, chain = world.chain()): Promise<Explanation> =>
    verifyRequest({ rpc: chain, deployment: world.record, requestId: asked.requestId });

  it("verifies a fulfilled request, and makes every check", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    const explanation = await explain(asked);
    expect(failed(explanation)).to.deep.equal([]);
    expect(unmade(explanation)).to.deep.equal(["model.bytes"]);
    expect(explanation.verdict).to.equal("verified");
    expect(explanation.status).to.equal("fulfilled");
    expect(explanation.enclave?.trust).to.equal(3);
    expect(explanation.checks.map(({ name }) => name)).to.include.members([
      "deployment",
      "request.id",
      "answer.statement",
      "answer.signature",
      "answer.commitment",
      "answer.authentic",
      "attestation.document",
      "attestation.key",
      "attestation.binding",
      "attestation.image",
      "attestation.trust",
      "attestation.fresh",
      "enclave.epoch",
      "enclave.heartbeat",
      "enclave.imageApproved",
      "enclave.imageRevoked",
      "payment.escrow",
      "payment.credited",
    ]);
  });

  it("finds the item in a batch, and counts what the whole block credits", async () => {
    const [first, second] = [await world.ask(), await world.ask({}, 777n)];
    await world.mine("fulfillBatch", world.hub, [await world.result(first), await world.result(second)]);
    for (const asked of [first, second]) expect((await explain(asked)).verdict).to.equal("verified");
  });

  it("takes the item that landed where a batch holds the same request twice with different outputs", async () => {
    const asked = await world.ask();
    const other = await world.result(asked, { output: Uint8Array.of(1, 0) });
    await world.mine("fulfillBatch", world.hub, [await world.result(asked), other]);
    const explanation = await explain(asked);
    expect(explanation.verdict).to.equal("verified");
    expect(explanation.answer?.output?.length).to.be.greaterThan(2);
  });

  it("finds an answer that another contract's call carries", async () => {
    const asked = await world.ask();
    const { abi, bytecode } = readArtifact("mocks/MockRequester.sol", "MockRequester");
    const carrier = await new ContractFactory(abi, bytecode, world.operator).deploy(
      world.record.contracts.InferenceHub.address,
    );
    const { statement, output, proof } = await world.result(asked);
    const call = world.hub.interface.encodeFunctionData("fulfill", [statement, output, proof]);
    await world.mine("act", carrier as never, world.record.contracts.InferenceHub.address, call);
    const explanation = await explain(asked);
    expect(explanation.verdict).to.equal("verified");
  });

  it("says that a composed answer can not be read, and does not call that verified", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    const blind = world.chain((method, _params, answer) =>
      method === "eth_getTransactionByHash" && (answer as { input: string }).input.length > 1_000
        ? { ...(answer as object), input: "0x12345678" }
        : answer,
    );
    const explanation = await explain(asked, blind);
    expect(explanation.verdict).to.equal("incomplete");
    expect(unmade(explanation)).to.include("answer.calldata");
  });

  it("explains a refusal and its fee", async () => {
    const asked = await world.ask({ refusalFeeWei: 10n });
    await world.refuse(asked, 3);
    const explanation = await explain(asked);
    expect(failed(explanation)).to.deep.equal([]);
    expect(explanation.verdict).to.equal("verified");
    expect(explanation.ending?.reason).to.equal(3);
  });

  it("explains a refund, which nobody signs", async () => {
    const asked = await world.ask();
    await world.passSeconds(601);
    await world.mine("refund", world.hub, asked.request);
    const explanation = await explain(asked);
    expect(explanation.verdict).to.equal("verified");
    expect(explanation.status).to.equal("refunded");
    expect(explanation.enclave).to.equal(undefined);
  });

  it("says of an open request that it is open", async () => {
    const explanation = await explain(await world.ask());
    expect(explanation.verdict).to.equal("incomplete");
    expect(explanation.status).to.equal("open");
    expect(unmade(explanation)).to.deep.equal(["ending.event"]);
  });

  it("fails for an id that was never opened", async () => {
    const explanation = await explain({ requestId: hex32(id("nobody asked")) });
    expect(explanation.verdict).to.equal("failed");
    expect(failed(explanation)).to.deep.equal(["request.event"]);
  });

  it("fails when the image was revoked as compromised before the answer landed", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    const registry = world.registry.connect((await world.hre.ethers.getSigners())[0] as never) as typeof world.registry;
    await world.mine("revokeImage", registry, world.record.images[0], (await world.now()) - 60);
    const explanation = await explain(asked);
    expect(failed(explanation)).to.have.members(["answer.authentic", "enclave.imageRevoked"]);
  });

  it("still verifies when the key was closed after the answer landed", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    await world.mine("close", world.registry, world.signer);
    expect((await explain(asked)).verdict).to.equal("verified");
  });

  it("verifies what landed while the key drained, and long after that", async () => {
    const before = await world.ask();
    await world.fulfill(before);
    await world.mine("drain", world.registry, world.signer);
    const meanwhile = await world.ask();
    await world.fulfill(meanwhile);
    await world.passSeconds(2 * 86_400);
    for (const asked of [before, meanwhile]) expect(failed(await explain(asked))).to.deep.equal([]);
  });

  it("finds the document of a key that came by a rotation", async () => {
    const next = new SigningKey(id("the next enclave"));
    await world.mine("rotate", world.registry, world.signer, await world.registration({ key: next }));
    const [old, asked] = [await world.ask(), await world.ask()];
    await world.fulfill(old);
    const { statement, output, proof } = await world.result(asked, { key: next });
    await world.mine("fulfill", world.hub, statement, output, proof);
    for (const one of [old, asked]) expect((await explain(one)).verdict).to.equal("verified");
  });

  it("follows renewals and heartbeats past the first epoch's heartbeat time", async () => {
    await world.passSeconds(5 * 3_600);
    await world.mine("renew", world.registry, await world.registration());
    await world.passSeconds(5 * 3_600);
    const asked = await world.ask();
    await world.fulfill(asked);
    expect(failed(await explain(asked))).to.deep.equal([]);
  });

  it("finds the document of the right key where one names another", async () => {
    const other = new SigningKey(id("another enclave"));
    await world.mine("register", world.registry, await world.registration({ key: other }));
    const asked = await world.ask();
    const { statement, output, proof } = await world.result(asked, { key: other });
    await world.mine("fulfill", world.hub, statement, output, proof);
    expect((await explain(asked)).verdict).to.equal("verified");
  });

  it("checks the model's bytes where they are given", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    const explanation = await verifyRequest({
      rpc: world.chain(),
      deployment: world.record,
      requestId: asked.requestId,
      model: Uint8Array.of(1),
    });
    expect(failed(explanation)).to.deep.equal(["model.bytes"]);
    expect(explanation.request?.modelHash).to.equal(MODEL);
  });

  it("fails on another chain's deployment before it reads anything else", async () => {
    const asked = await world.ask();
    const explanation = await verifyRequest({
      rpc: world.chain(),
      deployment: { ...world.record, chainId: "1" },
      requestId: asked.requestId,
    });
    expect(failed(explanation)).to.deep.equal(["deployment"]);
    expect(explanation.checks).to.have.length(1);
  });

  it("leaves the credit unjudged where the node has no old state", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    const pruned = world.chain((method, params, answer) => {
      if (method === "eth_call" && params[1] !== "latest")
        throw new AssayError({ code: "RPC_ERROR", message: "missing trie node" });
      return answer;
    });
    const explanation = await explain(asked, pruned);
    expect(unmade(explanation)).to.include("payment.credited");
    expect(explanation.verdict).to.equal("verified");
  });

  it("reads a node that takes ranges of four blocks only", async () => {
    const asked = await world.ask();
    await world.fulfill(asked);
    const narrow = world.chain((method, params, answer) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as { fromBlock: string; toBlock: string };
      if (method === "eth_getLogs" && Number(toBlock) - Number(fromBlock) > 3)
        throw new AssayError({ code: "RPC_ERROR", message: "range" });
      return answer;
    });
    expect((await explain(asked, narrow)).verdict).to.equal("verified");
  });

  it("throws for a node that is down, which is no finding about the request", async () => {
    const asked = await world.ask();
    const down = world.chain(() => {
      throw new AssayError({ code: "RPC_UNREACHABLE", message: "down", retry: "unknown" });
    });
    const error = await explain(asked, down).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(AssayError).with.property("code", "RPC_UNREACHABLE");
  });

  it("throws for a node whose answers have no form, which is no finding either", async () => {
    const asked = await world.ask();
    for (const method of ["eth_chainId", "eth_getBlockByNumber", "eth_getCode", "eth_getLogs"]) {
      const odd = world.chain((called, _params, answer) => (called === method ? { odd: 1 } : answer));
      const error = await explain(asked, odd).catch((caught: unknown) => caught);
      expect(error, method).to.be.instanceOf(AssayError).with.property("code", "RPC_ANSWER_MALFORMED");
    }
  });

  describe("a node that lies is found out", () => {
    /** Changes the bytes of one log of the hub or the registry. */
    const tampered = (topic: string, change: (data: string) => string) =>
      world.chain((method, _params, answer) =>
        method === "eth_getLogs"
          ? (answer as { topics: string[]; data: string }[]).map((log) =>
              log.topics[0] === topic ? { ...log, data: change(log.data) } : log,
            )
          : answer,
      );
    const flipLastBit = (hex: string): string =>
      hex.slice(0, -1) + (Number.parseInt(hex.slice(-1), 16) ^ 1).toString(16);

    it("about the reward", async () => {
      const asked = await world.ask();
      await world.fulfill(asked);
      const topic = world.hub.interface.getEvent("Requested")?.topicHash ?? "";
      const liar = tampered(
        topic,
        (data) => data.slice(0, 2 + 64) + flipLastBit(data.slice(2 + 64, 2 + 128)) + data.slice(2 + 128),
      );
      expect(failed(await explain(asked, liar))).to.deep.equal(["request.id"]);
    });

    it("about the statement that landed", async () => {
      const asked = await world.ask();
      await world.fulfill(asked);
      const topic = world.hub.interface.getEvent("Fulfilled")?.topicHash ?? "";
      expect((await explain(asked, tampered(topic, flipLastBit))).verdict).to.equal("incomplete");
    });

    it("about the registered image", async () => {
      const asked = await world.ask();
      await world.fulfill(asked);
      const topic = world.registry.interface.getEvent("EnclaveRegistered")?.topicHash ?? "";
      const liar = world.chain((method, _params, answer) =>
        method === "eth_getLogs"
          ? (answer as { topics: string[] }[]).map((log) =>
              log.topics[0] === topic ? { ...log, topics: [...log.topics.slice(0, 3), id("another image")] } : log,
            )
          : answer,
      );
      expect(failed(await explain(asked, liar))).to.include.members(["attestation.image", "enclave.imageApproved"]);
    });

    it("about the attestation document", async () => {
      const asked = await world.ask();
      await world.fulfill(asked);
      // The last byte of the signed payload's signature lies in the middle of the calldata: any byte of the document will do.
      const liar = world.chain((method, _params, answer) => {
        const { input } = (answer ?? {}) as { input?: string };
        const selector = world.registry.interface.getFunction("register")?.selector ?? "";
        return method === "eth_getTransactionByHash" && input?.startsWith(selector) === true
          ? {
              ...(answer as object),
              input: input.replace(
                Buffer.from("assay-test").toString("hex"),
                Buffer.from("assay-tesu").toString("hex"),
              ),
            }
          : answer;
      });
      const explanation = await explain(asked, liar);
      expect(failed(explanation)).to.include("attestation.document");
      expect(explanation.checks.find(({ name }) => name === "attestation.document")?.detail).to.include(
        "DEVELOPMENT_SIGNATURE_INVALID",
      );
    });

    it("about the code of the hub", async () => {
      const asked = await world.ask();
      await world.fulfill(asked);
      const liar = world.chain((method, _params, answer) => (method === "eth_getCode" ? "0x00" : answer));
      expect(failed(await explain(asked, liar))).to.deep.equal(["deployment"]);
    });
  });
});
