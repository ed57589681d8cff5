import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { HDNodeWallet, Transaction } from "ethers";
import { address, type HexBytes, hex32 } from "../../../executor/domain/ids";
import { FOLLOWED_TOPICS } from "../../../executor/intake/events";
import { Follower } from "../../../executor/intake/follower";
import { sqliteJobStore } from "../../../executor/jobs/sqliteStore";
import { Transactions } from "../../../executor/posting/transactions";
import { rpcChainSource } from "../../../executor/rpc/chainSource";
import { RpcClient } from "../../../executor/rpc/client";
import { rpcPostingChain } from "../../../executor/rpc/postingChain";
import { IDENTITY } from "../intake/fakes";
import { HUB } from "../jobs/fixtures";

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

describe("a real Hardhat node", function () {
  this.timeout(60_000);
  let node: ChildProcess;
  let rpc: RpcClient;
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "assay-node-"));
    const port = await freePort();
    const main = require.resolve("hardhat/internal/cli/bootstrap.js");
    node = spawn(process.execPath, [main, "node", "--hostname", "127.0.0.1", "--port", String(port)], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    // The node says when it listens; nothing is waited for by the clock.
    await new Promise<void>((resolve) =>
      node.stdout?.on("data", (text) => String(text).includes("Started HTTP") && resolve()),
    );
    rpc = new RpcClient({ urls: [`http://127.0.0.1:${port}`] });
  });
  after(() => {
    rpc?.close();
    node?.kill("SIGKILL");
    rmSync(dir, { recursive: true });
  });

  it("is followed through a reorg, and a transaction that the reorg dropped is sent again as it was", async () => {
    const wallet = HDNodeWallet.fromPhrase("test test test test test test test test test test test junk");
    const signer = {
      address: address(wallet.address),
      sign: async (tx: object) => {
        const raw = (await wallet.signTransaction({ type: 2, ...tx })) as HexBytes;
        return { raw, hash: hex32(Transaction.from(raw).hash) };
      },
    };
    const store = sqliteJobStore(join(dir, "jobs.db"));
    const source = rpcChainSource({ rpc, hub: HUB, topics: FOLLOWED_TOPICS });
    const follower = new Follower({
      source,
      record: store,
      identity: IDENTITY,
      startBlock: 0,
      confirmations: 2,
      nowMs: () => 1,
    });
    const fees = { priorityFeeWei: 10n ** 9n, maxFeePerGas: 10n ** 12n, bumpAfterBlocks: 3 };
    const transactions = new Transactions({
      chainId: 31337n,
      chain: rpcPostingChain(rpc),
      outbox: store,
      signer,
      ...fees,
    });
    const snapshot = await rpc.call("evm_snapshot");
    const tx = await transactions.send({ to: HUB, data: "0x", value: 5n, gasLimit: 21_000n, label: "test" });
    // The receipt is there, and the block is not on record yet: nothing is closed by it.
    expect(await transactions.follow(1)).to.deep.equal([]);
    for (let step = await follower.step(); step.kind !== "idle"; step = await follower.step());
    expect((await store.blocks(1))[0]?.number).to.equal(1);
    expect((await transactions.follow(1)).map((receipt) => receipt.succeeded)).to.deep.equal([true]);

    await rpc.call("evm_revert", [snapshot]);
    await rpc.call("evm_mine");
    await rpc.call("evm_mine");
    expect((await follower.step()).kind).to.equal("reorg");
    await transactions.follow(2);
    await transactions.follow(3);
    expect((await transactions.outcome(tx.hash)).kind).to.equal("confirmed");
    expect(await rpc.call("eth_getBalance", [HUB, "latest"])).to.equal("0x5");
    await store.close();
  });
});
