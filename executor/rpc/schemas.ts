import { z } from "zod";
import { type Address, address, type Hex32, type HexBytes, hex32 } from "../domain/ids";
import { rpcError } from "./errors";

const bytes = z.string().regex(/^0x([0-9a-fA-F]{2})*$/).transform((value) => value.toLowerCase() as HexBytes);
const hash = z.string().regex(/^0x[0-9a-fA-F]{64}$/).transform((value): Hex32 => hex32(value));
const account = z.string().regex(/^0x[0-9a-fA-F]{40}$/).transform((value): Address => address(value));
const quantity = z.string().regex(/^0x[0-9a-fA-F]{1,64}$/).transform((value) => BigInt(value));
/** A quantity that must fit a JavaScript number exactly. */
const small = quantity.refine((value) => value <= BigInt(Number.MAX_SAFE_INTEGER)).transform(Number);

/** What is kept of a block header; a field that a pending block lacks makes it no header. */
export const headerSchema = z.object({
  number: small,
  hash,
  parentHash: hash,
  timestamp: small,
  logsBloom: bytes,
  baseFeePerGas: quantity.optional(),
  transactions: z.array(z.union([hash, z.object({ hash }).transform((tx) => tx.hash)])),
});
export type Header = Readonly<z.infer<typeof headerSchema>>;

export const logSchema = z.object({
  address: account,
  topics: z.array(hash),
  data: bytes,
  blockNumber: small,
  blockHash: hash,
  transactionHash: hash,
  logIndex: small,
  removed: z.boolean().optional(),
});
export type RawLog = Readonly<z.infer<typeof logSchema>>;

export const receiptSchema = z.object({
  transactionHash: hash,
  blockNumber: small,
  blockHash: hash,
  status: small,
  gasUsed: quantity,
  effectiveGasPrice: quantity.optional(),
  logs: z.array(logSchema),
});
export type Receipt = Readonly<z.infer<typeof receiptSchema>>;

export const quantitySchema = quantity;
export const smallSchema = small;
export const bytesSchema = bytes;
export const hashSchema = hash;
export const logsSchema = z.array(logSchema);

/** @throws AssayError `RPC_MALFORMED` if the node's answer has another shape. */
export function parseResult<T>(schema: z.ZodType<T>, result: unknown, method: string): T {
  const parsed = schema.safeParse(result);
  if (parsed.success) return parsed.data;
  throw rpcError("RPC_MALFORMED", "the node's answer has another shape", { context: { method }, cause: parsed.error });
}
