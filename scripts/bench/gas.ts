import { keccak256 } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types";
import { INPUT, MODEL, OUTPUT } from "../../test/contracts/helpers/job";
import { RESULT, sign, statement } from "../../test/contracts/helpers/statements";
import { as, enclaveKey, PROFILE, type With } from "../../test/contracts/helpers/world";
import { Bench, CALLBACK_GAS, KEY, REWARD_WEI, START_SECONDS } from "./gasChain";

type Asker = With<"ask">;
type Puller = With<"use">;

/** Opens `count` requests of an account and lands them in one transaction; gas per item. */
async function batch(bench: Bench, count: number): Promise<number> {
  const user = await bench.user.getAddress();
  const jobs = Array.from({ length: count }, () => bench.job(user));
  for (const job of jobs) await bench.ask(job);
  const items = jobs.map((job) => {
    const { hash: _, ...item } = job.result(KEY, START_SECONDS + 1500n);
    return item;
  });
  const gas = await bench.gas(() => as(bench.world.hub, bench.operator).fulfillBatch(items, { gasLimit: 16_000_000 }));
  return Math.ceil(gas / count);
}

/** A pull by a contract less its twin that takes the same calldata and checks nothing. */
async function pull(bench: Bench): Promise<number> {
  const signed = statement({
    modelHash: MODEL,
    inputHash: keccak256(INPUT),
    outputHash: keccak256(OUTPUT),
    runtimeProfile: PROFILE,
    issuedAt: START_SECONDS + 1500n,
    expiresAt: START_SECONDS + 80_000n,
  });
  const expected = {
    modelHash: MODEL,
    inputHash: signed.inputHash,
    contextRoot: signed.contextRoot,
    profile: PROFILE,
    imageId: signed.contextRoot,
    minTrust: 1,
    maxAgeSeconds: 3600,
  };
  const args = [expected, OUTPUT, signed, sign(KEY, bench.world.domain, RESULT, signed)] as const;
  const consumer = await bench.deploy<Puller>("MockPullConsumer", [bench.world.hub.target]);
  const twin = await bench.deploy<Puller>("MockPullTwin", []);
  return (await bench.gas(() => consumer.use(...args))) - (await bench.gas(() => twin.use(...args)));
}

/**
 * Gas of the main path, by fixed keys: `request`, `fulfill`, `fulfillCallback`, `batch8PerItem`, `batch32PerItem`,
 * `batch128PerItem` (rounded up), `verifyPull`, `register` (registry's part, with a verifier that costs nothing),
 * `registerFirst` (with a new operator), `refuse`, `withdraw`, `withdrawOperator`. Measured on a chain of its own with fixed keys, nonces and times.
 */
export async function measureGas(hre: HardhatRuntimeEnvironment): Promise<Record<string, number>> {
  const bench = await Bench.open(hre);
  const { hub } = bench.world;
  const user = await bench.user.getAddress();
  const out: Record<string, number> = {};

  out.registerFirst = await bench.register(KEY);
  out.register = await bench.register(enclaveKey("bench/second"));
  // The first result fills the credit slot, so that the measured one updates it as in daily life.
  const warmUp = bench.job(user);
  await bench.ask(warmUp);
  await bench.fulfil(warmUp);

  const plain = bench.job(user);
  out.request = await bench.ask(plain);
  out.fulfill = await bench.fulfil(plain);

  const asker = await bench.deploy<Asker>("MockGasRequester", [hub.target]);
  const called = bench.job(String(asker.target), CALLBACK_GAS);
  await bench.gas(() => asker.ask(MODEL, INPUT, called.data.terms, called.data.salt, { value: REWARD_WEI }));
  out.fulfillCallback = await bench.fulfil(called);
  if ((await asker.getFunction("last")()) !== BigInt(OUTPUT)) throw new Error("the callback did not act");

  out.batch8PerItem = await batch(bench, 8);
  out.batch32PerItem = await batch(bench, 32);
  out.batch128PerItem = await batch(bench, 128);
  out.verifyPull = await pull(bench);

  const refused = bench.job(user);
  await bench.ask(refused);
  out.refuse = await bench.gas(() => as(hub, bench.operator).refuse(...refused.refusal(KEY, START_SECONDS + 1500n)));
  out.withdraw = await bench.gas(() => as(hub, bench.user).withdraw());
  out.withdrawOperator = await bench.gas(() => as(hub, bench.user).withdrawOperator(1));
  return out;
}
