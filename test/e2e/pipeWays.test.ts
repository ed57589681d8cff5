import { expect } from "chai";
import { Contract, parseEther, type TransactionReceipt, Wallet } from "ethers";
import { PipeClient } from "../../executor/client";
import type { AssayError } from "../../executor/domain/errors";
import { FORWARDER_ABI, HUB_ABI } from "../../executor/protocol/generated/abi";
import type { DaemonProcess } from "../../scripts/start/daemon";
import { localKey } from "../../scripts/start/localKeys";
import { deployProgram, digestOf, programInterface, runCall, variant, wallet } from "./support/pipe";
import { committedModel, encoded, goldenSets, openWorld, type World } from "./support/world";

const MODEL = committedModel("eth_volatility").hash;
const [GOLDEN] = goldenSets("eth_volatility");
const INPUT = encoded(GOLDEN?.inputs ?? []);
const DIGEST = digestOf([encoded(GOLDEN?.outputs ?? [])]);
const CALL = runCall([{ kind: 0, modelHash: MODEL, input: INPUT, splices: [] }]);
const FEE = 10n ** 14n;

/** Who ran the program, and what it made of the answers. */
function ranIn(receipt: TransactionReceipt | null): { sender: string; digest: string } | undefined {
  const logs = receipt?.logs.map((log) => programInterface().parseLog(log)) ?? [];
  const ran = logs.find((log) => log?.name === "Ran");
  return ran === undefined || ran === null ? undefined : { sender: ran.args.sender, digest: ran.args.digest };
}

for (const kind of ["hardhat", "anvil"] as const) {
  describe(`the three ways of PIPE on ${kind}`, () => {
    let world: World;
    let daemon: DaemonProcess;
    let program: string;
    const creditOf = (operator: number) => world.hub.getFunction("operatorCreditOf").staticCall(operator);

    before(async () => {
      world = await openWorld(kind);
      daemon = await world.start([], undefined, { pipe: ["--pipe-fee-wei", FEE.toString()] });
      program = await deployProgram(world);
    });
    after(() => world.end());

    it("bundle: an ordinary key delegates, brings the result and uses it in one transaction of its own", async () => {
      const signer = new Wallet(localKey(7), world.provider);
      const client = await PipeClient.connect({ engineUrl: daemon.pipeUrl, signer, deployment: world.record });
      const earned = await creditOf(1);
      const authorization = await client.authorize();
      const { request, feeWei } = await client.prepareBundle(
        { to: program, data: CALL },
        { maxFeeWei: FEE, authorization },
      );
      expect(feeWei).to.equal(FEE);
      const receipt = await (await signer.sendTransaction(request)).wait();
      expect(ranIn(receipt)).to.deep.equal({ sender: signer.address, digest: DIGEST });
      expect((await creditOf(1)) - earned).to.equal(FEE);
      // Delegated now: the next one needs no authorization, and pays from credit.
      const hub = new Contract(world.record.contracts.InferenceHub.address, HUB_ABI, signer);
      await (await hub.getFunction("deposit").send({ value: FEE })).wait();
      const next = await client.prepareBundle({ to: program, data: CALL }, { maxFeeWei: FEE, payFrom: "credit" });
      expect((await (await signer.sendTransaction(next.request)).wait())?.status).to.equal(1);
      expect(await hub.getFunction("creditOf").staticCall(signer.address)).to.equal(0n);
    });

    it("intent: a signature is enough, and the target sees the user", async () => {
      const signer = new Wallet(localKey(8), world.provider);
      const forwarder = new Contract(world.record.contracts.IntentForwarder.address, FORWARDER_ABI, signer);
      await (await forwarder.getFunction("depositFor").send(signer.address, { value: parseEther("1") })).wait();
      const client = await PipeClient.connect({ engineUrl: daemon.pipeUrl, signer, deployment: world.record });
      const data = runCall([{ kind: 0, modelHash: MODEL, input: variant(INPUT, 1), splices: [] }]);
      const signed = await client.signIntent({
        target: program,
        data,
        maxResultFeeWei: FEE,
        relayFeeWei: parseEther("0.01"),
        gas: 500_000,
      });
      const before = await signer.getNonce();
      const id = await client.sendIntent(signed);
      const end = await client.wait(id);
      if (end.kind !== "landed") throw new Error(`the intent is ${JSON.stringify(end)}`);
      const receipt = await world.provider.getTransactionReceipt(end.transactionHash);
      expect(ranIn(receipt)?.sender).to.equal(signer.address);
      expect(await signer.getNonce()).to.equal(before);
      const left = await forwarder.getFunction("balanceOf").staticCall(signer.address);
      expect(left).to.equal(parseEther("1") - FEE - parseEther("0.01"));
      // The same signature once more is told from the forwarder's own word.
      const { nonce } = signed.intent;
      const again = await client.signIntent({
        target: program,
        data,
        maxResultFeeWei: FEE,
        relayFeeWei: FEE,
        gas: 400_000,
        nonce,
      });
      const refused = await client.sendIntent(again).catch((error: unknown) => error as AssayError);
      expect(typeof refused === "string" ? "taken" : refused.context["engineCode"]).to.equal("PIPE_INTENT_NONCE_USED");
    });

    it("raw: the sender's grant to this operator pays, and nobody else's", async () => {
      const signer = wallet(daemon.pipeUrl, 9);
      const tx = {
        to: program,
        data: runCall([{ kind: 0, modelHash: MODEL, input: variant(INPUT, 2), splices: [] }]),
      };
      const refusal = await signer.sendTransaction(tx).then(
        () => "taken",
        (error: { error?: { data?: { code?: string } } }) => error.error?.data?.code ?? String(error),
      );
      const held = refusal === "taken" ? "PIPE_GRANT_TOO_LOW" : refusal;
      expect(held).to.equal("PIPE_GRANT_TOO_LOW");
      const hub = new Contract(world.record.contracts.InferenceHub.address, HUB_ABI, signer);
      await (await hub.getFunction("grant").send(1, 10n * FEE, { value: 10n * FEE })).wait();
      const receipt = await (await signer.sendTransaction(tx)).wait();
      expect(receipt?.status).to.equal(1);
      expect(ranIn(receipt)?.sender).to.equal(signer.address);
      const [balanceWei] = await hub.getFunction("grantOf").staticCall(signer.address, 1);
      expect(balanceWei).to.equal(9n * FEE);
    });
  });
}
