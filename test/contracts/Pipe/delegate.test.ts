import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { id, Wallet, ZeroAddress } from "ethers";
import hre from "hardhat";
import { OUTPUT } from "../helpers/job";
import { DEMAND } from "../helpers/portable";
import { deploy, fresh, hubCall, inputOf, QUESTION, type SyncStage, syncStage } from "../helpers/sync";
import { mined, type With } from "../helpers/world";

type Delegate = With<"execute" | "onERC721Received" | "onERC1155Received" | "supportsInterface">;
type Asker = With<"ask" | "last" | "sender" | "plain" | "counter" | "fan">;
interface Scene extends SyncStage {
  readonly delegate: Delegate;
  readonly asker: Asker;
  /** An ordinary key whose account delegated. */
  readonly wallet: Wallet;
}

async function scene(): Promise<Scene> {
  const s = await syncStage();
  const delegate = await deploy<Delegate>("BatchDelegate", []);
  const asker = await deploy<Asker>("MockAsker", [s.hub.target, DEMAND]);
  const wallet = new Wallet(id("an ordinary key"), hre.ethers.provider);
  await mined(s.user.sendTransaction({ to: wallet.address, value: 10n ** 18n }));
  const authorization = await wallet.authorize({
    address: String(delegate.target),
    nonce: (await wallet.getNonce()) + 1,
  });
  await mined(wallet.sendTransaction({ type: 4, to: ZeroAddress, authorizationList: [authorization] }));
  return { ...s, delegate, asker, wallet };
}

