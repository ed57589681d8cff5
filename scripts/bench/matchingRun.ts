import { type Hex32, ZERO_32 } from "../../executor/domain/ids";
import { match } from "../../executor/matching/match";
import { MemoryDirectory } from "../../executor/matching/memoryDirectory";
import type { MatchRequest, RunReport } from "../../executor/matching/ports";
import {
  contextAt,
  FULFILMENT_GAS,
  GAS_PRICE_WEI,
  MIB,
  START_SECONDS,
  stream,
  type TrueEnclave,
  type World,
} from "./matchingWorld";

export const POLICIES = ["matching", "withoutLearning", "leastLoaded", "random"] as const;
export type Policy = (typeof POLICIES)[number];

/** How a policy did. A misassignment went to an enclave that could not serve the request, whatever the luck. */
export interface PolicyResult {
  readonly policy: Policy;
  readonly requests: number;
  readonly assignments: number;
  readonly misassigned: number;
  readonly misassignedShare: number;
  /** By what the enclave could not do. */
  readonly misassignedBy: Readonly<Record<string, number>>;
  /** Runs of a fit enclave that failed by chance. */
  readonly failed: number;
  readonly served: number;
  /** Requests for which some enclave was up and fit when they arrived. */
  readonly serveable: number;
  /** Served of the serveable ones. */
  readonly servedShare: number;
  /** Misassignments and failures for each assignment, in the first and in the last quarter of the requests. */
  readonly wastedFirstQuarter: number;
  readonly wastedLastQuarter: number;
}

const MAX_TRIES = 3;
const POSTING_SECONDS = 2;
const RUNNER_BYTES = 48 * MIB;

/** An enclave's runs as they really go. */
interface Lanes {
  readonly endsAtMs: Map<Hex32, number>;
  outstanding: number;
  warm: Set<Hex32>;
}

/** The one static reason why the enclave can not serve the request, checked against what is true and not against what was told. */
function unfit(enclave: TrueEnclave, request: MatchRequest, bytes: number): string | undefined {
  const { facts } = enclave;
  if (facts.loadableModels?.includes(request.modelHash) !== true || enclave.broken.has(request.modelHash))
    return "model";
  if (RUNNER_BYTES + 3 * bytes > facts.memoryBudgetBytes) return "memory";
  if (facts.trustLevel < request.minTrust) return "trust";
  if (request.profile !== ZERO_32 && request.profile !== facts.runtimeProfile) return "profile";
  if (request.imageId !== ZERO_32 && request.imageId !== facts.imageId) return "image";
  if (request.assignedOperator !== 0 && request.assignedOperator !== facts.operatorId) return "operator";
  if (request.rewardWei < GAS_PRICE_WEI * BigInt(FULFILMENT_GAS)) return "reward";
  if (facts.draining) return "draining";
  return undefined;
}

interface Pending {
  readonly request: MatchRequest;
  readonly quarter: number;
  readonly tried: Set<string>;
}

