import type { Hex32 } from "../domain/ids";

interface Run {
  readonly expectedMs: number;
  readonly isCold: boolean;
}
interface Lane {
  readonly runs: Map<Hex32, Run>;
  /** When the run at the head was given, or came to the head. */
  headSinceMs: number;
}

export interface Placement {
  readonly warm: boolean;
  readonly waitMs: number;
  /** Models whose idle runners may have to go. */
  readonly evicts: boolean;
  readonly memoryFreeBytes: number;
}

/**
 * The runners of one enclave as this daemon believes them to be. One runner serves one model and one request at a time,
 * so runs of a model queue behind one another (a lane), and a new model needs a runner that is free or idle.
 */
export class EnclaveSlots {
  /** Models with a runner, the one used longest ago first. */
  #warm: Hex32[] = [];
  readonly #lanes = new Map<Hex32, Lane>();

  get outstanding(): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += lane.runs.size;
    return sum;
  }

  get warm(): readonly Hex32[] {
    return this.#warm;
  }

  setWarm(models: readonly Hex32[]): void {
    const given = new Set(models);
    const kept = this.#warm.filter((model) => given.has(model));
    this.#warm = [...kept, ...models.filter((model) => !kept.includes(model))];
  }

  begin(args: {
    readonly requestId: Hex32;
    readonly modelHash: Hex32;
    readonly expectedMs: number;
    /** Whether its model has to be loaded first. */
    readonly isCold: boolean;
    readonly nowMs: number;
  }): void {
    const lane = this.#lanes.get(args.modelHash) ?? { runs: new Map<Hex32, Run>(), headSinceMs: args.nowMs };
    lane.runs.set(args.requestId, { expectedMs: args.expectedMs, isCold: args.isCold });
    this.#lanes.set(args.modelHash, lane);
  }

  /** @returns for how long it had the runner; undefined if no such run was begun */
  end(args: {
    readonly requestId: Hex32;
    readonly modelHash: Hex32;
    readonly nowMs: number;
  }): { readonly tookMs: number; readonly isCold: boolean } | undefined {
    const lane = this.#lanes.get(args.modelHash);
    const run = lane?.runs.get(args.requestId);
    if (lane === undefined || run === undefined) return undefined;
    lane.runs.delete(args.requestId);
    const tookMs = args.nowMs - lane.headSinceMs;
    lane.headSinceMs = args.nowMs;
    if (lane.runs.size === 0) this.#lanes.delete(args.modelHash);
    return { tookMs, isCold: run.isCold };
  }

  /** The model's runner answered: it is up, and some idle one made room for it if there are more than may be. */
  served(modelHash: Hex32, runners: number): void {
    this.#warm = [...this.#warm.filter((model) => model !== modelHash), modelHash];
    while (this.#warm.length > runners) {
      const idle = this.#warm.findIndex((model) => model !== modelHash && !this.#lanes.has(model));
      if (idle < 0) return;
      this.#warm.splice(idle, 1);
    }
  }

  /** The runner, or with no model all of them, is gone. */
  lost(modelHash?: Hex32): void {
    this.#warm = modelHash === undefined ? [] : this.#warm.filter((model) => model !== modelHash);
  }

  /** Where a further run of the model would stand. */
  place(args: {
    readonly modelHash: Hex32;
    readonly runners: number;
    readonly budgetBytes: number;
    readonly bytesOf: (modelHash: Hex32) => number;
    readonly nowMs: number;
  }): Placement {
    const { modelHash, runners, budgetBytes, bytesOf, nowMs } = args;
    const up = new Set([...this.#warm, ...this.#lanes.keys()]);
    const sum = (models: Iterable<Hex32>): number => [...models].reduce((total, model) => total + bytesOf(model), 0);
    const memoryFreeBytes = Math.max(0, budgetBytes - sum(this.#lanes.keys()));
    const own = this.#lanes.get(modelHash);
    if (own !== undefined) return { warm: true, waitMs: remainingMs(own, nowMs), evicts: false, memoryFreeBytes };
    const waits = [...this.#lanes.values()].map((lane) => remainingMs(lane, nowMs));
    const waitMs = this.#lanes.size < runners ? 0 : Math.min(...waits);
    if (up.has(modelHash)) return { warm: true, waitMs, evicts: false, memoryFreeBytes };
    const evicts = up.size >= runners || sum(up) + bytesOf(modelHash) > budgetBytes;
    return { warm: false, waitMs, evicts, memoryFreeBytes };
  }
}

/** A run that takes longer than expected is taken to end any moment, but those behind it still need their whole time. */
function remainingMs(lane: Lane, nowMs: number): number {
  const [head, ...rest] = lane.runs.values();
  if (head === undefined) return 0;
  return (
    Math.max(0, head.expectedMs - Math.max(0, nowMs - lane.headSinceMs)) +
    rest.reduce((sum, run) => sum + run.expectedMs, 0)
  );
}
