import { AssayError } from "../domain/errors";
import type { Address, Hex32 } from "../domain/ids";
import type { Enclave } from "../enclave/ports";
import { hexToBytes } from "../protocol/bytes";
import type { ChainNow, FleetMember, FleetOptions } from "./fleetPorts";
import type { Sent } from "./registryClient";

/** Blocks in which an effect that is missing may still be the view of a node that lags. */
const BLOCKS_OF_GRACE = 2;
/** Blocks over which the chain must not know a key before it is given up: a reorg takes a registration away, and its transaction brings it back. */
const BLOCKS_OF_DOUBT = 4;
const BLOCKS_TO_FORGET = 64;

/** First wait before a failed enclave is started again; doubled by each failure up to the last. */
const RESTART_FIRST_MS = 250;
const RESTART_MOST_MS = 30_000;

/** Seconds of block time between two looks at whether somebody drained or closed a key of ours by another program. */
const LOOK_SECONDS = 60;

/**
 * Keeps the operator's enclaves running and known to the chain: starts and registers them, sends heartbeats, renews epochs, replaces the dead,
 * rotates keys that may sign no more. A restart is a new key, so nothing has to be repaired: what the old key had signed stays good until its
 * epoch ends, or its drain.
 */
export class Fleet {
  private readonly members = new Map<number, FleetMember>();
  /** Their successors are in place; they finish what they have. */
  private readonly leaving = new Map<FleetMember, number>();
  private readonly busy = new Set<FleetMember>();
  private readonly rotating = new Set<number>();
  private readonly doubts = new Map<string, number>();
  private readonly ended = new AbortController();
  private stopping = false;

  constructor(private readonly options: FleetOptions) {}

  /** Half the margin more for some than for others: a fleet that started in one block would renew in one block for ever, and pay for the rush. */
  private epochMarginOf({ enclave: { description } }: FleetMember): number {
    const { epochMarginSeconds, epochSeconds } = this.options;
    return Math.min(epochMarginSeconds + spreadOf(description.signer, epochMarginSeconds / 2), epochSeconds / 2);
  }

  private isOld({ bornAt, enclave: { description } }: FleetMember, now: ChainNow): boolean {
    const most = this.options.maxKeyAgeSeconds;
    return most > 0 && now.timestamp - bornAt >= most - spreadOf(description.signer, most / 10);
  }

  private get heartbeatMargin(): number {
    return Math.min(this.options.heartbeatMarginSeconds, this.options.heartbeatSeconds / 2);
  }

  /** Every enclave that runs and that the chain knows, those that only finish what they have included. */
  get active(): readonly FleetMember[] {
    return [...this.members.values(), ...this.leaving.keys()];
  }

  /** How many of them take new work. */
  get serving(): number {
    return [...this.members.values()].filter(({ draining }) => !draining).length;
  }

  /** Starts every slot; resolves when the first member is registered, so that service begins as early as it can. */
  async start(signal: AbortSignal): Promise<void> {
    const end = (): void => this.ended.abort();
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    const slots = Array.from({ length: this.options.size }, (_, slot) => this.keep(slot, "first"));
    await Promise.race([...slots, Promise.all(slots)]);
  }

  /** Sends heartbeats and renewals that are due at this block, and begins rotations. Called once a block; an enclave with such work in flight is left alone. */
  async tend(now: ChainNow): Promise<void> {
    await Promise.all(
      [...this.members, ...[...this.leaving].map(([member, slot]) => [slot, member] as const)].map(
        async ([slot, member]) => {
          if (this.busy.has(member)) return;
          this.busy.add(member);
          try {
            await this.attend(slot, member, now);
          } catch (error) {
            if (!(error instanceof AssayError)) throw error;
            this.options.onEvent({ kind: "failed", slot, error });
          } finally {
            this.busy.delete(member);
          }
        },
      ),
    );
  }

  private async attend(slot: number, member: FleetMember, now: ChainNow): Promise<void> {
    if (now.timestamp - member.seenAt >= LOOK_SECONDS) await this.look(member, now);
    const left = this.leaving.has(member);
    if (left && (now.timestamp >= member.epochEnd || (await member.enclave.status()).inFlight === 0)) {
      await member.enclave.close();
      this.options.onEvent({ kind: "left", member, slot });
      return;
    }
    if (!left && (member.draining || this.isOld(member, now))) this.rotate(member.enclave.description.signer);
    // The chain renews no key that drains; without heartbeats it would end before its drain does.
    if (!member.draining && member.epochEnd - now.timestamp <= this.epochMarginOf(member))
      await this.renew(slot, member, now);
    else if (member.heartbeatDue - now.timestamp <= this.heartbeatMargin) await this.beat(slot, member, now);
  }

  /** The operator may drain or close a key by another program: work that it took after that would be lost. */
  private async look(member: FleetMember, now: ChainNow): Promise<void> {
    const life = await this.options.registry.lifeOf(member.enclave.description.signer);
    member.seenAt = now.timestamp;
    if (life.draining) showDrained(member, life.epochEnd);
    if (life.state === 2) await member.enclave.close();
  }

