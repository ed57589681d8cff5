import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { JsonRpcProvider, keccak256, parseEther, type TransactionReceipt, Wallet } from "ethers";
import { packageRoot } from "../../executor/deployment/artifacts";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { localKey } from "../../scripts/start/localKeys";
import { ANY_TERMS, deployProgram, programInterface, runCall, variant, wallet } from "./support/pipe";
import { committedModel, encoded, goldenSets, openWorld, type World } from "./support/world";

const MODEL = committedModel("eth_volatility").hash;
const [GOLDEN] = goldenSets("eth_volatility");
const INPUT = encoded(GOLDEN?.inputs ?? []);
const ask = (index: number): string =>
  runCall([{ kind: 0, modelHash: MODEL, input: variant(INPUT, index), splices: [] }]);
const FEES = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, type: 2, chainId: 31337, gasLimit: 400_000 };

for (const kind of ["hardhat", "anvil"] as const) {
  describe(`PIPE under load and failures on ${kind}`, function () {
    this.timeout(180_000);
    let world: World;
    let daemon: DaemonProcess;
    let program: string;
    const rpc = (method: string, ...params: unknown[]): Promise<string> => world.provider.send(method, params);
    const start = (env: Readonly<Record<string, string>> = {}): Promise<DaemonProcess> =>
      world.start([], undefined, { env, confirmations: 2, pipe: ["--pipe-simulations-per-minute", "100000"] });
    const statusOf = async (id: string): Promise<{ state: string; reason: string | null; detail: string | null }> =>
      new JsonRpcProvider(daemon.pipeUrl, undefined, { staticNetwork: true }).send("pipe_status", [id]);

    /** Asked for again and again: a library that waits for the next block waits for ever where none comes. */
    const receiptOf = async (hash: string): Promise<TransactionReceipt | null> => {
      let receipt: TransactionReceipt | null = null;
      await until(async () => {
        receipt = await world.provider.getTransactionReceipt(hash);
        return receipt !== null;
      });
      return receipt;
    };

    before(async () => {
      world = await openWorld(kind);
      daemon = await start();
      program = await deployProgram(world);
    });
    after(() => world.end());

    // Hardhat's node simulates a quarter as fast; `npm run bench -- --only pipe` sends it 200 too.
    const crowd = kind === "anvil" ? 20 : 6;
    it(`releases ${10 * crowd} transactions of ${crowd} senders, each sender's in order`, async () => {
      const senders = Array.from(
        { length: crowd },
        (_, i) => new Wallet(keccak256(`0x${(i + 1).toString(16).padStart(2, "0")}`)),
      );
      const funder = await world.provider.getSigner(3);
      for (const { address } of senders)
        await (await funder.sendTransaction({ to: address, value: parseEther("10") })).wait();
      await rpc("evm_setAutomine", false);
      const engine = new JsonRpcProvider(daemon.pipeUrl, undefined, { staticNetwork: true, batchMaxCount: 1 });
      const sends = senders.flatMap((sender, s) =>
        Array.from({ length: 10 }, async (_, nonce) => {
          const raw = await sender.signTransaction({ ...FEES, to: program, nonce, data: ask(100 * s + nonce) });
          return (await engine.send("eth_sendRawTransaction", [raw])) as string;
        }),
      );
      let open = true;
      const mining = (async () => {
        while (open) {
          await rpc("evm_mine");
          await new Promise((resolve) => setTimeout(resolve, 200));
        }
      })();
      const hashes = await Promise.all(sends);
      const receipts = await Promise.all(hashes.map((hash) => receiptOf(hash)));
      open = false;
      await mining;
      await rpc("evm_setAutomine", true);
      expect(receipts.filter((receipt) => receipt?.status === 1)).to.have.length(10 * crowd);
      const places = receipts.map((receipt) => (receipt?.blockNumber ?? 0) * 1_000 + (receipt?.index ?? 0));
      for (let s = 0; s < crowd; s++) {
        const own = places.slice(10 * s, 10 * s + 10);
        expect(own).to.deep.equal([...own].sort((a, b) => a - b));
      }
    });

    it("says what happened to a transaction whose state moved after its release", async () => {
      const user = wallet(daemon.pipeUrl, 6);
      const other = new Wallet(localKey(7), world.provider);
      const store = (index: number) => programInterface().encodeFunctionData("store", [variant(INPUT, index)]);
      await (await other.sendTransaction({ to: program, data: store(20_000) })).wait();
      await rpc("evm_setAutomine", false);
      const data = programInterface().encodeFunctionData("runStored", [MODEL, ANY_TERMS]);
      const sent = await user.sendTransaction({ ...FEES, to: program, data });
      // It is in the pool with its result; what comes before it changes what it asks.
      await other.sendTransaction({
        ...FEES,
        to: program,
        data: store(20_001),
        maxFeePerGas: 10n ** 11n,
        maxPriorityFeePerGas: 10n ** 10n,
      });
      await rpc("evm_mine");
      await rpc("evm_setAutomine", true);
      await until(async () => (await statusOf(sent.hash)).state === "reverted");
      expect((await statusOf(sent.hash)).detail).to.match(/InferenceRequired/);
    });

    it("goes round again when a reorg takes publication and use away", async () => {
      const user = wallet(daemon.pipeUrl, 6);
      const snapshot = await rpc("evm_snapshot");
      const sent = await user.sendTransaction({ ...FEES, to: program, data: ask(30_000) });
      await sent.wait();
      await until(async () => (await statusOf(sent.hash)).state === "landed");
      await rpc("evm_revert", snapshot);
      // Another block in the place of those that are gone, so that the chain is seen to have changed.
      await rpc("evm_increaseTime", 5);
      await rpc("evm_mine");
      await rpc("evm_mine");
      await rpc("evm_mine");
      const again = await receiptOf(sent.hash);
      expect(again?.status).to.equal(1);
    });

    for (const at of kind === "anvil" ? (["held", "released", "sent"] as const) : (["released"] as const)) {
      it(`goes on after a SIGKILL when a transaction is ${at}, and sends it once`, async () => {
        await daemon.child.stop();
        const marker = join(world.dataDir, `pipe-killed-${at}`);
        daemon = await start({
          NODE_OPTIONS: `-r ${join(__dirname, "support", "pipeKillPoint.cjs")}`,
          ASSAY_PIPE_KILL: JSON.stringify({ at, marker, root: join(packageRoot(), "dist") }),
        });
        const signer = new Wallet(localKey(8), world.provider);
        const nonce = await signer.getNonce();
        const raw = await signer.signTransaction({
          ...FEES,
          to: program,
          nonce,
          data: ask(40_000 + ["held", "released", "sent"].indexOf(at)),
        });
        const engine = new JsonRpcProvider(daemon.pipeUrl, undefined, { staticNetwork: true });
        await engine.send("eth_sendRawTransaction", [raw]).catch(() => undefined);
        await until(() => existsSync(marker));
        await daemon.child.exited;
        engine.destroy();
        daemon = await start();
        const receipt = await receiptOf(keccak256(raw));
        expect(receipt?.status).to.equal(1);
        expect(await signer.getNonce()).to.equal(nonce + 1);
        await until(async () => ["landed", "final"].includes((await statusOf(keccak256(raw))).state));
      });
    }
  });
}

/** The bound is for a failing test; a passing one waits as long as the daemon needs. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await done())) {
    if (Date.now() > end) throw new Error("it did not come to that within a minute");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
