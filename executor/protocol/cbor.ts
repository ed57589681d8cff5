import { ProtocolError } from "./protocolError";

/** Major types of RFC 8949, section 3.1, as far as attestation documents use them. */
export const Major = { unsigned: 0, bytes: 2, text: 3, array: 4, map: 5 } as const;
export type Major = (typeof Major)[keyof typeof Major];

const INDEFINITE_MAP = 0xbf;
const BREAK = 0xff;
const NULL = 0xf6;

/**
 * Reads CBOR front to back and demands the one shortest form of every head (RFC 8949, section 4.2.1). Indefinite
 * lengths are refused except for a map head read by `mapHead`, because recent Nitro documents open with one.
 * The Solidity twin is `CborReader`; both refuse the same bytes with the same code.
 */
export class CborReader {
  #offset: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, offset = 0) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** @throws ProtocolError `CBOR_TRUNCATED` at the end of the bytes */
  peek(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw this.#error("CBOR_TRUNCATED", "the bytes end where a value is due");
    return byte;
  }

  /**
   * Reads a head of the demanded major type and returns its number.
   * @throws ProtocolError `CBOR_TRUNCATED`, `CBOR_TYPE_UNEXPECTED`, `CBOR_HEAD_UNSUPPORTED`, `CBOR_HEAD_NOT_MINIMAL`
   */
  head(major: Major): bigint {
    const initial = this.peek();
    if (initial >> 5 !== major) throw this.#error("CBOR_TYPE_UNEXPECTED", `expected major type ${major}`);
    const info = initial & 0x1f;
    if (info < 24) {
      this.#offset++;
      return BigInt(info);
    }
    if (info > 27) throw this.#error("CBOR_HEAD_UNSUPPORTED", "reserved or indefinite length");
    const width = 1 << (info - 24);
    if (this.#offset + 1 + width > this.#bytes.length)
      throw this.#error("CBOR_TRUNCATED", "the bytes end inside a head");
    let value = 0n;
    for (let i = 1; i <= width; i++) value = (value << 8n) | BigInt(this.#bytes[this.#offset + i] as number);
    // The number would have fitted the next shorter head: 0..23 in the initial byte, else half the width.
    const least = width === 1 ? 24n : 1n << BigInt(4 * width);
    if (value < least) throw this.#error("CBOR_HEAD_NOT_MINIMAL", "a shorter head holds this number");
    this.#offset += 1 + width;
    return value;
  }

  /** Reads the head of a map: its number of entries, or undefined if entries run up to a break. */
  mapHead(): bigint | undefined {
    if (this.peek() !== INDEFINITE_MAP) return this.head(Major.map);
    this.#offset++;
    return undefined;
  }

  /** True, and skips it, if the next byte ends an indefinite map. */
  skipBreak(): boolean {
    return this.#skip(BREAK);
  }

  /** True, and skips it, if the next value is null. */
  skipNull(): boolean {
    return this.#skip(NULL);
  }

  /** True, and skips them, if exactly these bytes come next. */
  skipExactly(expected: Uint8Array): boolean {
    const end = this.#offset + expected.length;
    if (end > this.#bytes.length || Buffer.compare(this.#bytes.subarray(this.#offset, end), expected) !== 0)
      return false;
    this.#offset = end;
    return true;
  }

  /** The next `length` bytes, as a view. */
  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw this.#error("CBOR_TRUNCATED", "the bytes end inside a string");
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  /** @throws ProtocolError `CBOR_TRAILING_BYTES` unless everything was read */
  end(): void {
    if (this.#offset !== this.#bytes.length) throw this.#error("CBOR_TRAILING_BYTES", "bytes after the last value");
  }

  #skip(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.#offset++;
    return true;
  }

  #error(
    code:
      | "CBOR_TRUNCATED"
      | "CBOR_TYPE_UNEXPECTED"
      | "CBOR_HEAD_UNSUPPORTED"
      | "CBOR_HEAD_NOT_MINIMAL"
      | "CBOR_TRAILING_BYTES",
    message: string,
  ): ProtocolError {
    return new ProtocolError({ code, message, context: { offset: this.#offset } });
  }
}

/** The shortest head of a major type with this number. */
export function cborHead(major: Major, value: number | bigint): Uint8Array {
  const number = BigInt(value);
  if (number < 24n) return Uint8Array.of((major << 5) | Number(number));
  const log = number < 1n << 8n ? 0 : number < 1n << 16n ? 1 : number < 1n << 32n ? 2 : 3;
  const out = new Uint8Array(1 + (1 << log));
  out[0] = (major << 5) | (24 + log);
  for (let i = out.length - 1, rest = number; i > 0; i--, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

export function cborBytes(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([cborHead(Major.bytes, bytes.length), bytes]);
}

export function cborText(text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([cborHead(Major.text, bytes.length), bytes]);
}

export const CBOR_NULL = Uint8Array.of(NULL);
