import { AssayError } from "../domain/errors";
import type { Hex32 } from "../domain/ids";
import type { Enclave } from "../enclave/ports";
import { hexToBytes } from "../protocol/bytes";
import type { RegistryClient, Sent } from "./registryClient";

/** The block whose time is "now". */
export interface ChainNow {
  readonly number: number;
  readonly hash: Hex32;
  readonly parentHash: Hex32;
  readonly timestamp: number;
}

/** An enclave the chain knows. */
export interface FleetMember {
  readonly enclave: Enclave;
  readonly operatorId: number;
  readonly trust: number;
  /** Seconds of block time. */
  epochEnd: number;
  heartbeatDue: number;
  counter: bigint;
  /** The last counter that the enclave was asked to sign: it signs none twice, whatever became of the first. */
  signed: bigint;
}

export type FleetEvent =
  | {
      readonly kind: "started" | "registered" | "renewed" | "heartbeat";
      readonly member: FleetMember | undefined;
      readonly slot: number;
    }
  | { readonly kind: "exited"; readonly slot: number; readonly reason: string }
  | { readonly kind: "failed"; readonly slot: number; readonly error: AssayError };

export interface FleetOptions {
  readonly size: number;
  readonly endpoint: string;
  /** Starts one enclave; each start is a new key. */
  readonly start: () => Promise<Enclave>;
  readonly registry: RegistryClient;
  readonly now: () => Promise<ChainNow>;
  /** Waits until the chain shows the effect or the signal ends; the chain follower wakes it. */
  readonly untilBlock: (done: () => Promise<boolean>) => Promise<void>;
  readonly heartbeatSeconds: number;
  readonly epochSeconds: number;
  /** Seconds of block time before the end of an epoch at which it is renewed; at most half an epoch, or it would be renewed at every block. */
  readonly epochMarginSeconds: number;
  /** The same for a heartbeat and its interval. */
  readonly heartbeatMarginSeconds: number;
  readonly onEvent: (event: FleetEvent) => void;
}

/** Blocks in which an effect that is missing may still be the view of a node that lags. */
const BLOCKS_OF_GRACE = 2;
/** Blocks over which the chain must not know a key before it is given up: a reorg takes a registration away, and its transaction brings it back. */
const BLOCKS_OF_DOUBT = 4;
const BLOCKS_TO_FORGET = 64;

/** First wait before a failed enclave is started again; doubled by each failure up to the last. */
const RESTART_FIRST_MS = 250;
const RESTART_MOST_MS = 30_000;

/**
 * Keeps the operator's enclaves running and known to the chain: starts and registers them, sends heartbeats, renews epochs, replaces the dead.
 * A restart is a new key, so nothing has to be repaired: what the old key had signed stays good until its epoch ends.
 */
export class Fleet {
  private readonly members = new Map<number, FleetMember>();
  private readonly busy = new Set<number>();
  private readonly doubts = new Map<string, number>();
  private stopping = false;

  constructor(private readonly options: FleetOptions) {}

  private get epochMargin(): number {
    return Math.min(this.options.epochMarginSeconds, this.options.epochSeconds / 2);
  }

  private get heartbeatMargin(): number {
    return Math.min(this.options.heartbeatMarginSeconds, this.options.heartbeatSeconds / 2);
  }

  get active(): readonly FleetMember[] {
    return [...this.members.values()];
  }

  /** Starts every slot; resolves when the first member is registered, so that service begins as early as it can. */
  async start(signal: AbortSignal): Promise<void> {
    const slots = Array.from({ length: this.options.size }, (_, slot) => this.keep(slot, signal, "first"));
    await Promise.race([...slots, Promise.all(slots)]);
  }