/** Plays the world once under one policy. Everything that chance decides depends on the seed, the request and the enclave, not on the policy. */
export function runPolicy(policy: Policy, world: World, seed: number): PolicyResult {
  const modelOf = new Map(world.models.map((model) => [model.hash, model]));
  const lanes = new Map(
    world.enclaves.map((e): [string, Lanes] => [
      e.facts.enclaveId,
      { endsAtMs: new Map(), outstanding: 0, warm: new Set() },
    ]),
  );
  const directory = new MemoryDirectory({ catalogue: { sizeOf: (hash) => modelOf.get(hash)?.bytes } });
  for (const enclave of world.enclaves) directory.upsert(enclave.facts);
  const dice = stream(seed ^ 0x5eed);
  const events: { atMs: number; order: number; run: () => void }[] = [];
  let order = 0;
  const at = (atMs: number, run: () => void): void => {
    order += 1;
    const event = { atMs, order, run };
    let low = 0;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((events[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    events.splice(low, 0, event);
  };
  const count = { assignments: 0, misassigned: 0, failed: 0, served: 0, serveable: 0 };
  const by: Record<string, number> = {};
  const quarters = [0, 0, 0, 0].map(() => ({ assignments: 0, wasted: 0 }));

  const choose = (pending: Pending, nowMs: number): { enclaveId?: string; retryAtMs?: number } => {
    const open = world.enclaves.filter((e) => !pending.tried.has(e.facts.enclaveId));
    if (policy === "matching" || policy === "withoutLearning") {
      const outcome = match(
        pending.request,
        directory.candidates(pending.request, nowMs).filter((c) => !pending.tried.has(c.enclaveId)),
        contextAt(nowMs),
      );
      if (outcome.ok) return { enclaveId: outcome.enclave.enclaveId };
      return outcome.retryAt === undefined ? {} : { retryAtMs: (outcome.retryAt - START_SECONDS) * 1000 };
    }
    if (policy === "random") return pick(open[Math.floor(dice() * open.length)]);
    const load = (e: TrueEnclave): number => lanes.get(e.facts.enclaveId)?.outstanding ?? 0;
    const least = Math.min(...open.map(load));
    // Ties by chance: by order, one enclave that is gone and therefore empty would swallow everything.
    const ties = open.filter((e) => load(e) === least);
    return pick(ties[Math.floor(dice() * ties.length)]);
  };

  const attempt = (pending: Pending, nowMs: number): void => {
    if (pending.tried.size >= MAX_TRIES || START_SECONDS + nowMs / 1000 > pending.request.deadline) return;
    const { enclaveId, retryAtMs } = choose(pending, nowMs);
    if (enclaveId === undefined) {
      if (retryAtMs !== undefined)
        at(Math.max(retryAtMs, nowMs + 250), () => attempt(pending, Math.max(retryAtMs, nowMs + 250)));
      return;
    }
    const enclave = world.enclaves.find((e) => e.facts.enclaveId === enclaveId);
    const lane = lanes.get(enclaveId);
    const model = modelOf.get(pending.request.modelHash);
    if (enclave === undefined || lane === undefined || model === undefined)
      throw new Error("the policy chose what does not exist");
    pending.tried.add(enclaveId);
    count.assignments += 1;
    const quarter = quarters[pending.quarter];
    if (quarter !== undefined) quarter.assignments += 1;
    directory.assigned({ enclaveId, request: pending.request, hostNowMs: nowMs });
    const end = (endMs: number, report: RunReport, misassignedAs?: string): void => {
      // Without learning, places are given back and nothing else is said.
      const told: RunReport = policy === "withoutLearning" ? { ok: false, code: "ABORTED" } : report;
      directory.finished({ enclaveId, request: pending.request, hostNowMs: endMs, report: told });
      if (report.ok && misassignedAs === undefined) count.served += 1;
      else if (quarter !== undefined) quarter.wasted += 1;
      if (misassignedAs !== undefined) {
        count.misassigned += 1;
        by[misassignedAs] = (by[misassignedAs] ?? 0) + 1;
      } else if (!report.ok) count.failed += 1;
      if (!report.ok) attempt(pending, endMs);
    };
    const wrong =
      unfit(enclave, pending.request, model.bytes) ??
      (lane.outstanding >= enclave.facts.maxOutstanding ? "capacity" : undefined);
    if (enclave.goneUntilMs > nowMs) {
      at(nowMs + 20, () => end(nowMs + 20, { ok: false, code: "ENCLAVE_GONE" }));
      return;
    }
    if (wrong !== undefined) {
      at(nowMs + 5, () =>
        end(nowMs + 5, { ok: false, code: wrong === "capacity" ? "ENCLAVE_BUSY" : "MODEL_UNAVAILABLE" }, wrong),
      );
      return;
    }
    const run = execute({
      enclave,
      lane,
      model,
      nowMs,
      roll: stream(seed ^ hashOf(pending.request.requestId, enclaveId)),
    });
    at(run.endMs, () => {
      lane.outstanding -= 1;
      if (run.failed) {
        end(run.endMs, { ok: false, code: "RUNNER_DIED" });
        return;
      }
      const lands = START_SECONDS + run.endMs / 1000 + POSTING_SECONDS;
      const late =
        lands > pending.request.deadline ? "deadline" : lands >= enclave.facts.epochEndsAt ? "epoch" : undefined;
      end(run.endMs, { ok: true, runMs: run.runMs, ...(run.loadMs > 0 ? { loadMs: run.loadMs } : {}) }, late);
    });
  };

  world.arrivals.forEach((arrival, index) => {
    const quarter = Math.floor((4 * index) / world.arrivals.length);
    at(arrival.atMs, () => {
      const bytes = modelOf.get(arrival.request.modelHash)?.bytes ?? 0;
      const fit = world.enclaves.some(
        (e) => e.goneUntilMs <= arrival.atMs && unfit(e, arrival.request, bytes) === undefined,
      );
      if (fit) count.serveable += 1;
      attempt({ request: arrival.request, quarter, tried: new Set() }, arrival.atMs);
    });
  });
  for (const change of world.changes) {
    at(change.atMs, () => {
      const changed = change.apply(world.enclaves);
      if (changed !== undefined)
        directory.upsert({ ...changed.facts, warmModels: [...(lanes.get(changed.facts.enclaveId)?.warm ?? [])] });
    });
  }
  for (let event = events.pop(); event !== undefined; event = events.pop()) event.run();

  const share = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((1e4 * part) / whole) / 1e4);
  const wasted = (index: number): number => share(quarters[index]?.wasted ?? 0, quarters[index]?.assignments ?? 0);
  const requests = world.arrivals.length;
  return {
    policy,
    requests,
    ...count,
    misassignedShare: share(count.misassigned, count.assignments),
    misassignedBy: by,
    servedShare: share(count.served, count.serveable),
    wastedFirstQuarter: wasted(0),
    wastedLastQuarter: wasted(3),
  };
}

function pick(enclave: TrueEnclave | undefined): { enclaveId?: string } {
  return enclave === undefined ? {} : { enclaveId: enclave.facts.enclaveId };
}

/** Queues a run behind those of its model, and behind a free runner if the model has none. */
function execute(args: {
  enclave: TrueEnclave;
  lane: Lanes;
  model: { hash: Hex32; bytes: number; runMs: number };
  nowMs: number;
  roll: () => number;
}) {
  const { enclave, lane, model, nowMs, roll } = args;
  for (const [hash, endMs] of lane.endsAtMs) if (endMs <= nowMs) lane.endsAtMs.delete(hash);
  const busy = [...lane.endsAtMs.values()].sort((a, b) => a - b);
  const own = lane.endsAtMs.get(model.hash);
  const startMs =
    own ?? (busy.length < enclave.facts.runners ? nowMs : (busy[busy.length - enclave.facts.runners] ?? nowMs));
  const loadMs = lane.warm.has(model.hash) ? 0 : 60 + (4 * model.bytes) / MIB;
  const runMs = model.runMs * enclave.slowness * (0.8 + 0.4 * roll());
  const endMs = startMs + loadMs + runMs;
  lane.endsAtMs.set(model.hash, endMs);
  lane.outstanding += 1;
  lane.warm.delete(model.hash);
  lane.warm = new Set([...lane.warm, model.hash].slice(-enclave.facts.runners));
  return { endMs, runMs, loadMs, failed: roll() < enclave.failRate };
}

/** FNV-1a over both ids: luck that depends on who meets whom, not on when. */
function hashOf(...words: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const char of words.join(" ")) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}
