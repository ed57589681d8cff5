import { address, type Hex32, hex32, ZERO_32 } from "../../executor/domain/ids";
import type { EnclaveFacts } from "../../executor/matching/memoryDirectory";
import type { MatchContext, MatchRequest } from "../../executor/matching/ports";

/** A stream of numbers in [0, 1) from a seed (mulberry32). The same seed gives the same world on every machine. */
export function stream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const MIB = 2 ** 20;
/** Block time at the start; any moment will do. */
export const START_SECONDS = 1_800_000_000;
const HOUR = 3_600;

const id = (kind: number, index: number): Hex32 =>
  hex32(`0x${kind.toString(16).padStart(2, "0")}${index.toString(16).padStart(62, "0")}`);

export interface TrueModel {
  readonly hash: Hex32;
  readonly bytes: number;
  readonly runMs: number;
}

/** An enclave as it is. `facts` are what everybody is told; the rest only shows in what happens. */
export interface TrueEnclave {
  facts: EnclaveFacts;
  slowness: number;
  failRate: number;
  /** Models that it says it can be given and can not. */
  readonly broken: Set<Hex32>;
  goneUntilMs: number;
}

export interface Arrival {
  readonly atMs: number;
  readonly request: MatchRequest;
}
export interface Change {
  readonly atMs: number;
  readonly apply: (enclaves: readonly TrueEnclave[]) => TrueEnclave | undefined;
}

export interface World {
  readonly models: readonly TrueModel[];
  readonly enclaves: readonly TrueEnclave[];
  readonly arrivals: readonly Arrival[];
  readonly changes: readonly Change[];
}

export const GAS_PRICE_WEI = 2_000_000_000n;
export const FULFILMENT_GAS = 60_000;

export function contextAt(nowMs: number): MatchContext {
  return {
    chainNow: START_SECONDS + Math.floor(nowMs / 1000),
    hostNowMs: nowMs,
    postingMarginSeconds: 3,
    epochMarginSeconds: 30,
    minRewardWei: 1n,
    gasPriceWei: GAS_PRICE_WEI,
    fulfilmentGas: FULFILMENT_GAS,
    allowLoss: false,
  };
}

function enclave(index: number, models: readonly TrueModel[], random: () => number): TrueEnclave {
  const loadable = models.filter(() => random() < 0.6).map((model) => model.hash);
  const runners = 1 + Math.floor(random() * 4);
  return {
    facts: {
      enclaveId: address(`0x${(index + 1).toString(16).padStart(40, "0")}`),
      operatorId: 1 + Math.floor(random() * 8),
      trustLevel: 1 + Math.floor(random() * 3),
      imageId: id(0xa0, Math.floor(random() * 3)),
      runtimeProfile: id(0xb0, Math.floor(random() * 3)),
      // Some keys end during the run.
      epochEndsAt: START_SECONDS + Math.floor(random() < 0.15 ? 60 + random() * 600 : 12 * HOUR),
      heartbeatDueAt: START_SECONDS + 12 * HOUR,
      draining: false,
      runners,
      maxOutstanding: runners * (2 + Math.floor(random() * 4)),
      memoryBudgetBytes: (256 + Math.floor(random() * 1024)) * MIB,
      warmModels: [],
      loadableModels: loadable,
    },
    slowness: 0.5 * 8 ** random(),
    failRate: random() < 0.2 ? 0.2 + random() * 0.5 : 0.01,
    broken: new Set(loadable.filter(() => random() < 0.03)),
    goneUntilMs: 0,
  };
}

function arrival(index: number, atMs: number, models: readonly TrueModel[], random: () => number): Arrival {
  const model = models[Math.floor(random() ** 2 * models.length)] as TrueModel;
  const weight = random();
  const demands = { profile: random() < 0.3, image: random() < 0.15, operator: random() < 0.1 };
  return {
    atMs,
    request: {
      requestId: id(0xc0, index),
      requester: address(`0x${(0x1000 + Math.floor(random() * 40)).toString(16).padStart(40, "0")}`),
      modelHash: model.hash,
      inputHash: id(0xd0, index),
      inputBytes: 96,
      rewardWei: random() < 0.03 ? 1000n : (GAS_PRICE_WEI * BigInt(FULFILMENT_GAS) * 12n) / 10n,
      deadline: START_SECONDS + Math.floor(atMs / 1000) + 8 + Math.floor(random() * 60),
      minTrust: weight < 0.5 ? 1 : weight < 0.8 ? 2 : 3,
      profile: demands.profile ? id(0xb0, Math.floor(random() * 3)) : ZERO_32,
      imageId: demands.image ? id(0xa0, Math.floor(random() * 3)) : ZERO_32,
      contextRoot: ZERO_32,
      assignedOperator: demands.operator ? 1 + Math.floor(random() * 8) : 0,
      proofKind: 0,
      inputKind: 0,
      callbackGas: 0,
    },
  };
}

/** What happens to an enclave: speed, failures, draining, renewal or vanishing. */
function change(atMs: number, count: number, random: () => number): Change {
  const which = Math.floor(random() * count);
  const [kind, size] = [random(), random()];
  return {
    atMs,
    apply: (enclaves) => {
      const one = enclaves[which];
      if (one === undefined) return undefined;
      if (kind < 0.3) one.slowness = 0.5 * 8 ** size;
      else if (kind < 0.5) one.failRate = size < 0.5 ? 0.01 : size;
      else if (kind < 0.65) one.facts = { ...one.facts, draining: !one.facts.draining };
      else if (kind < 0.8) one.facts = { ...one.facts, epochEndsAt: START_SECONDS + Math.floor(atMs / 1000) + HOUR };
      else one.goneUntilMs = atMs + 10_000 + size * 60_000;
      return one;
    },
  };
}

/** The same for every policy that is measured with this seed. */
export function makeWorld(args: {
  readonly seed: number;
  readonly enclaves: number;
  readonly requests: number;
  readonly everyMs: number;
}): World {
  const random = stream(args.seed);
  const models = Array.from({ length: 20 }, (_, index): TrueModel => {
    return { hash: id(0xe0, index), bytes: Math.floor(5_000 * 20_000 ** random()), runMs: 10 * 200 ** random() };
  });
  const enclaves = Array.from({ length: args.enclaves }, (_, index) => enclave(index, models, random));
  const arrivals: Arrival[] = [];
  const changes: Change[] = [];
  let nowMs = 0;
  for (let index = 0; index < args.requests; index += 1) {
    nowMs += -Math.log(1 - random()) * args.everyMs;
    arrivals.push(arrival(index, nowMs, models, random));
    if (index % 12 === 11) changes.push(change(nowMs, args.enclaves, random));
  }
  return { models, enclaves, arrivals, changes };
}