  /** Sends heartbeats and renewals that are due at this block. Called once a block; a slot with work in flight is left alone. */
  async tend(now: ChainNow): Promise<void> {
    await Promise.all(
      [...this.members].map(async ([slot, member]) => {
        if (this.busy.has(slot)) return;
        this.busy.add(slot);
        try {
          if (member.epochEnd - now.timestamp <= this.epochMargin) await this.renew(slot, member, now);
          else if (member.heartbeatDue - now.timestamp <= this.heartbeatMargin) await this.beat(slot, member, now);
        } catch (error) {
          if (!(error instanceof AssayError)) throw error;
          this.options.onEvent({ kind: "failed", slot, error });
        } finally {
          this.busy.delete(slot);
        }
      }),
    );
  }

  /** Ends an enclave whose key may sign no more; its slot is filled by another with a new key, and what it had signed stays good. */
  retire(signer: string): void {
    for (const member of this.members.values())
      if (member.enclave.description.signer === signer) void member.enclave.close();
  }

  /** An answer was found unusable because the chain does not vouch for its key. If that lasts, the enclave behind it works for nothing. */
  doubt(signer: string, blockNumber: number): void {
    const first = this.doubts.get(signer);
    if (first === undefined || blockNumber - first > BLOCKS_TO_FORGET) this.doubts.set(signer, blockNumber);
    else if (blockNumber - first >= BLOCKS_OF_DOUBT) {
      this.doubts.delete(signer);
      this.retire(signer);
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const members = [...this.members.values()];
    this.members.clear();
    await Promise.all(members.map((member) => member.enclave.close()));
  }

  /**
   * Resolves when the slot's first enclave is registered; goes on keeping the slot filled after that. A first start that can not succeed is
   * for whoever starts the daemon to hear of. A replacement is tried for ever: this machine has run the same image before, so whatever is in
   * its way can pass, and nobody waits for the promise that would be rejected.
   */
  private async keep(slot: number, signal: AbortSignal, start: "first" | "replacement"): Promise<void> {
    let wait = RESTART_FIRST_MS;
    while (!signal.aborted && !this.stopping) {
      try {
        const member = await this.launch(slot);
        void member.enclave.exited.then((reason) => {
          // Only the member that is still in place may clear it: the slot may hold its successor by now.
          if (this.members.get(slot) === member) this.members.delete(slot);
          if (this.stopping || signal.aborted) return;
          this.options.onEvent({ kind: "exited", slot, reason });
          void this.keep(slot, signal, "replacement");
        });
        return;
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        this.options.onEvent({ kind: "failed", slot, error });
        if (error.retry === "never" && start === "first") throw error;
        await pause(wait, signal);
        wait = Math.min(2 * wait, RESTART_MOST_MS);
      }
    }
  }

  private async launch(slot: number): Promise<FleetMember> {
    const enclave = await this.options.start();
    this.options.onEvent({ kind: "started", member: undefined, slot });
    try {
      await this.register(enclave);
      const { signer, imageId } = enclave.description;
      const [{ code, operatorId, trust }, life] = await Promise.all([
        this.options.registry.check(signer, 0, imageId),
        this.options.registry.lifeOf(signer),
      ]);
      // A reorg may have taken the registration away again. A member with the zeros that are read then would have every request abandoned.
      if (code !== 0 || life.state !== 1) {
        throw new AssayError({
          code: "FLEET_NOT_VOUCHED_FOR",
          message: "the chain does not vouch for the enclave that it had registered; another is started",
          context: { signer, code, state: life.state },
          retry: "later",
        });
      }
      const member: FleetMember = {
        enclave,
        operatorId,
        trust,
        epochEnd: life.epochEnd,
        heartbeatDue: life.heartbeatDue,
        counter: life.counter,
        signed: life.counter,
      };
      this.members.set(slot, member);
      this.options.onEvent({ kind: "registered", member, slot });
      return member;
    } catch (error) {
      await enclave.close();
      throw error;
    }
  }

  private async register(enclave: Enclave): Promise<void> {
    const { registry, endpoint } = this.options;
    const { description } = enclave;
    const now = await this.options.now();
    if (!(await registry.imageIsLive(description.imageId, now.timestamp))) {
      const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
      throw new AssayError({
        code: "FLEET_IMAGE_NOT_APPROVED",
        message:
          "the registry has not approved this enclave image; its governor can, by scheduleImage with the image id in the context",
        context: {
          imageId: description.imageId,
          pcr0: hex(description.pcrs.pcr0),
          pcr1: hex(description.pcrs.pcr1),
          pcr2: hex(description.pcrs.pcr2),
        },
      });
    }
    const sent = await registry.register({
      document: await this.document(enclave, now),
      endpoint,
      keyConfig: description.keyConfig,
    });
    await this.effect(sent, async () => (await registry.lifeOf(description.signer)).state === 1);
  }

  private async renew(slot: number, member: FleetMember, now: ChainNow): Promise<void> {
    const { registry, endpoint } = this.options;
    const { signer, keyConfig } = member.enclave.description;
    const before = member.epochEnd;
    const sent = await registry.renew({ document: await this.document(member.enclave, now), endpoint, keyConfig });
    await this.effect(sent, async () => {
      const life = await registry.lifeOf(signer);
      if (life.epochEnd <= before) return false;
      member.epochEnd = life.epochEnd;
      member.heartbeatDue = life.heartbeatDue;
      return true;
    });
    this.options.onEvent({ kind: "renewed", member, slot });
  }

  private async beat(slot: number, member: FleetMember, now: ChainNow): Promise<void> {
    const { registry } = this.options;
    const { signer } = member.enclave.description;
    const counter = (member.signed > member.counter ? member.signed : member.counter) + 1n;
    member.signed = counter;
    const { blockNumber, blockHash } = namedBlock(now);
    const proof = await member.enclave.heartbeat({ counter, blockNumber, blockHash });
    const sent = await registry.heartbeat({ signer, counter, blockNumber, proof });
    await this.effect(sent, async () => {
      const life = await registry.lifeOf(signer);
      if (life.counter < counter) return false;
      member.heartbeatDue = life.heartbeatDue;
      member.counter = life.counter;
      return true;
    });
    this.options.onEvent({ kind: "heartbeat", member, slot });
  }

  /**
   * Waits for what a transaction was sent for. It may also be taken and fail: what it carries names a block, and a reorg may replace that block.
   * Whoever waited on would wait for ever.
   */
  private effect(sent: Sent, done: () => Promise<boolean>): Promise<void> {
    let closedAt: number | undefined;
    return this.options.untilBlock(async () => {
      if (await done()) return true;
      if (sent.open()) return false;
      const { number } = await this.options.now();
      closedAt ??= number;
      // A node beside the one that showed the receipt may be a block behind it; a second registration would be paid for nothing.
      if (number < closedAt + BLOCKS_OF_GRACE) return false;
      throw new AssayError({
        code: "FLEET_TRANSACTION_FAILED",
        message: "the chain took the transaction without its effect; it is made again, from a newer block",
        retry: "later",
      });
    });
  }

  /** A document whose nonce names a block: fresh by the chain's own word, whatever this host's clock says. */
  private document(enclave: Enclave, now: ChainNow): Promise<Uint8Array> {
    const nonce = new Uint8Array(40);
    const { blockNumber, blockHash } = namedBlock(now);
    new DataView(nonce.buffer).setBigUint64(0, blockNumber);
    nonce.set(hexToBytes(blockHash), 8);
    return enclave.attest({ nonce });
  }
}

/**
 * The block that proves freshness: the newest but one. A call that is simulated on the newest block runs inside it, where its own hash is
 * not known yet.
 */
function namedBlock(now: ChainNow): { blockNumber: bigint; blockHash: Hex32 } {
  return { blockNumber: BigInt(now.number) - 1n, blockHash: now.parentHash };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}
