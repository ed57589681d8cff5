import { ProtocolError } from "../protocolError";

/** Tags of X.690 that certificates of the AWS profile use. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** [3], constructed: the extensions of a TBSCertificate. */
  extensions: 0xa3,
} as const;

/**
 * Reads DER (X.690, section 10) front to back. Every length has its one shortest form, so that two spellings of a value never both pass: the
 * unsigned parts of a certificate could else be varied at will.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** @throws ProtocolError `DER_TRUNCATED` where nothing is left */
  peek(): number {
    return this.#byte(this.#offset);
  }

  /** The content of the next value, which has to have this tag. @throws ProtocolError `DER_…` */
  take(tag: number): Uint8Array {
    if (this.peek() !== tag) throw this.#error("DER_TAG_UNEXPECTED", `expected the tag 0x${tag.toString(16)}`);
    const { length, start } = this.#length(this.#offset + 1);
    const end = start + length;
    if (end > this.#bytes.length) throw this.#error("DER_TRUNCATED", "a value is longer than what holds it");
    this.#offset = end;
    return this.#bytes.subarray(start, end);
  }

  /** The next value with its head. */
  takeWhole(tag: number): Uint8Array {
    const from = this.#offset;
    this.take(tag);
    return this.#bytes.subarray(from, this.#offset);
  }

  /** A reader of what is in the next value. */
  enter(tag: number): DerReader {
    return new DerReader(this.take(tag));
  }

  /** The last value: a reader of what is in it. @throws ProtocolError `DER_TRAILING_BYTES` if another one follows */
  enterLast(tag: number): DerReader {
    const inner = this.enter(tag);
    this.end();
    return inner;
  }

  /** True, and skips them, if exactly these bytes come next. */
  skipExactly(expected: Uint8Array): boolean {
    const end = this.#offset + expected.length;
    if (Buffer.compare(this.#bytes.subarray(this.#offset, end), expected) !== 0) return false;
    this.#offset = end;
    return true;
  }

  /** The bytes of an INTEGER that is not negative, without the zero that only keeps its sign. */
  takeUnsigned(): Uint8Array {
    const at = this.#offset;
    const content = this.take(Tag.integer);
    const [first, second] = content;
    const negative = first === undefined || first >= 0x80;
    const padded = first === 0 && second !== undefined;
    if (negative || (padded && second < 0x80)) {
      throw new ProtocolError({
        code: "DER_INTEGER_INVALID",
        message: "an INTEGER that is empty, negative or not the shortest",
        context: { offset: at },
      });
    }
    return padded ? content.subarray(1) : content;
  }

  /** The next `count` bytes, which follow a head that was compared as a whole; undefined if there are fewer. */
  raw(count: number): Uint8Array | undefined {
    const end = this.#offset + count;
    if (end > this.#bytes.length) return undefined;
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  /** @throws ProtocolError `DER_TRAILING_BYTES` unless everything was read */
  end(): void {
    if (!this.done) throw this.#error("DER_TRAILING_BYTES", "bytes after the last value");
  }

  /** The length at an offset, and where the content starts. Short form up to 127, then one byte, then two; no certificate needs more. */
  #length(at: number): { readonly length: number; readonly start: number } {
    const first = this.#byte(at);
    if (first < 0x80) return { length: first, start: at + 1 };
    if (first === 0x81) {
      const length = this.#byte(at + 1);
      if (length >= 0x80) return { length, start: at + 2 };
    }
    if (first === 0x82) {
      const length = 256 * this.#byte(at + 1) + this.#byte(at + 2);
      if (length >= 0x100) return { length, start: at + 3 };
    }
    throw this.#error("DER_LENGTH_INVALID", "a length that is indefinite, not the shortest, or above 65,535");
  }

  #byte(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw this.#error("DER_TRUNCATED", "the bytes end where a value is due");
    return byte;
  }

  #error(
    code: "DER_TRUNCATED" | "DER_TAG_UNEXPECTED" | "DER_LENGTH_INVALID" | "DER_TRAILING_BYTES",
    message: string,
  ): ProtocolError {
    return new ProtocolError({ code, message, context: { offset: this.#offset } });
  }
}