  /**
   * Replaces a key that may sign no more, with overlap: another enclave is started and registered, and only then does the old one leave; it is
   * closed when it has nothing in work. `full`: it can not sign another answer, so that it is given no work meanwhile.
   */
  rotate(signer: string, full = false): void {
    for (const [slot, member] of this.members) {
      if (member.enclave.description.signer !== signer) continue;
      if (full) member.draining = true;
      if (this.stopping || this.rotating.has(slot)) return;
      this.rotating.add(slot);
      void this.keep(slot, "replacement", member).finally(() => this.rotating.delete(slot));
    }
  }

  /** Ends an enclave whose key the chain does not vouch for; its slot is filled by another with a new key. */
  private retire(signer: string): void {
    for (const member of this.active) if (member.enclave.description.signer === signer) void member.enclave.close();
  }

  /** From now on no key takes new work, is renewed or replaced; what they have is finished. Heartbeats go on. */
  leave(): void {
    this.stopping = true;
    for (const member of this.members.values()) member.draining = true;
  }

  /**
   * Tells the chain of every key that it drains: one transaction each, which is stored and sent, and not waited for. What was signed and has
   * not landed can then still land after a restart, which closing a key would not let it.
   */
  async drain(): Promise<void> {
    await Promise.all(
      [...this.members].map(async ([slot, member]) => {
        if (member.drainShown) return;
        try {
          await this.options.registry.drain(member.enclave.description.signer);
          member.drainShown = true;
          this.options.onEvent({ kind: "draining", member, slot });
        } catch (error) {
          if (!(error instanceof AssayError)) throw error;
          this.options.onEvent({ kind: "failed", slot, error });
        }
      }),
    );
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
    this.ended.abort();
    const members = this.active;
    this.members.clear();
    this.leaving.clear();
    await Promise.all(members.map((member) => member.enclave.close()));
  }

  /**
   * Resolves when the slot's first enclave is registered; goes on keeping the slot filled after that. A first start that can not succeed is
   * for whoever starts the daemon to hear of. A replacement is tried for ever: this machine has run the same image before, so whatever is in
   * its way can pass, and nobody waits for the promise that would be rejected.
   */
  private async keep(slot: number, start: "first" | "replacement", from?: FleetMember): Promise<void> {
    const { signal } = this.ended;
    let wait = RESTART_FIRST_MS;
    while (!signal.aborted && !this.stopping) {
      try {
        const member = await this.launch(slot, from);
        void member.enclave.exited.then((reason) => {
          this.leaving.delete(member);
          // Only the member that is still in place may clear it: the slot may hold its successor by now.
          if (this.members.get(slot) !== member) return;
          this.members.delete(slot);
          if (this.stopping || signal.aborted) return;
          this.options.onEvent({ kind: "exited", slot, reason });
          // A rotation that has begun fills the slot.
          if (!this.rotating.has(slot)) void this.keep(slot, "replacement");
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

  private async launch(slot: number, from: FleetMember | undefined): Promise<FleetMember> {
    const enclave = await this.options.start();
    this.options.onEvent({ kind: "started", member: undefined, slot });
    try {
      const { rotates, bornAt } = await this.register(enclave, from);
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
        bornAt,
        epochEnd: life.epochEnd,
        heartbeatDue: life.heartbeatDue,
        counter: life.counter,
        signed: life.counter,
        draining: this.stopping,
        drainShown: false,
        seenAt: bornAt,
      };
      // One that died meanwhile has nothing to finish.
      if (from !== undefined && this.members.get(slot) === from) this.leaving.set(from, slot);
      this.members.set(slot, member);
      this.options.onEvent({ kind: rotates ? "rotated" : "registered", member, slot });
      return member;
    } catch (error) {
      await enclave.close();
      throw error;
    }
  }

  /** Registers a new key, in the place of another one where the chain still lets that one drain. */
  private async register(
    enclave: Enclave,
    from: FleetMember | undefined,
  ): Promise<{ rotates: boolean; bornAt: number }> {
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
          governor: await registry.governor(),
          imageId: description.imageId,
          pcr0: hex(description.pcrs.pcr0),
          pcr1: hex(description.pcrs.pcr1),
          pcr2: hex(description.pcrs.pcr2),
        },
      });
    }
    const old: Address | undefined = from?.enclave.description.signer;
    const life = old === undefined ? undefined : await registry.lifeOf(old);
    const rotates = life?.state === 1 && !life.draining && life.epochEnd > now.timestamp;
    const input = { document: await this.document(enclave, now), endpoint, keyConfig: description.keyConfig };
    const sent = old !== undefined && rotates ? await registry.rotate(old, input) : await registry.register(input);
    await this.effect(sent, async () => (await registry.lifeOf(description.signer)).state === 1);
    if (from !== undefined && old !== undefined) {
      const { epochEnd } = rotates ? await registry.lifeOf(old) : from;
      showDrained(from, epochEnd);
    }
    return { rotates, bornAt: now.timestamp };
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

function showDrained(member: FleetMember, epochEnd: number): void {
  Object.assign(member, { draining: true, drainShown: true, epochEnd });
}

/** A number below `span` that is always the same for a key: an address is the hash of a key, so that its bytes are as good as dice. */
export function spreadOf(signer: Address, span: number): number {
  return Math.floor((Number.parseInt(signer.slice(-8), 16) / 2 ** 32) * span);
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
