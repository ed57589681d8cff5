import { dataLength, Transaction } from "ethers";
import { accessListGas } from "../domain/gas";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import { pipeError } from "./errors";
import type { SimulatedStep } from "./ports";

/** A signed transaction as it came, and what PIPE needs to know of it. */
export interface SignedTransaction {
  readonly raw: HexBytes;
  readonly hash: Hex32;
  readonly from: Address;
  readonly nonce: number;
  readonly value: bigint;
  readonly gasLimit: bigint;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  /** Undefined for types that no simulation can carry (blobs, authorizations): they are passed on as they are. */
  readonly step: SimulatedStep | undefined;
}

/** Longest transaction that is taken (EIP-7623 makes a longer one dearer than the gas cap allows). */
const MAX_RAW_CHARS = 2 + 2 * 1_000_000;

/** @throws AssayError `PIPE_TRANSACTION_MALFORMED`, `PIPE_TRANSACTION_UNPROTECTED`, `PIPE_WRONG_CHAIN` */
export function readTransaction(raw: HexBytes, chainId: bigint): SignedTransaction {
  const tx = parse(raw);
  if (tx.chainId === 0n) throw pipeError("PIPE_TRANSACTION_UNPROTECTED", {});
  if (tx.chainId !== chainId) {
    throw pipeError("PIPE_WRONG_CHAIN", { signedFor: tx.chainId.toString(), chain: chainId.toString() });
  }
  const from = address(tx.from);
  const fee = tx.maxFeePerGas ?? tx.gasPrice ?? 0n;
  const gas = tx.gasLimit - intrinsicGas(tx.data as HexBytes, tx.to === null) - accessListGas(tx.accessList ?? []);
  const call = {
    from,
    to: tx.to === null ? undefined : address(tx.to),
    value: tx.value,
    data: tx.data as HexBytes,
  };
  return {
    raw,
    hash: hex32(tx.hash),
    from,
    nonce: tx.nonce,
    value: tx.value,
    gasLimit: tx.gasLimit,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: tx.maxPriorityFeePerGas ?? fee,
    step: (tx.type ?? 0) <= 2 ? { ...call, gas: gas > 0n ? gas : 0n } : undefined,
  };
}

function parse(raw: HexBytes): Transaction {
  if (!/^0x(?:[0-9a-fA-F]{2})+$/.test(raw) || raw.length > MAX_RAW_CHARS) {
    throw pipeError("PIPE_TRANSACTION_MALFORMED", { characters: raw.length });
  }
  let tx: Transaction;
  try {
    tx = Transaction.from(raw);
  } catch (cause) {
    throw pipeError("PIPE_TRANSACTION_MALFORMED", {}, { cause });
  }
  // Other bytes that mean the same would have another hash than the one that is answered.
  if (tx.from === null || tx.serialized !== raw.toLowerCase()) throw pipeError("PIPE_TRANSACTION_MALFORMED", {});
  return tx;
}

/** What a transaction costs before its target runs: 21,000, 16 or 4 for each byte, 32,000 and more for creation (EIP-2028, EIP-3860). */
export function intrinsicGas(data: HexBytes, creates: boolean): bigint {
  let gas = creates ? 53_000n + 2n * BigInt(Math.ceil(dataLength(data) / 32)) : 21_000n;
  for (let i = 2; i < data.length; i += 2) gas += data[i] === "0" && data[i + 1] === "0" ? 4n : 16n;
  return gas;
}

/** What the sender must own for it. */
export function costOf(tx: SignedTransaction): bigint {
  return tx.value + tx.gasLimit * tx.maxFeePerGas;
}

/** Whether nodes would take it in the other's place: both fees at least a tenth higher. */
export function outbids(tx: SignedTransaction, other: SignedTransaction): boolean {
  const raised = (fee: bigint): bigint => (fee * 110n + 99n) / 100n;
  return tx.maxFeePerGas >= raised(other.maxFeePerGas) && tx.maxPriorityFeePerGas >= raised(other.maxPriorityFeePerGas);
}
