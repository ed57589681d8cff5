import { Transaction } from "ethers";
import type { OutboxTransaction } from "../domain/chain";
import { AssayError } from "../domain/errors";
import { type Address, address, type Hex32, type HexBytes } from "../domain/ids";
import type { Outbox, PostingChain, Receipt, TransactionSigner } from "./ports";

/** What is known of a transaction. `unknown` is what it says: the chain must be asked again before anything else is done. */
export type Outcome =
  | { readonly kind: "confirmed" | "reverted"; readonly receipt: Receipt }
  | { readonly kind: "pending" | "dropped" | "unknown" };

export interface TransactionsOptions {
  readonly chainId: bigint;
  readonly chain: PostingChain;
  readonly outbox: Outbox;
  readonly signer: TransactionSigner;
  readonly priorityFeeWei: bigint;
  /** Nothing is sent above this fee per gas. */
  readonly maxFeePerGas: bigint;
  /** Blocks without inclusion before the fee is raised. */
  readonly bumpAfterBlocks: number;
  readonly onEvent?: (event: TransactionEvent) => void;
}

export type TransactionEvent =
  | { readonly kind: "sent" | "rebroadcast" | "bumped" | "replaced"; readonly tx: OutboxTransaction }
  | { readonly kind: "closed"; readonly tx: OutboxTransaction; readonly receipt: Receipt };

interface Open {
  readonly tx: OutboxTransaction;
  readonly call: Call;
  /** Nothing is sent above this fee per gas: the operator's cap, or less where the reward would not pay for more. */
  readonly feeCap: bigint;
  sinceBlock: number;
}

interface Call {
  readonly to: Address;
  readonly data: HexBytes;
  readonly value: bigint;
}

/** The call inside stored bytes: what another process signed can be bumped by this one. */
function callIn(raw: HexBytes): Call {
  const { to, data, value } = Transaction.from(raw);
  if (to === null)
    throw new AssayError({
      code: "POSTING_TRANSACTION_MALFORMED",
      message: "a stored transaction creates a contract",
      context: { raw },
    });
  return { to: address(to), data: data as HexBytes, value };
}

/**
 * The nonce stream of one key. Invariants: a transaction is stored before it is sent; what is sent again is the same bytes; a nonce is used by
 * another transaction of ours only as a replacement that carries the same call.
 */
