import { Transaction, Wallet } from "ethers";
import type { OutboxTransaction, TransactionState } from "../../../executor/domain/chain";
import { AssayError } from "../../../executor/domain/errors";
import { address, type Hex32, type HexBytes, hex32 } from "../../../executor/domain/ids";
import { HUB as HUB_INTERFACE } from "../../../executor/posting/hubAbi";
import type {
  CallResult,
  Outbox,
  PostableAnswer,
  PostingChain,
  Receipt,
  TransactionSigner,
} from "../../../executor/posting/ports";

const wallet = new Wallet(`0x${"07".repeat(32)}`);

export const SIGNER: TransactionSigner = {
  address: address(wallet.address),
  sign: async (tx) => {
    const raw = (await wallet.signTransaction({ type: 2, ...tx })) as HexBytes;
    return { raw, hash: hex32(Transaction.from(raw).hash) };
  },
};

/** One account on a chain that mines when it is told to. */
export class FakeNode implements PostingChain {
  mempool = new Map<Hex32, HexBytes>();
  mined = new Map<Hex32, Receipt>();
  nextNonce = 0;
  height = 10;
  baseFee = 100n;
  down = false;
  accepts = true;
  broadcasts: HexBytes[] = [];
  /** Code of each item by request id; 0 lands. */
  codes = new Map<string, number>();
  /** A request in a batch that makes the whole simulation fail. */
  poison: string | undefined;

  async simulate(call: {
    data: HexBytes;
  }): Promise<{ result: CallResult; baseFeePerGas: bigint; blockNumber: number; timestamp: number }> {
    this.simulations++;
    const at = { baseFeePerGas: this.baseFee, blockNumber: this.height, timestamp: 1 };
    const parsed = HUB_INTERFACE.parseTransaction({ data: call.data });
    if (parsed?.name === "fulfillBatch") {
      const salts = (parsed.args[0] as { statement: { request: { salt: string } } }[]).map(
        (item) => item.statement.request.salt,
      );
      if (this.poison !== undefined && salts.includes(this.poison))
        return { result: { ok: false, revert: undefined }, ...at };
      const codes = salts.map((salt) => this.codes.get(salt) ?? 0);
      return {
        result: { ok: true, data: HUB_INTERFACE.encodeFunctionResult("fulfillBatch", [codes]) as HexBytes },
        ...at,
      };
    }
    const request = parsed?.name === "fulfill" ? parsed.args[0].request : parsed?.args[0];
    const bad = this.poison === request.salt || (this.codes.get(request.salt) ?? 0) !== 0;
    return { result: bad ? { ok: false, revert: undefined } : { ok: true, data: "0x" }, ...at };
  }

  simulations = 0;
  fees = async () => this.reachable({ baseFeePerGas: this.baseFee, blockNumber: this.height });
  nonce = async () => this.reachable(this.nextNonce);
  balance = async () => this.reachable(10n ** 18n);
  receipts = async (hashes: readonly Hex32[]) => this.reachable(hashes.map((hash) => this.mined.get(hash)));
  knows = async (hash: Hex32) => this.reachable(this.mempool.has(hash) || this.mined.has(hash));

  async broadcast(raw: HexBytes) {
    this.reachable(undefined);
    this.broadcasts.push(raw);
    const tx = Transaction.from(raw);
    if (!this.accepts || tx.nonce < this.nextNonce) return { accepted: false, code: -32000 };
    this.mempool.set(hex32(tx.hash), raw);
    return { accepted: true };
  }

  /** Mines one pending transaction, or one of a stranger with the same key. */
  mine(hash?: Hex32, succeeded = true): void {
    this.height++;
    this.nextNonce++;
    if (hash === undefined) return;
    this.mempool.delete(hash);
    this.mined.set(hash, {
      hash,
      succeeded,
      blockNumber: this.height,
      blockHash: hex32(`0x${this.height.toString(16).padStart(64, "0")}`),
      gasUsed: 1n,
      logs: [],
    });
  }

  private reachable<T>(value: T): T {
    if (this.down) throw new AssayError({ code: "RPC_UNREACHABLE", message: "down", retry: "unknown" });
    return value;
  }
}

export class FakeOutbox implements Outbox {
  waiting: PostableAnswer[] = [];
  records: OutboxTransaction[] = [];
  states = new Map<Hex32, TransactionState>();
  /** The follower has not come to the blocks of the receipts. */
  behind = false;
  dropped: { jobId: number; state: string }[] = [];

  answered = async (limit: number) => this.waiting.slice(0, limit);
  openTransactions = async () => this.records.filter((tx) => this.states.get(tx.hash) === "open");

  async dropAnswer(args: { jobId: number; state: "seen" | "abandoned"; reason: string }) {
    this.dropped.push({ jobId: args.jobId, state: args.state });
    this.waiting = this.waiting.filter((item) => item.jobId !== args.jobId);
    return true;
  }

  async recordTransaction(tx: OutboxTransaction) {
    this.records.push(tx);
    this.states.set(tx.hash, "open");
    this.waiting = this.waiting.filter((item) => !tx.jobIds.includes(item.jobId));
  }

  async closeTransaction(args: { hash: Hex32; state: Exclude<TransactionState, "open"> }) {
    if (this.behind) return false;
    this.states.set(args.hash, args.state);
    return true;
  }
}
