import { expect } from "chai";
import type { Contract } from "ethers";
import { contractOf } from "../../executor/deployment/deploy";
import { localKey } from "../../scripts/start/localKeys";
import { ask, committedModel, encoded, ended, goldenSets, openWorld, type World } from "./support/world";

const DIGITS = committedModel("digits").hash;
const input = (): Uint8Array => encoded(goldenSets("digits")[0]?.inputs ?? []);
/** Results go out by a key of their own here, so that one can be lost while the operator's transactions land. */
const POSTER = { ASSAY_POSTER_PRIVATE_KEY: localKey(3) };

/** Asks the chain or the daemon again until it is so. The bound is for a failing test. */
async function until(what: string, done: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await done()); ) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function signersOf(httpUrl: string): Promise<string[]> {
  const status = (await (await fetch(`${httpUrl}/status`)).json()) as { enclaves: { signer: string }[] };
  return status.enclaves.map(({ signer }) => signer.toLowerCase());
}

async function signerOf(world: World, requestId: string): Promise<string> {
  const [log] = await world.hub.queryFilter(world.hub.getEvent("Fulfilled")(requestId));
  return String((log as unknown as { args: { signer: string } }).args.signer).toLowerCase();
}

describe("an executor that is stopped, and one whose keys grow old", () => {
  let world: World;
  let registry: Contract;
  before(async () => {
    world = await openWorld("hardhat");
    registry = contractOf(world.record, "EnclaveRegistry", world.requester);
  });
  after(() => world.end());
  afterEach(() => world.provider.send("evm_setAutomine", [true]));

  const lifeOf = async (signer: string) => {
    const [state, , epochEnd, , , draining] = await registry.getFunction("lifeOf").staticCall(signer);
    return { state: Number(state), epochEnd: Number(epochEnd), draining: Boolean(draining) };
  };

  it("stops in order, drains its keys, and what they had signed settles after the restart", async () => {
    const { provider } = world;
    const first = await world.start([], undefined, { env: POSTER });
    // It is ready with the first of its two enclaves.
    await until("both enclaves are registered", async () => (await signersOf(first.httpUrl)).length === 2);
    const old = await signersOf(first.httpUrl);
    await provider.send("evm_setAutomine", [false]);
    const asking = ask(world, { modelHash: DIGITS, input: input() });
    const pending = async (): Promise<{ to: string; from: string; hash: string }[]> =>
      (await provider.send("eth_getBlockByNumber", ["pending", true])).transactions;
    await until("the request is in the pool", async () => (await pending()).length === 1);
    await provider.send("evm_mine", []);
    const { requestId } = await asking;
    await until("the answer is in the pool", async () => (await pending()).length === 1);
    const [answer] = await pending();

    first.child.process.kill("SIGTERM");
    expect(await first.child.exited).to.deep.equal({ code: 0, signal: null });
    // The answer is lost on its way; the keys that drain land.
    await provider.send("hardhat_dropTransaction", [answer?.hash]);
    expect((await pending()).map(({ from }) => from)).to.have.length(old.length);
    await provider.send("evm_mine", []);
    const now = await world.now();
    for (const signer of old)
      expect(await lifeOf(signer)).to.deep.equal({ state: 1, epochEnd: now + 3_600, draining: true });
    expect((await world.hub.getFunction("statusOf").staticCall(requestId))[0]).to.equal(1n);

    await provider.send("evm_setAutomine", [true]);
    const second = await world.start([], undefined, { env: POSTER });
    expect((await ended(world, requestId)).event).to.equal("Fulfilled");
    expect(old).to.include(await signerOf(world, requestId));
    expect(await signersOf(second.httpUrl)).to.not.include.members(old);
    await second.child.stop();
  });

  it("stops at once where nothing is in work and the chain takes the keys' end", async () => {
    const daemon = await world.start(["--enclaves", "1"]);
    const [signer = ""] = await signersOf(daemon.httpUrl);
    daemon.child.process.kill("SIGTERM");
    expect((await daemon.child.exited).code).to.equal(0);
    expect((await lifeOf(signer)).draining).to.equal(true);
  });

  it("rotates a key that grew old with overlap, and answers before, meanwhile and after", async () => {
    const daemon = await world.start(["--enclaves", "1", "--max-key-age-seconds", "1000"]);
    const [old = ""] = await signersOf(daemon.httpUrl);
    const before = await ask(world, { modelHash: DIGITS, input: input() });
    expect((await ended(world, before.requestId)).event).to.equal("Fulfilled");
    expect(await signerOf(world, before.requestId)).to.equal(old);

    await world.provider.send("evm_increaseTime", [1_000]);
    await world.provider.send("evm_mine", []);
    const meanwhile = await ask(world, { modelHash: DIGITS, input: input() });
    expect((await ended(world, meanwhile.requestId)).event).to.equal("Fulfilled");
    const rotations = () => registry.queryFilter(registry.getEvent("EnclaveRotated")(old));
    await until("the key is rotated", async () => (await rotations()).length === 1);
    const to = String(((await rotations())[0] as unknown as { args: { to: string } }).args.to).toLowerCase();
    expect(await lifeOf(old)).to.include({ state: 1, draining: true });
    expect(await lifeOf(to)).to.include({ state: 1, draining: false });

    // One more block lets the old enclave go, which has nothing in work.
    await world.provider.send("evm_mine", []);
    await until("the old enclave is closed", async () => (await signersOf(daemon.httpUrl)).join() === to);
    const after = await ask(world, { modelHash: DIGITS, input: input() });
    expect((await ended(world, after.requestId)).event).to.equal("Fulfilled");
    expect(await signerOf(world, after.requestId)).to.equal(to);
    await daemon.child.stop();
  });
});