export class Transactions {
  private readonly open = new Map<Hex32, Open>();
  private nextNonce: number | undefined;
  /** Sends are strictly one after the other: two at once could take one nonce. */
  private tail: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: TransactionsOptions) {}

  get address(): Address {
    return this.options.signer.address;
  }

  get openCount(): number {
    return this.open.size;
  }

  /** Takes up what an earlier process left: everything that is still open is sent again as it was. */
  async resume(): Promise<void> {
    await this.follow();
    for (const { tx } of this.open.values()) await this.options.chain.broadcast(tx.raw);
  }

  /**
   * Signs, stores and sends a call. The answer means "sent", never "landed": that is for `follow` and the chain follower. `accepted` says that the node
   * took it; where it is false, nothing is known.
   */
  send(args: {
    to: Address;
    data: HexBytes;
    value?: bigint;
    gasLimit: bigint;
    label: string;
    jobIds?: readonly number[];
    baseFeePerGas?: bigint;
    /** The highest fee per gas at which this is still worth sending; bumps respect it as well. */
    feeCapPerGas?: bigint;
    /** Both fees must be above these, so that every node's order puts it before a transaction that has them. */
    above?: { readonly tip: bigint; readonly maxFee: bigint };
    /** Awaited when it is stored and before anything is sent. */
    onStored?: (tx: OutboxTransaction) => Promise<void>;
  }): Promise<OutboxTransaction & { readonly accepted: boolean }> {
    return this.inTurn(async () => {
      const feeCap =
        args.feeCapPerGas !== undefined && args.feeCapPerGas < this.options.maxFeePerGas
          ? args.feeCapPerGas
          : this.options.maxFeePerGas;
      const baseFeePerGas = args.baseFeePerGas ?? (await this.options.chain.fees()).baseFeePerGas;
      const call: Call = { to: args.to, data: args.data, value: args.value ?? 0n };
      this.nextNonce ??= await this.options.chain.nonce(this.address);
      this.nextNonce = this.freeFrom(this.nextNonce);
      const floor = args.above ?? { tip: -1n, maxFee: -1n };
      const tip = greatest(this.options.priorityFeeWei, floor.tip + 1n);
      const maxFee = least(greatest(2n * baseFeePerGas + tip, floor.maxFee + 1n), feeCap);
      if (maxFee <= floor.maxFee || maxFee < tip)
        throw new AssayError({
          code: "POSTING_FEE_CAP",
          message: "going before that transaction would take a higher fee than the operator allows (maxGasPriceGwei)",
          context: { capWei: feeCap.toString(), neededWei: greatest(floor.maxFee + 1n, tip).toString() },
        });
      const tx = await this.sign({
        call,
        nonce: this.nextNonce,
        gasLimit: args.gasLimit,
        tip,
        maxFee,
        label: args.label,
        jobIds: args.jobIds ?? [],
      });
      await this.options.outbox.recordTransaction(tx);
      this.nextNonce++;
      this.open.set(tx.hash, { tx, call, feeCap, sinceBlock: 0 });
      await args.onStored?.(tx);
      const accepted = await this.push(tx);
      this.options.onEvent?.({ kind: "sent", tx });
      return { ...tx, accepted };
    });
  }

  /** Looks up what became of the open transactions. Called once for every new block, and on start. */
  follow(blockNumber = 0): Promise<Receipt[]> {
    return this.inTurn(async () => {
      const { chain, outbox } = this.options;
      // A reorg opens transactions again that were closed here: the record, not this process, says what is open.
      for (const tx of await outbox.openTransactions(this.address)) {
        if (!this.open.has(tx.hash))
          this.open.set(tx.hash, { tx, call: callIn(tx.raw), feeCap: this.options.maxFeePerGas, sinceBlock: 0 });
      }
      const open = [...this.open.values()];
      if (open.length === 0) return [];
      const receipts = await chain.receipts(open.map(({ tx }) => tx.hash));
      const closed: Receipt[] = [];
      for (const [i, entry] of open.entries()) {
        const receipt = receipts[i];
        if (receipt === undefined) continue;
        const isClosed = await outbox.closeTransaction({
          hash: entry.tx.hash,
          state: receipt.succeeded ? "confirmed" : "reverted",
          block: { number: receipt.blockNumber, hash: receipt.blockHash },
        });
        // The follower has not read that block, or reads another in its place: it is looked at again with the next one.
        if (!isClosed) continue;
        this.open.delete(entry.tx.hash);
        // A hole that a reorg made may have been filled by what was there before: to fill it once more would be a nonce that is used.
        if (this.nextNonce !== undefined && this.nextNonce <= entry.tx.nonce) this.nextNonce = entry.tx.nonce + 1;
        closed.push(receipt);
        this.options.onEvent?.({ kind: "closed", tx: entry.tx, receipt });
      }
      if (this.open.size > 0) await this.settleRest(blockNumber);
      return closed;
    });
  }

  /** What the chain says of one transaction now. */
  async outcome(hash: Hex32): Promise<Outcome> {
    try {
      const [receipt] = await this.options.chain.receipts([hash]);
      if (receipt !== undefined) return { kind: receipt.succeeded ? "confirmed" : "reverted", receipt };
      return { kind: (await this.options.chain.knows(hash)) ? "pending" : "dropped" };
    } catch (error) {
      // An outage says nothing about the transaction.
      if (error instanceof AssayError) return { kind: "unknown" };
      throw error;
    }
  }

  /** Transactions without a receipt: lost to another with the same nonce, forgotten by the node, or too cheap. */
  private async settleRest(blockNumber: number): Promise<void> {
    const { chain, outbox } = this.options;
    const mined = await chain.nonce(this.address);
    // A reorg took away a nonce below ours that nobody fills: the next transaction has to.
    if (!this.isOpen(mined)) this.nextNonce = mined;
    for (const entry of [...this.open.values()].sort((a, b) => a.tx.nonce - b.tx.nonce)) {
      const { tx } = entry;
      if (tx.nonce < mined) {
        // The nonce is used. The receipt is read once more, because the first read may have been before the block.
        const [late] = await chain.receipts([tx.hash]);
        if (late !== undefined) continue;
        await outbox.closeTransaction({ hash: tx.hash, state: "replaced" });
        this.open.delete(tx.hash);
        this.nextNonce = undefined;
        this.options.onEvent?.({ kind: "replaced", tx });
        continue;
      }
      if (entry.sinceBlock === 0) entry.sinceBlock = blockNumber;
      if (!(await chain.knows(tx.hash))) {
        await chain.broadcast(tx.raw);
        this.options.onEvent?.({ kind: "rebroadcast", tx });
      } else if (blockNumber - entry.sinceBlock >= this.options.bumpAfterBlocks) {
        await this.bump(entry, blockNumber);
      }
    }
  }

  /** Replaces a transaction that stays behind by the same call at a higher fee: tip and cap both, since nodes order by either. */
  private async bump(entry: Open, blockNumber: number): Promise<void> {
    const { tx, call, feeCap } = entry;
    entry.sinceBlock = blockNumber;
    const { baseFeePerGas } = await this.options.chain.fees();
    const raise = (fee: bigint): bigint => (fee * 1_250n) / 1_000n + 1n;
    const tip = raise(tx.maxPriorityFeePerGas);
    const fair = 2n * baseFeePerGas + tip;
    const maxFee = fair > raise(tx.maxFeePerGas) ? fair : raise(tx.maxFeePerGas);
    if (maxFee > feeCap) return;
    const next = await this.sign({
      call,
      nonce: tx.nonce,
      gasLimit: tx.gasLimit,
      tip,
      maxFee,
      label: tx.label,
      jobIds: tx.jobIds,
    });
    // The old one stays open: either may be mined, and whichever is settles both.
    await this.options.outbox.recordTransaction(next);
    this.open.set(next.hash, { tx: next, call, feeCap, sinceBlock: blockNumber });
    await this.push(next);
    this.options.onEvent?.({ kind: "bumped", tx: next });
  }

  /** A node's refusal is looked into, not believed: it may hold the transaction already, or have mined it. */
  private async push(tx: OutboxTransaction): Promise<boolean> {
    try {
      const { accepted } = await this.options.chain.broadcast(tx.raw);
      if (accepted) return true;
      const mined = await this.options.chain.nonce(this.address);
      const lost = mined > tx.nonce && (await this.options.chain.receipts([tx.hash]))[0] === undefined;
      // Somebody else sends with this key: the next nonce is read from the chain again.
      if (lost) this.nextNonce = undefined;
    } catch (error) {
      // Unknown, not failed: the bytes are stored, and `follow` finds out.
      if (!(error instanceof AssayError)) throw error;
    }
    return false;
  }

  /** True while a transaction of ours with this nonce, the first or a dearer form of it, may still land. */
  isOpen(nonce: number): boolean {
    return [...this.open.values()].some(({ tx }) => tx.nonce === nonce);
  }

  /** The lowest free nonce: one that was lost leaves a hole that would hold up everything above it. */
  private freeFrom(nonce: number): number {
    let free = nonce;
    while (this.isOpen(free)) free++;
    return free;
  }

  private async sign(args: {
    call: Call;
    nonce: number;
    gasLimit: bigint;
    tip: bigint;
    maxFee: bigint;
    label: string;
    jobIds: readonly number[];
  }): Promise<OutboxTransaction> {
    const maxFeePerGas = args.maxFee > this.options.maxFeePerGas ? this.options.maxFeePerGas : args.maxFee;
    const maxPriorityFeePerGas = args.tip > maxFeePerGas ? maxFeePerGas : args.tip;
    const fields = {
      chainId: this.options.chainId,
      nonce: args.nonce,
      ...args.call,
      gasLimit: args.gasLimit,
      maxFeePerGas,
      maxPriorityFeePerGas,
    };
    const { raw, hash } = await this.options.signer.sign(fields);
    return {
      hash,
      from: this.address,
      nonce: args.nonce,
      raw,
      label: args.label,
      gasLimit: args.gasLimit,
      maxFeePerGas,
      maxPriorityFeePerGas,
      jobIds: args.jobIds,
    };
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.tail.then(work);
    this.tail = run.catch(() => undefined);
    return run;
  }
}

const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
