import { AssayError } from "./errors";

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** 32 bytes as 0x-prefixed lower-case hex. */
export type Hex32 = Branded<`0x${string}`, "Hex32">;
/** A 20-byte account address, lower case, so that two spellings of one address compare equal. */
export type Address = Branded<`0x${string}`, "Address">;
/** Bytes of any length as 0x-prefixed lower-case hex. */
export type HexBytes = `0x${string}`;

export const ZERO_32 = `0x${"00".repeat(32)}` as Hex32;
export const ZERO_ADDRESS = `0x${"00".repeat(20)}` as Address;

function parse(value: unknown, bytes: number, what: string): `0x${string}` {
  if (typeof value !== "string" || !/^0x[0-9a-fA-F]*$/.test(value) || value.length !== 2 + 2 * bytes) {
    throw new AssayError({
      code: "ID_MALFORMED",
      message: `${what} must be 0x and ${2 * bytes} hex digits`,
      context: { value, what },
    });
  }
  return value.toLowerCase() as `0x${string}`;
}

/** @throws AssayError `ID_MALFORMED` unless `value` is 32 bytes of hex. */
export function hex32(value: unknown): Hex32 {
  return parse(value, 32, "A 32-byte value") as Hex32;
}

/** @throws AssayError `ID_MALFORMED` unless `value` is 20 bytes of hex. A checksum, where letters carry one, is not demanded. */
export function address(value: unknown): Address {
  return parse(value, 20, "An address") as Address;
}
