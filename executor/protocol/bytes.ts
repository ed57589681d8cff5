import { AssayError } from "../domain/errors";
import type { HexBytes } from "../domain/ids";

/** 0x-prefixed lower-case hex of the bytes. */
export function bytesToHex(bytes: Uint8Array): HexBytes {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
}

/** @throws AssayError `HEX_MALFORMED` on an odd number of digits or anything that is not hex. */
export function hexToBytes(hex: string): Uint8Array {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(hex)) {
    throw new AssayError({
      code: "HEX_MALFORMED",
      message: "expected 0x and an even number of hex digits",
      context: { length: hex.length },
    });
  }
  const buffer = Buffer.from(hex.slice(2), "hex");
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** The bytes one after the other, in one new array. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
