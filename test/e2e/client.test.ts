import { expect } from "chai";
import { keccak256 } from "ethers";
import { type AskedInference, AssayClient, REFUSAL_REASON, uint8 } from "../../executor/client/index";
import { encodeTensorSet } from "../../executor/protocol/tensorSet";
import { committedModel, goldenSets, openWorld, REWARD, type World } from "./support/world";

const model = committedModel("digits").hash;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Real images and what the model says of each. */
function images() {
  const set = goldenSets("digits")[0];
  if (set === undefined) throw new Error("no golden set");
  return set;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "no error",
    (error: { code: string }) => error.code,
  );
}

describe("the client", () => {
  let world: World;
  let client: AssayClient;
  before(async () => {
    world = await openWorld("hardhat");
    client = await AssayClient.connect({ signer: world.requester, deployment: world.deploymentFile });
    await world.start();
  });
  after(() => world.end());

  it("asks, waits, and hands back the decoded answer, checked again", async () => {
    const { inputs, outputs } = images();
    const asked = await client.request({ model, inputs, rewardWei: REWARD });
    const end = await asked.wait({ timeoutMs: 30_000 });
    if (end.kind !== "fulfilled" || end.outputs === undefined) throw new Error(`it ended as ${end.kind}`);
    expect(hex(encodeTensorSet(end.outputs))).to.equal(hex(encodeTensorSet(outputs)));
    expect(end.verdict).to.equal("verified");
    expect(end.callback).to.equal("none");
    expect(end.trust).to.be.within(1, 3);
    const receipt = await world.provider.getTransactionReceipt(end.transactionHash);
    expect(end.gasUsed).to.equal(receipt?.gasUsed);
    expect(asked.receipt.status).to.equal(1);
  });

  it("reads answers that landed together in one batch", async () => {
    const { inputs, outputs } = images();
    await world.provider.send("evm_setAutomine", [false]);
    let asked: AskedInference[];
    try {
      const sent = Array.from({ length: 6 }, () => client.request({ model, inputs, rewardWei: REWARD }));
      for (let pending = 0; pending < sent.length; )
        pending = Number(await world.provider.send("eth_getBlockTransactionCountByNumber", ["pending"]));
      await world.provider.send("evm_mine", []);
      asked = await Promise.all(sent);
    } finally {
      await world.provider.send("evm_setAutomine", [true]);
    }
    await world.provider.send("evm_mine", []);
    const ends = await Promise.all(asked.map((each) => each.wait({ timeoutMs: 30_000 })));
    const fulfilled = ends.flatMap((end) => (end.kind === "fulfilled" ? [end] : []));
    expect(fulfilled.length).to.equal(asked.length);
    expect(new Set(fulfilled.map((end) => end.transactionHash)).size).to.be.lessThan(asked.length);
    for (const { outputs: found } of fulfilled)
      expect(hex(encodeTensorSet(found ?? []))).to.equal(hex(encodeTensorSet(outputs)));
  });

  it("says why a request was refused", async () => {
    const wrongShape = await client.request({
      model,
      inputs: [{ name: "image", tensor: uint8([1, 2, 2], [0, 1, 2, 3]) }],
      rewardWei: REWARD,
    });
    expect(await wrongShape.wait({ timeoutMs: 30_000 })).to.include({
      kind: "refused",
      reason: REFUSAL_REASON.INPUT_MISMATCH,
    });
  });

  it("refuses what can not be asked, before anything is paid", async () => {
    const { inputs } = images();
    const before = await world.requester.getNonce();
    for (const wrong of ["digits", `0x${"00".repeat(32)}`])
      expect(await codeOf(client.request({ model: wrong, inputs, rewardWei: REWARD }))).to.equal(
        "CLIENT_MODEL_INVALID",
      );
    expect(await codeOf(client.request({ model, inputs: [], rewardWei: REWARD }))).to.equal("CLIENT_NO_INPUT");
    expect(await world.requester.getNonce()).to.equal(before);
  });

  it("refuses a deployment of another chain", async () => {
    const deployment = { ...world.record, chainId: "1" };
    const connecting = AssayClient.connect({ signer: world.requester, deployment });
    expect(await codeOf(connecting)).to.equal("DEPLOYMENT_WRONG_CHAIN");
  });

  it("tells a request that is open from one that was refunded", async () => {
    const { inputs } = images();
    // An operator that does not exist: nobody serves it.
    const terms = { assignedOperator: 99, deadline: (await world.now()) + 60 };
    const asked = await client.request({ model, inputs, rewardWei: REWARD, terms });
    expect(await asked.wait({ timeoutMs: 0 })).to.deep.equal({ kind: "pending" });
    const aborted = asked.wait({ signal: AbortSignal.abort() });
    expect(await aborted).to.deep.equal({ kind: "pending" });

    await world.provider.send("evm_increaseTime", [120]);
    await world.provider.send("evm_mine", []);
    const [log] = asked.receipt.logs;
    const event = log === undefined ? null : world.hub.interface.parseLog(log);
    if (event === null) throw new Error("no event");
    const { requester, salt, modelHash, terms: termsBytes, input, rewardWei } = event.args;
    const inputHash = keccak256(input);
    await world.hub.getFunction("refund").send({ requester, salt, modelHash, inputHash, terms: termsBytes, rewardWei });
    expect(await asked.wait({ timeoutMs: 30_000 })).to.deep.equal({ kind: "refunded" });
  });
});
