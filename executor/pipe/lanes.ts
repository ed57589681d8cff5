import type { Address, Hex32 } from "../domain/ids";
import type { Entry } from "./entry";
import { pipeError } from "./errors";
import { costOf, outbids, type SignedTransaction } from "./transaction";

/** Nonces ahead of what is there that are taken in: a wallet that sends several at once may see them arrive in any order. */
const MAX_AHEAD = 64;

/** The transactions of each sender in the order of their nonces. One nonce has one entry that may still be sent. */
export class Lanes {
  private readonly lanes = new Map<Address, Entry[]>();

  /** Entries that may still be sent, or were and are not settled. */
  of(sender: Address): readonly Entry[] {
    return this.lanes.get(sender) ?? [];
  }

  /**
   * The nonce after the last one in an unbroken row. The row begins where the node's own ends, if that is given: one that is ahead of a gap would
   * send a wallet on behind the gap for ever.
   */
  nextNonce(sender: Address, from?: number): number | undefined {
    const lane = this.of(sender);
    const first = lane[0];
    if (first?.tx === undefined) return undefined;
    let next = from ?? first.tx.nonce;
    for (const { tx } of lane) if (tx?.nonce === next) next++;
    return next;
  }

  /**
   * Whether a transaction may be taken, and which entry it replaces.
   * @param mined transactions of the sender that are mined; `pending` counts those that the node holds too
   * @throws AssayError `PIPE_NONCE_TOO_LOW`, `PIPE_NONCE_GAP`, `PIPE_REPLACEMENT_UNDERPRICED`, `PIPE_BALANCE_TOO_LOW`
   */
  admit(tx: SignedTransaction, account: { mined: number; pending: number; balanceWei: bigint }): Entry | undefined {
    if (tx.nonce < account.mined) {
      throw pipeError("PIPE_NONCE_TOO_LOW", { nonce: tx.nonce, next: account.mined });
    }
    const lane = this.of(tx.from);
    const next = Math.max(account.pending, this.nextNonce(tx.from, account.pending) ?? 0);
    if (tx.nonce > next + MAX_AHEAD) throw pipeError("PIPE_NONCE_GAP", { nonce: tx.nonce, next });
    const rival = lane.find((entry) => entry.tx?.nonce === tx.nonce);
    if (rival?.tx !== undefined && !outbids(tx, rival.tx)) {
      throw pipeError("PIPE_REPLACEMENT_UNDERPRICED", {
        nonce: tx.nonce,
        heldMaxFeeWei: rival.tx.maxFeePerGas.toString(),
        heldTipWei: rival.tx.maxPriorityFeePerGas.toString(),
      });
    }
    const unmined = lane.filter((entry) => entry !== rival && (entry.tx?.nonce ?? -1) >= account.mined);
    const neededWei = unmined.reduce(
      (sum, entry) => sum + (entry.tx === undefined ? 0n : costOf(entry.tx)),
      costOf(tx),
    );
    if (neededWei > account.balanceWei) {
      throw pipeError("PIPE_BALANCE_TOO_LOW", {
        balanceWei: account.balanceWei.toString(),
        neededWei: neededWei.toString(),
      });
    }
    return rival;
  }

  add(entry: Entry): void {
    const lane = [...this.of(entry.from), entry];
    lane.sort((a, b) => (a.tx?.nonce ?? 0) - (b.tx?.nonce ?? 0));
    this.lanes.set(entry.from, lane);
  }

  remove(entry: Entry): void {
    const rest = this.of(entry.from).filter((other) => other !== entry);
    if (rest.length === 0) this.lanes.delete(entry.from);
    else this.lanes.set(entry.from, rest);
  }

  /** The next entry of a sender to be planned: everything before it is on its way or mined. Undefined while there is none. */
  next(sender: Address, free: number): Entry | undefined {
    let expected = free;
    for (const entry of this.of(sender)) {
      const nonce = entry.tx?.nonce ?? 0;
      if (nonce < free && entry.phase !== "waiting") continue;
      if (nonce > expected) return undefined;
      if (entry.phase === "waiting") return entry;
      expected = Math.max(expected, nonce + 1);
    }
    return undefined;
  }

  /** What will be mined before an entry and is not mined: with it, its sender's state is what it will be. */
  before(entry: Entry, mined: number): readonly Entry[] {
    return this.of(entry.from).filter(
      (other) =>
        other !== entry &&
        (other.tx?.nonce ?? 0) >= mined &&
        (other.tx?.nonce ?? 0) < (entry.tx?.nonce ?? 0) &&
        (other.phase === "ready" || other.phase === "leaving" || other.phase === "sent"),
    );
  }

  has(entry: Entry): boolean {
    return this.of(entry.from).includes(entry);
  }

  find(id: Hex32): Entry | undefined {
    for (const lane of this.lanes.values()) {
      const found = lane.find((entry) => entry.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  get senders(): readonly Address[] {
    return [...this.lanes.keys()];
  }

  get size(): number {
    let size = 0;
    for (const lane of this.lanes.values()) size += lane.length;
    return size;
  }
}
