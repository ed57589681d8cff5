import { concat, id, Wallet, ZeroAddress } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types";
import {
  type Forwarder,
  forwarderDomain,
  type Intent,
  intentOf,
  signIntent,
} from "../../test/contracts/helpers/intents";
import { MODEL } from "../../test/contracts/helpers/job";
import { type Portable, portable } from "../../test/contracts/helpers/portable";
import { as, PROFILE, type With } from "../../test/contracts/helpers/world";
import { Bench, KEY, START_SECONDS } from "./gasChain";

const FEE_WEI = 12_345_678_901_234n;
const RELAY_FEE_WEI = 23_456_789_012_345n;
const OPERATOR_ID = 1;
const EXTRA_RESULTS = 4;
const INTENT_GAS = 150_000n;
const ETHER = 10n ** 18n;

type Target = With<"act" | "actAll">;
type Delegate = With<"execute">;

/** The deployed parts, and a user whose ordinary key delegated its account to `BatchDelegate`. */
class PipeBench {
  private constructor(
    readonly bench: Bench,
    readonly user: Wallet,
    readonly delegate: Delegate,
    readonly forwarder: Forwarder,
    readonly target: Target,
    readonly twin: Target,
    private questions = 0,
  ) {}

  static async open(hre: HardhatRuntimeEnvironment): Promise<PipeBench> {
    const bench = await Bench.open(hre);
    const { hub } = bench.world;
    const delegate = await bench.deploy<Delegate>("BatchDelegate", []);
    const forwarder = await bench.deploy<Forwarder>("IntentForwarder", [hub.target]);
    const target = await bench.deploy<Target>("MockSyncTarget", [hub.target, forwarder.target, MODEL, PROFILE]);
    const twin = await bench.deploy<Target>("MockSyncTwin", []);
    const user = new Wallet(id("bench/user"), bench.user.provider);
    await bench.gas(() => bench.user.sendTransaction({ to: user.address, value: ETHER }) as never);
    // An account that delegates in a transaction of its own has used that nonce when the authorization is read.
    const nonce = (await user.getNonce()) + 1;
    const authorization = await user.authorize({ address: String(delegate.target), nonce });
    await bench.gas(
      () => user.sendTransaction({ type: 4, to: ZeroAddress, authorizationList: [authorization] }) as never,
    );
    return new PipeBench(bench, user, delegate, forwarder, target, twin);
  }

  /** A question that nobody asked before, and a signed answer to it. */
  ask(feeWei: bigint): { readonly input: string; readonly result: Portable } {
    this.questions += 1;
    const input = concat([0, 1, 2].map((i) => id(`bench/input/${this.questions}/${i}`)));
    const output = id(`bench/output/${this.questions}`);
    const result = portable(this.bench.world, {
      key: KEY,
      input,
      output,
      feeWei,
      issuedAt: START_SECONDS + 1500n,
      expiresAt: START_SECONDS + 80_000n,
    });
    return { input, result };
  }

  /** `[hub.provide(results), target.call]` in one transaction of the user's own account. */
  bundle(results: readonly Portable[], data: string): Promise<number> {
    const { hub } = this.bench.world;
    const calls = [
      { target: hub.target, value: 0n, data: hub.interface.encodeFunctionData("provide", [results]) },
      { target: this.target.target, value: 0n, data },
    ];
    const bundle = this.delegate.interface.encodeFunctionData("execute", [calls]);
    // Whoever builds a bundle knows whom it calls: an access list (EIP-2930) of the three saves 100 gas each.
    const { registry } = this.bench.world;
    const accessList = [hub, registry, this.target].map(({ target }) => ({ address: String(target), storageKeys: [] }));
    return this.bench.gas(
      () => this.user.sendTransaction({ to: this.user.address, data: bundle, accessList }) as never,
    );
  }

  /** A plain transaction of the same account. */
  call(to: unknown, data: string): Promise<number> {
    return this.bench.gas(() => this.user.sendTransaction({ to: String(to), data }) as never);
  }

  act(input: string): string {
    return this.target.interface.encodeFunctionData("act", [input]);
  }

  /** A bundle less the plain call of the target's twin. */
  async bundleOverhead(feeWei: bigint): Promise<number> {
    const { input, result } = this.ask(feeWei);
    return (await this.bundle([result], this.act(input))) - (await this.call(this.twin.target, this.act(input)));
  }

