import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { packageRoot } from "../../executor/deployment/artifacts";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { assay } from "../executor/cli/run";
import { committedModel, openWorld, REWARD, type World } from "./support/world";

describe("the command line on a real node with the real daemon", () => {
  let world: World;
  let chain: readonly string[];
  let daemon: DaemonProcess;
  before(async () => {
    world = await openWorld("hardhat");
    daemon = await world.start();
    chain = ["--rpc-url", world.chain.url, "--deployment", world.deploymentFile];
  });
  after(() => world?.end());

  it("asks, prints the answer, and verifies it with the daemon stopped and its store deleted", async () => {
    const { hash } = committedModel("liquidation_risk");
    const input = join(packageRoot(), "models", "liquidation_risk", "io.json");
    const paid = ["--reward-wei", String(REWARD), "--account", "2", "--json"];
    const asked = await assay(["request", hash, input, ...chain, ...paid]);
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
