import { isAssayError } from "../domain/errors";
import { CALL, headerIn } from "./call";
import { checkDeployment, type DeploymentIdentity } from "./deployment";
import { rpcError } from "./errors";
import type { Rpc, RpcCall, RpcOptions, RpcReply } from "./types";

/** What was seen that an operator should know; the pool goes on where it can. */
export type PoolEvent =
  | { readonly type: "failed"; readonly endpoint: string; readonly code: string }
  | { readonly type: "refused"; readonly endpoint: string; readonly code: string }
  | { readonly type: "behind"; readonly endpoint: string; readonly head: number; readonly best: number }
  | { readonly type: "disagreement"; readonly endpoint: string; readonly what: string };

export interface PoolOptions {
  /** In order of preference. */
  readonly endpoints: readonly Rpc[];
  readonly now: () => number;
  readonly onEvent?: (event: PoolEvent) => void;
  /** How long an address that failed is passed over, in milliseconds; doubles up to 32 times. Default 250. */
  readonly restMs?: number;
  /** How many blocks an address may lag before it is passed over. Default 2. */
  readonly maxLagBlocks?: number;
}

interface Member {
  readonly rpc: Rpc;
  /** Set for good: it serves another chain. */
  refused: boolean;
  failures: number;
  restUntil: number;
}

/**
 * Several addresses that act as one. A batch goes to one address as a whole, so that its answers belong together; the
 * choice stays with an address until it fails, so that the follower is not torn between two views of the chain.
 */
export class RpcPool implements Rpc {
  readonly #members: readonly Member[];
  readonly #options: PoolOptions;
  #current: Member;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#members = options.endpoints.map((rpc) => ({ rpc, refused: false, failures: 0, restUntil: 0 }));
    const [first] = this.#members;
    if (first === undefined) throw rpcError("RPC_NO_ENDPOINT", "no RPC address was given");
    this.#current = first;
  }

  get name(): string {
    return this.#current.rpc.name;
  }

  async batch(calls: readonly RpcCall[], options?: RpcOptions): Promise<readonly RpcReply[]> {
    let last: unknown;
    for (const member of this.#order()) {
      try {
        const replies = await member.rpc.batch(calls, options);
        member.failures = 0;
        member.restUntil = 0;
        this.#current = member;
        return replies;
      } catch (error) {
        if (isAssayError(error, "RPC_ABORTED")) throw error;
        this.#rest(member, error);
        last = error;
      }
    }
    throw last ?? rpcError("RPC_NO_ENDPOINT", "every RPC address serves another chain");
  }

  /**
   * Sends a signed transaction to every address that serves the chain: one that lost its mempool does not lose us.
   * The reply is the first acceptance, else the first refusal.
   */
  async broadcast(raw: string, options?: RpcOptions): Promise<RpcReply> {
    const members = this.#order();
    const settled = await Promise.allSettled(members.map((member) => member.rpc.batch([CALL.sendRaw(raw)], options)));
    const replies = settled.flatMap((entry) => (entry.status === "fulfilled" ? entry.value.slice(0, 1) : []));
    const reply = replies.find((entry) => entry.ok) ?? replies[0];
    if (reply !== undefined) return reply;
    const [failed] = settled;
    throw failed?.status === "rejected" ? failed.reason : rpcError("RPC_NO_ENDPOINT", "every RPC address serves another chain");
  }

  /** Passes over the address in use: its answers contradict each other or themselves. */
  distrust(what: string): void {
    const member = this.#current;
    this.#options.onEvent?.({ type: "disagreement", endpoint: member.rpc.name, what });
    this.#rest(member, undefined);
    const [next] = this.#order();
    if (next !== undefined) this.#current = next;
  }

  /**
   * Compares all addresses with the deployment and with each other. One on another chain is refused for good, one that
   * lags rests.
   * @throws AssayError the first refusal if no address remains, or the last failure if none could be asked.
   */
  async check(expected: DeploymentIdentity, options?: RpcOptions): Promise<void> {
    let last: unknown;
    const heads: { member: Member; head: number }[] = [];
    for (const member of this.#members) {
      try {
        await checkDeployment(member.rpc, expected, options);
        const head = headerIn((await member.rpc.batch([CALL.latest()], options))[0], CALL.latest());
        heads.push({ member, head: head?.number ?? 0 });
      } catch (error) {
        if (isAssayError(error, "RPC_ABORTED")) throw error;
        last ??= error;
        if (isAssayError(error) && error.retry === "never") {
          member.refused = true;
          this.#options.onEvent?.({ type: "refused", endpoint: member.rpc.name, code: error.code });
        } else this.#rest(member, error);
      }
    }
    if (heads.length === 0) throw last;
    const best = Math.max(...heads.map((entry) => entry.head));
    for (const { member, head } of heads) {
      if (best - head <= (this.#options.maxLagBlocks ?? 2)) continue;
      this.#options.onEvent?.({ type: "behind", endpoint: member.rpc.name, head, best });
      this.#rest(member, undefined);
    }
    this.#current = this.#order()[0] ?? this.#current;
  }

  /**
   * Asks every address for its block at a height and reports those that name another hash than the one in use.
   * @returns how many addresses disagree; one that can not be asked or has no such block yet does not count.
   */
  async compareAt(height: number, options?: RpcOptions): Promise<number> {
    const call = CALL.header(height);
    const asked = await Promise.allSettled(
      this.#members.filter((m) => !m.refused).map(async (member) => ({ member, header: headerIn((await member.rpc.batch([call], options))[0], call) })),
    );
    const known = asked.flatMap((entry) => (entry.status === "fulfilled" && entry.value.header !== undefined ? [entry.value] : []));
    const own = known.find((entry) => entry.member === this.#current);
    const others = own === undefined ? [] : known.filter((entry) => entry.header?.hash !== own.header?.hash);
    for (const { member } of others) {
      this.#options.onEvent?.({ type: "disagreement", endpoint: member.rpc.name, what: "block hash" });
    }
    return others.length;
  }

  /** The one in use first, then the rested in order of preference, then those at rest: a resting one beats none. */
  #order(): Member[] {
    const now = this.#options.now();
    const usable = this.#members.filter((member) => !member.refused);
    const rested = usable.filter((member) => member.restUntil <= now);
    const current = rested.filter((member) => member === this.#current);
    const resting = usable.filter((member) => member.restUntil > now);
    return [...current, ...rested.filter((member) => member !== this.#current), ...resting];
  }

  #rest(member: Member, error: unknown): void {
    member.failures += 1;
    const factor = 2 ** Math.min(member.failures - 1, 5);
    member.restUntil = this.#options.now() + (this.#options.restMs ?? 250) * factor;
    if (error !== undefined) {
      const code = isAssayError(error) ? error.code : "RPC_UNREACHABLE";
      this.#options.onEvent?.({ type: "failed", endpoint: member.rpc.name, code });
    }
  }
}