describe("PIPE: BatchDelegate", () => {
  const askCall = (s: Scene, method = "ask", args: readonly unknown[] = QUESTION.slice(0, 2)) => ({
    target: s.asker.target,
    value: 0n,
    data: s.asker.interface.encodeFunctionData(method, args),
  });
  const bundle = (s: Scene, calls: readonly unknown[]) => s.delegate.interface.encodeFunctionData("execute", [calls]);
  const send = (s: Scene, calls: readonly unknown[], value = 0n) =>
    s.wallet.sendTransaction({ to: s.wallet.address, data: bundle(s, calls), value, gasLimit: 2_000_000 });

  it("makes [provide, call] of an ordinary key's account; the target sees the account", async () => {
    const s = await loadFixture(scene);
    expect(await hre.ethers.provider.getCode(s.wallet.address)).to.equal(
      `0xef0100${String(s.delegate.target).slice(2).toLowerCase()}`,
    );
    await mined(send(s, [hubCall(s, "provide", [[await fresh(s, { feeWei: 5n })]], 5n), askCall(s)]));
    expect(await s.asker.last()).to.equal(OUTPUT);
    expect(await s.asker.sender()).to.equal(s.wallet.address);
    expect(await s.hub.operatorCreditOf(1)).to.equal(5n);
    await expect(s.asker.ask.staticCall(...QUESTION.slice(0, 2)), "gone").to.be.revertedWithCustomError(
      s.hub,
      "InferenceRequired",
    );
  });

  it("delegates and acts in the same type-4 transaction", async () => {
    const s = await loadFixture(scene);
    const wallet = new Wallet(id("another key"), hre.ethers.provider);
    await mined(s.user.sendTransaction({ to: wallet.address, value: 10n ** 18n }));
    const authorization = await wallet.authorize({ address: String(s.delegate.target), nonce: 1 });
    expect(authorization.chainId).to.equal(31_337n);
    const data = bundle(s, [hubCall(s, "provide", [[await fresh(s)]]), askCall(s)]);
    await mined(
      wallet.sendTransaction({
        type: 4,
        to: wallet.address,
        data,
        authorizationList: [authorization],
        gasLimit: 2_000_000,
      }),
    );
    expect(await s.asker.sender()).to.equal(wallet.address);
  });

  it("runs for nobody else: a stranger, the deployed code itself, a contract that is called in the batch", async () => {
    const s = await loadFixture(scene);
    const calls = [askCall(s, "plain", [])];
    for (const to of [s.wallet.address, s.delegate.target]) {
      await expect(s.stranger.sendTransaction({ to, data: bundle(s, calls), gasLimit: 1_000_000 }))
        .to.be.revertedWithCustomError(s.delegate, "DelegateCallerNotSelf")
        .withArgs(await s.stranger.getAddress());
    }
    const back = { target: s.wallet.address, value: 0n, data: bundle(s, calls) };
    const viaProbe = { target: s.probe.target, value: 0n, data: s.probe.interface.encodeFunctionData("run", [[back]]) };
    await mined(send(s, [viaProbe]));
    expect(await s.probe.succeeded(0)).to.equal(false);
    expect((await s.probe.returned(0)).slice(0, 10)).to.equal(id("DelegateCallerNotSelf(address)").slice(0, 10));
    expect(await s.asker.counter()).to.equal(0n);
  });

  it("undoes all of it with the first failure, whose reason comes back as it is", async () => {
    const s = await loadFixture(scene);
    await expect(send(s, [askCall(s, "plain", []), askCall(s)])).to.be.revertedWithCustomError(
      s.hub,
      "InferenceRequired",
    );
    expect(await s.asker.counter()).to.equal(0n);
    const silent = { target: s.hub.target, value: 0n, data: "0x12345678" };
    await expect(send(s, [askCall(s, "plain", []), silent]))
      .to.be.revertedWithCustomError(s.delegate.attach(s.wallet.address), "DelegateCallFailed")
      .withArgs(1n);
    expect(await s.asker.counter()).to.equal(0n);
  });

  it("sends value with each call, and takes ether and tokens as before", async () => {
    const s = await loadFixture(scene);
    const sends = [
      { target: await s.bob.getAddress(), value: 3n, data: "0x" },
      { target: ZeroAddress, value: 0n, data: "0x" },
    ];
    await expect(send(s, sends)).to.changeEtherBalance(s.bob, 3n);
    await expect(s.bob.sendTransaction({ to: s.wallet.address, value: 9n })).to.changeEtherBalance(s.wallet, 9n);
    const account = s.delegate.attach(s.wallet.address) as Delegate;
    expect(await account.onERC721Received.staticCall(ZeroAddress, ZeroAddress, 1, "0x")).to.equal("0x150b7a02");
    expect(await account.onERC1155Received.staticCall(ZeroAddress, ZeroAddress, 1, 1, "0x")).to.equal("0xf23a6e61");
    await mined(send(s, []));
  });

  it("brings many results at once", async () => {
    const s = await loadFixture(scene);
    const inputs = [1, 2, 3, 4].map((n) => inputOf(`fan ${n}`));
    const results = await Promise.all(inputs.map((input) => fresh(s, { input })));
    await mined(send(s, [hubCall(s, "provide", [results]), askCall(s, "fan", [QUESTION[0], inputs])]));
    expect(await s.asker.last()).to.equal(OUTPUT);
  });

  it("nothing that calls for others can forge a callback: a consumer takes answers from the hub only", async () => {
    const s = await loadFixture(scene);
    // The forwarder calls nobody who does not trust it (see intents.test.ts); the delegate and any batcher call as themselves.
    const parameters = s.requester.interface.getFunction("onInference")?.inputs ?? [];
    const fields = parameters[0]?.components ?? [];
    const tuple = fields.map(({ type }, i) =>
      type === "address" ? ZeroAddress : type === "bytes32" ? id(String(i)) : 0,
    );
    const forged = s.requester.interface.encodeFunctionData("onInference", [tuple, "0x"]);
    const toRequester = { target: s.requester.target, value: 0n, data: forged };
    await expect(send(s, [toRequester])).to.be.reverted;
    await mined(s.probe.run([toRequester], { gasLimit: 1_000_000 }));
    expect(await s.probe.succeeded(0)).to.equal(false);
    expect(await s.requester.calls()).to.equal(0n);
  });
});
