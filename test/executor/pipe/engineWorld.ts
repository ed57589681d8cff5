import { type EngineOptions, PipeEngine } from "../../../executor/pipe/engine";
import type { EngineEvent } from "../../../executor/pipe/entry";
import {
  CHAIN_ID,
  dataOf,
  FakeChain,
  FakePublisher,
  FakeRunner,
  FakeStore,
  FORWARDER_ADDRESS,
  HUB,
  question,
} from "./fakes";

/** An engine among fakes, and three programs: `asks`, `other` and `fails`. */
export async function engineWorld() {
  const chain = new FakeChain();
  const runner = new FakeRunner();
  const publisher = new FakePublisher(chain);
  const store = new FakeStore();
  const clock = { nowMs: 1_000_000 };
  const events: EngineEvent[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  const build = (more: Partial<EngineOptions> = {}): PipeEngine =>
    new PipeEngine({
      chainId: CHAIN_ID,
      hub: HUB,
      forwarder: FORWARDER_ADDRESS,
      chain,
      runner,
      publisher,
      store,
      terms: { feeWei: 0n, priorityFeeWei: 0n, allowLoss: true },
      gasCap: 2_500_000n,
      bounds: { rounds: 8, inferences: 16, simulations: 32 },
      limits: { simulationsPerMinute: 10_000, inferencesPerHour: 10_000 },
      maxHeld: 100,
      maxHeldPerSender: 10,
      deadlineMs: 60_000,
      confirmations: 2,
      grantOf: async () => 0n,
      pendingNonce: (account) => chain.pendingNonce(account),
      nowMs: () => clock.nowMs,
      signal: stop.signal,
      onEvent: (event) => void events.push(event),
      onError: (error) => void errors.push(error),
      ...more,
    });
  const engine = build();
  await engine.resume();
  chain.programs.set(dataOf("asks"), () => ({ asks: [question("a")] }));
  chain.programs.set(dataOf("other"), () => ({ asks: [question("b")] }));
  chain.programs.set(dataOf("fails"), () => ({ asks: [], success: false }));
  chain.plain = () => ({ ok: false, revert: "0x" });
  return { chain, runner, publisher, store, clock, events, errors, stop, build, engine };
}
export type EngineWorld = Awaited<ReturnType<typeof engineWorld>>;