  /** The same for `count` results that one call uses. */
  async manyOverhead(count: number): Promise<number> {
    const asked = Array.from({ length: count }, () => this.ask(FEE_WEI));
    const data = this.target.interface.encodeFunctionData("actAll", [asked.map(({ input }) => input)]);
    const results = asked.map(({ result }) => result);
    return (await this.bundle(results, data)) - (await this.call(this.twin.target, data));
  }

  /** A relayer's transaction less the plain call of the twin that the user would have sent. */
  async intentOverhead(nonce: bigint, relayFeeWei: bigint): Promise<number> {
    const { forwarder, bench, user } = this;
    const { input, result } = this.ask(FEE_WEI);
    const intent: Intent = intentOf({
      from: user.address,
      target: String(this.target.target),
      data: this.act(input),
      nonce,
      deadline: START_SECONDS + 80_000n,
      maxResultFeeWei: FEE_WEI,
      relayFeeWei,
      maxFailureFeeWei: relayFeeWei,
      gas: INTENT_GAS,
    });
    const signature = await signIntent(user, forwarderDomain(bench.world, String(forwarder.target)), intent);
    const { hub, registry } = bench.world;
    const accessList = [hub, registry, this.target].map(({ target }) => ({ address: String(target), storageKeys: [] }));
    const overrides = { gasLimit: 1_000_000, accessList };
    const gas = await bench.gas(() => as(forwarder, bench.operator).execute(intent, signature, [result], overrides));
    return gas - (await this.call(this.twin.target, this.act(input)));
  }
}

/**
 * Gas of the synchronous way, by fixed keys: `bundleOverhead`, `bundleOverheadFree`, `intentOverhead` (the relayer lives
 * on the results' fees), `intentOverheadRelayFee` (it also takes a fee of its own), `rawConsumer`, `publish` (a sponsor's
 * grant pays), `publishOwnFee` (the value pays), `perExtraResult` (rounded up, with its use). In the steady state: the user has credit at the hub and at the
 * forwarder, the operator has earned before, and the words of nonces and of the target's state are in use.
 */
export async function measurePipeGas(hre: HardhatRuntimeEnvironment): Promise<Record<string, number>> {
  const p = await PipeBench.open(hre);
  const { bench } = p;
  const { hub } = bench.world;
  const out: Record<string, number> = {};
  await bench.register(KEY);
  await bench.gas(() => as(hub, p.user as never).deposit({ value: ETHER / 100n }));
  await bench.gas(() => p.forwarder.depositFor(p.user.address, { value: ETHER / 100n }));
  await bench.gas(() => p.forwarder.depositFor(bench.operator, { value: 1n }));
  // The first of each fills what is used for the first time.
  await p.bundleOverhead(FEE_WEI);
  await p.intentOverhead(0n, RELAY_FEE_WEI);
  await p.manyOverhead(1);

  out.bundleOverhead = await p.bundleOverhead(FEE_WEI);
  out.bundleOverheadFree = await p.bundleOverhead(0n);
  out.intentOverhead = await p.intentOverhead(1n, 0n);
  out.intentOverheadRelayFee = await p.intentOverhead(2n, RELAY_FEE_WEI);
  const one = await p.manyOverhead(1);
  out.perExtraResult = Math.ceil(((await p.manyOverhead(1 + EXTRA_RESULTS)) - one) / EXTRA_RESULTS);

  const sponsor = await bench.user.getAddress();
  await bench.gas(() => as(hub, bench.user).grant(OPERATOR_ID, ETHER / 100n, { value: ETHER / 10n }));
  const publishOwn = (result: Portable) =>
    bench.gas(() => as(hub, bench.operator).publish([result], { value: FEE_WEI }));
  out.publishOwnFee = await publishOwn(p.ask(FEE_WEI).result);
  const publishFor = (result: Portable) => bench.gas(() => as(hub, bench.operator).publishFor([result], [sponsor]));
  await publishFor(p.ask(FEE_WEI).result);
  const { input, result } = p.ask(FEE_WEI);
  out.publish = await publishFor(result);
  out.rawConsumer = (await p.call(p.target.target, p.act(input))) - (await p.call(p.twin.target, p.act(input)));
  if ((await p.target.getFunction("last")()) !== BigInt(result.output)) throw new Error("the target did not act");
  return out;
}
