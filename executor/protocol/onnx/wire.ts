import { OnnxRefusal } from "./refusal";
import type { FieldKind, FieldRule, MessageSchema } from "./schema";

/** A range of the file, `start` inclusive, `stop` exclusive. */
export interface Span {
  readonly start: number;
  readonly stop: number;
}

/** One occurrence of a field. Which parts hold depends on the kind; a list of numbers may come packed as a span. */
export interface FieldValue {
  readonly number: number;
  /** The varint's value as int64, exact up to 2^53 and otherwise rounded; NaN unless the wire type is a varint. */
  readonly integer: number;
  /** The bytes of the value: content of length-delimited fields, the 4 or 8 bytes of fixed ones. */
  readonly span: Span;
  /** True for a list of numbers written as one length-delimited field. */
  readonly packed: boolean;
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const WIRE_TYPES: Readonly<Record<FieldKind, number>> = {
  int32: VARINT,
  int64: VARINT,
  float: FIXED32,
  double: FIXED64,
  string: DELIMITED,
  bytes: DELIMITED,
  message: DELIMITED,
};

/** Bytes of the longest varint for a tag or length (32 bits) and for a value (64 bits). */
const MAX_SHORT_VARINT = 5;
const MAX_VARINT = 10;

/**
 * A strict reader of the protobuf wire format: https://protobuf.dev/programming-guides/encoding/.
 * Stricter than protobuf on purpose. onnxruntime reads the same bytes with another parser, and whatever that one
 * would skip, merge or wrap silently is refused here, so that both read the same model.
 */
export class Wire {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  /** Where the last `varint` ended. */
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get whole(): Span {
    return { start: 0, stop: this.bytes.length };
  }

  /** Calls `visit` for each field of the message in `span`, in file order. @throws OnnxRefusal */
  walk(schema: MessageSchema, span: Span, visit: (value: FieldValue) => void): void {
    let seen = 0;
    let at = span.start;
    while (at < span.stop) {
      const tag = this.#varint({ start: at, stop: span.stop }, MAX_SHORT_VARINT);
      const wireType = tag % 8;
      const number = Math.floor(tag / 8);
      const rule = schema.fields[number];
      if (rule === undefined) throw new OnnxRefusal("ONNX_FIELD_UNKNOWN", `${schema.name} field ${number} at byte ${at}`);
      const packed = isPacked(rule, wireType);
      if (!packed && wireType !== WIRE_TYPES[rule.kind]) {
        throw new OnnxRefusal("ONNX_WIRE_TYPE", `${schema.name} field ${number} has wire type ${wireType}`);
      }
      if (!rule.repeated) {
        if (seen & (1 << number)) throw new OnnxRefusal("ONNX_FIELD_REPEATED", `${schema.name} field ${number} at byte ${at}`);
        seen |= 1 << number;
      }
      const value = this.#value({ number, rule, packed, span: { start: this.#position, stop: span.stop } });
      visit(value);
      at = value.span.stop;
    }
  }

  /** Calls `each` with every varint of a packed list. */
  packedIntegers(span: Span, each: (integer: number) => void): void {
    for (let at = span.start; at < span.stop; at = this.#position) each(this.#varint({ start: at, stop: span.stop }, MAX_VARINT));
  }

  /** The text of a name. @throws OnnxRefusal unless it is UTF-8: two names must not look alike after decoding. */
  text(span: Span): string {
    try {
      return decoder.decode(this.bytes.subarray(span.start, span.stop));
    } catch {
      throw new OnnxRefusal("ONNX_STRING_NOT_UTF8", `at byte ${span.start}`);
    }
  }

  #value(field: { number: number; rule: FieldRule; packed: boolean; span: Span }): FieldValue {
    const { number, rule, packed, span } = field;
    const wireType = packed ? DELIMITED : WIRE_TYPES[rule.kind];
    if (wireType === VARINT) {
      const integer = this.#varint(span, MAX_VARINT);
      if (rule.kind === "int32") demandInt32(integer);
      return { number, integer, packed, span: { start: span.start, stop: this.#position } };
    }
    let { start } = span;
    let length = wireType === FIXED32 ? 4 : 8;
    if (wireType === DELIMITED) {
      length = this.#varint(span, MAX_SHORT_VARINT);
      start = this.#position;
    }
    if (length > span.stop - start) {
      throw new OnnxRefusal("ONNX_TRUNCATED", `${length} bytes announced at byte ${start}, ${span.stop - start} left`);
    }
    if (packed && length % elementWidth(rule.kind) !== 0) {
      throw new OnnxRefusal("ONNX_TRUNCATED", `a packed list at byte ${start} ends inside an element`);
    }
    return { number, integer: Number.NaN, packed, span: { start, stop: start + length } };
  }

  /** Reads one minimal varint as a signed 64-bit number; of `MAX_SHORT_VARINT`, as an unsigned 32-bit one. */
  #varint(span: Span, maxBytes: number): number {
    const stop = Math.min(span.stop, span.start + maxBytes);
    let at = span.start;
    while (at < stop && this.#view.getUint8(at) >= 0x80) at += 1;
    if (at === stop) {
      const code = stop === span.stop ? "ONNX_TRUNCATED" : "ONNX_VARINT_OVERLONG";
      throw new OnnxRefusal(code, `varint at byte ${span.start}`);
    }
    const last = this.#view.getUint8(at);
    const length = at - span.start + 1;
    // A last group of zero is padding. The tenth group has room for bit 63 only, the fifth of a short one for four bits.
    const room = length === MAX_VARINT ? 1 : maxBytes === MAX_SHORT_VARINT && length === MAX_SHORT_VARINT ? 15 : 127;
    if ((length > 1 && last === 0) || last > room) throw new OnnxRefusal("ONNX_VARINT_OVERLONG", `varint at byte ${span.start}`);
    this.#position = at + 1;
    if (length === MAX_VARINT) return this.#negative(span.start);
    let value = 0;
    for (let i = at; i >= span.start; i -= 1) value = value * 128 + (this.#view.getUint8(i) & 0x7f);
    return value;
  }

  /** Ten bytes: bit 63 is set, so the value is `-(2^64 - x)`, summed from the complement to stay exact near zero. */
  #negative(start: number): number {
    let complement = 0;
    for (let i = start + 8; i >= start; i -= 1) complement = complement * 128 + (~this.#view.getUint8(i) & 0x7f);
    return -(complement + 1);
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isPacked(rule: FieldRule, wireType: number): boolean {
  return rule.repeated && wireType === DELIMITED && WIRE_TYPES[rule.kind] !== DELIMITED;
}

function elementWidth(kind: FieldKind): number {
  return kind === "double" ? 8 : kind === "float" ? 4 : 1;
}

/** protobuf would cut the number to 32 bits and go on with another value. */
export function demandInt32(integer: number): void {
  if (integer !== (integer | 0)) throw new OnnxRefusal("ONNX_INTEGER_RANGE", `${integer} is no int32`);
}
