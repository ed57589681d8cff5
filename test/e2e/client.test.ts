import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { AssayClient, DType, numbersOf, tensorFrom } from "../../executor/client/index";
import { packageRoot } from "../../executor/deployment/artifacts";
import { isAssayError } from "../../executor/domain/errors";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { assay } from "../executor/cli/run";
import { committedModel, goldenSets, openWorld, REWARD, type World } from "./support/world";

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isAssayError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("assay/client and the command line on a real node with the real daemon", function () {
  this.timeout(120_000);
  let world: World;
  let chain: readonly string[];
  let daemon: DaemonProcess;
  before(async () => {
    world = await openWorld("hardhat");
    daemon = await world.start();
    chain = ["--rpc-url", world.chain.url, "--deployment", world.deploymentFile];
  });
  after(() => world?.end());

  it("asks with typed tensors and hands back typed tensors that it has verified", async () => {
    const client = await AssayClient.connect({ signer: world.requester, deployment: world.deploymentFile });
    const { hash } = committedModel("eth_volatility");
    const [set] = goldenSets("eth_volatility");
    if (set === undefined) throw new Error("no golden set");
    const asked = await client.request({ model: hash, inputs: set.inputs, rewardWei: REWARD });
    const end = await asked.wait();
    if (end.kind !== "fulfilled") throw new Error(end.kind);
    expect(end.verdict).to.equal("verified");
    expect(end.callback).to.equal("none");
    const [came, wanted] = [end.outputs?.[0]?.tensor, set.outputs[0]?.tensor];
    if (came === undefined || wanted === undefined) throw new Error("no output");
    expect(numbersOf(came)[0]).to.be.closeTo(numbersOf(wanted)[0] as number, 1e-5);
  });

  it("says that a model is unknown by the reason the enclave signed, and that a wait ended before the request did", async () => {
    const client = await AssayClient.connect({ signer: world.requester, deployment: world.record });
    const inputs = [{ name: "x", tensor: tensorFrom({ dtype: DType.float, dims: [1], values: [1] }) }];
    const asked = await client.request({ model: `0x${"77".repeat(32)}`, inputs, rewardWei: REWARD });
    const early = await asked.wait({ timeoutMs: 0 });
    expect(["pending", "refused"]).to.include(early.kind);
    expect((await asked.wait()).kind).to.equal("refused");
  });

  it("refuses before anything is sent: no inputs, a hash that is none, a deployment of another chain", async () => {
    const client = await AssayClient.connect({ signer: world.requester, deployment: world.record });
    expect(await codeOf(client.request({ model: `0x${"77".repeat(32)}`, inputs: [], rewardWei: REWARD }))).to.equal(
      "CLIENT_NO_INPUT",
    );
    expect(await codeOf(client.request({ model: "0x77", inputs: [], rewardWei: REWARD }))).to.equal("ID_MALFORMED");
    const other = { ...world.record, chainId: "1" };
    expect(await codeOf(AssayClient.connect({ signer: world.requester, deployment: other }))).to.equal(
      "DEPLOYMENT_WRONG_CHAIN",
    );
  });

  it("does the same from the command line, and verifies with the daemon stopped", async () => {
    const { hash } = committedModel("liquidation_risk");
    const input = join(packageRoot(), "models", "liquidation_risk", "io.json");
    const asked = await assay([
      "request",
      hash,
      input,
      ...chain,
      "--reward-wei",
      String(REWARD),
      "--account",
      "2",
      "--json",
    ]);
    expect(asked.stderr).to.equal("");
    const answer = JSON.parse(asked.stdout);
    expect(answer).to.include({ kind: "fulfilled", verdict: "verified" });
    expect(answer.outputs[0].values[0]).to.be.within(0, 1);

    const quote = JSON.parse((await assay(["quote", ...chain, "--json"])).stdout);
    expect(quote.enclaves).to.equal(2);
    expect(BigInt(quote.rewardWei) > 0n).to.equal(true);
    const list = JSON.parse((await assay(["enclave", "list", ...chain, "--json"])).stdout);
    expect(list.map((e: { code: number }) => e.code)).to.deep.equal([0, 0]);
    const shown = await assay(["enclave", "show", answer.signer, ...chain, "--json"]);
    expect(JSON.parse(shown.stdout).code).to.equal(0);

    const status = await assay(["status", "--url", daemon.httpUrl]);
    expect(status.stdout).to.match(/^ready, block \d+/);
    const timeline = await assay(["status", answer.requestId, "--url", daemon.httpUrl]);
    expect(timeline.stdout).to.match(/matched/);

    await daemon.child.stop();
    rmSync(join(world.dataDir, "store.sqlite"));
    const verified = await assay(["verify", answer.requestId, ...chain]);
    expect(verified.code).to.equal(0);
    expect(verified.stdout).to.match(/\nverified \(fulfilled\)\n$/);
    await world.chain.child.stop();
    const gone = await assay(["verify", answer.requestId, ...chain]);
    expect(gone.code).to.equal(3);
    expect(gone.stderr).to.match(/^RPC_/);
  });
});
