import { isUtf8 } from "node:buffer";
import { ProtocolError } from "./protocolError";
import { elementBytes, isDType, MAX_ELEMENTS, MAX_RANK, type NumericDType, type StringDType } from "./tensorType";

/** `data` holds the elements row-major and little-endian, exactly as AT1 and onnxruntime do. */
export interface NumericTensor {
  readonly dtype: NumericDType;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** Text elements, row-major. Each is well-formed (no lone surrogate) and free of U+0000. */
export interface StringTensor {
  readonly dtype: StringDType;
  readonly dims: readonly number[];
  readonly strings: readonly string[];
}

export type Tensor = NumericTensor | StringTensor;

const VERSION = 1;
const STRING = 8;
const BOOL = 9;
const FIXED_HEAD_BYTES = 3;

/**
 * The number of elements of a shape: the product of its dimensions, 1 for a scalar.
 * @throws ProtocolError `TENSOR_RANK_TOO_HIGH`, `TENSOR_DIMENSION_INVALID`, `TENSOR_TOO_LARGE`
 */
export function elementCount(dims: readonly number[]): number {
  if (dims.length > MAX_RANK) {
    throw new ProtocolError({
      code: "TENSOR_RANK_TOO_HIGH",
      message: `a tensor has at most ${MAX_RANK} dimensions`,
      context: { rank: dims.length },
    });
  }
  let product = 1;
  let empty = false;
  for (const dim of dims) {
    if (!Number.isInteger(dim) || dim < 0 || dim > 0xffffffff) {
      throw new ProtocolError({
        code: "TENSOR_DIMENSION_INVALID",
        message: "a dimension is an integer of 32 bits",
        context: { dim },
      });
    }
    if (dim === 0) empty = true;
    else product *= dim;
    // Tested in every step, so that the product stays exact in a double and a zero further on hides nothing.
    if (product > MAX_ELEMENTS) {
      throw new ProtocolError({
        code: "TENSOR_TOO_LARGE",
        message: `a tensor has at most ${MAX_ELEMENTS} elements`,
        context: { dims },
      });
    }
  }
  return empty ? 0 : product;
}

/** The length of `encodeTensor(tensor)` without encoding it. */
export function tensorByteLength(tensor: Tensor): number {
  const head = FIXED_HEAD_BYTES + 4 * tensor.dims.length;
  if (tensor.dtype !== STRING) return head + tensor.data.length;
  return tensor.strings.reduce((sum, text) => sum + 4 + Buffer.byteLength(text, "utf8"), head);
}

/**
 * The one AT1 encoding of a tensor (docs/protocol.md, section 1). NaNs are taken verbatim.
 * @throws ProtocolError any `TENSOR_…` code that names what the tensor breaks
 */
export function encodeTensor(tensor: Tensor): Uint8Array {
  const out = new Uint8Array(tensorByteLength(tensor));
  writeTensor(tensor, { out, offset: 0 });
  return out;
}

/** A place in a larger encoding. */
export interface Place {
  readonly out: Uint8Array;
  readonly offset: number;
}

/**
 * Writes the AT1 encoding at a place and returns the offset after it. `out` must have room for `tensorByteLength`.
 * Lets a set be encoded with one copy of each payload.
 */
export function writeTensor(tensor: Tensor, place: Place): number {
  const { out, offset: start } = place;
  if (!isDType(tensor.dtype)) {
    // The types rule this out; a value that came through JSON or a cast may still get here.
    throw new ProtocolError({
      code: "TENSOR_TYPE_UNKNOWN",
      message: "no such element type",
      context: { dtype: (tensor as Tensor).dtype },
    });
  }
  const count = elementCount(tensor.dims);
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint8(start, VERSION);
  view.setUint8(start + 1, tensor.dtype);
  view.setUint8(start + 2, tensor.dims.length);
  let offset = start + FIXED_HEAD_BYTES;
  for (const dim of tensor.dims) {
    view.setUint32(offset, dim);
    offset += 4;
  }
  if (tensor.dtype === STRING) {
    demandLength(count, tensor.strings.length);
    return writeStrings(tensor.strings, { out, offset });
  }
  demandLength(count * elementBytes(tensor.dtype), tensor.data.length);
  if (tensor.dtype === BOOL) demandBools(tensor.data);
  out.set(tensor.data, offset);
  return offset + tensor.data.length;
}

function writeStrings(strings: readonly string[], place: Place): number {
  const out = Buffer.from(place.out.buffer, place.out.byteOffset, place.out.byteLength);
  let { offset } = place;
  strings.forEach((text, index) => {
    if (/\p{Surrogate}/u.test(text)) throw stringError("TENSOR_STRING_NOT_UTF8", index);
    if (text.includes("\0")) throw stringError("TENSOR_STRING_HAS_NUL", index);
    const length = out.write(text, offset + 4, "utf8");
    out.writeUInt32BE(length, offset);
    offset += 4 + length;
  });
  return offset;
}

/**
 * Reads one AT1 tensor and refuses every byte string that `encodeTensor` would not have written.
 * `data` is a view of `bytes`, not a copy: whoever changes one changes the other.
 * @throws ProtocolError any `TENSOR_…` code
 */
export function decodeTensor(bytes: Uint8Array): Tensor {
  if (bytes.length < FIXED_HEAD_BYTES) throw truncated(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  if (version !== VERSION) {
    throw new ProtocolError({
      code: "TENSOR_VERSION_UNKNOWN",
      message: "no such tensor version",
      context: { version },
    });
  }
  const dtype = view.getUint8(1);
  if (!isDType(dtype)) {
    throw new ProtocolError({ code: "TENSOR_TYPE_UNKNOWN", message: "no such element type", context: { dtype } });
  }
  const rank = view.getUint8(2);
  if (rank > MAX_RANK) {
    throw new ProtocolError({ code: "TENSOR_RANK_TOO_HIGH", message: "too many dimensions", context: { rank } });
  }
  const head = FIXED_HEAD_BYTES + 4 * rank;
  if (bytes.length < head) throw truncated(bytes.length);
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(FIXED_HEAD_BYTES + 4 * i));
  const count = elementCount(dims);
  const payload = bytes.subarray(head);
  if (dtype === STRING) return { dtype, dims, strings: readStrings(payload, count) };
  demandLength(count * elementBytes(dtype), payload.length);
  if (dtype === BOOL) demandBools(payload);
  return { dtype, dims, data: payload };
}

function readStrings(payload: Uint8Array, count: number): string[] {
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  // Each element takes four bytes at least, so a hostile count is refused before anything is allocated for it.
  if (4 * count > buffer.length) demandLength(4 * count, buffer.length);
  const strings = new Array<string>(count);
  let offset = 0;
  for (let index = 0; index < count; index++) {
    if (offset + 4 > buffer.length) demandLength(offset + 4, buffer.length);
    const end = offset + 4 + buffer.readUInt32BE(offset);
    if (end > buffer.length) demandLength(end, buffer.length);
    const text = buffer.subarray(offset + 4, end);
    if (!isUtf8(text)) throw stringError("TENSOR_STRING_NOT_UTF8", index);
    if (text.includes(0)) throw stringError("TENSOR_STRING_HAS_NUL", index);
    strings[index] = text.toString("utf8");
    offset = end;
  }
  demandLength(offset, buffer.length);
  return strings;
}

function demandBools(data: Uint8Array): void {
  for (let index = 0; index < data.length; index++) {
    if ((data[index] as number) > 1) {
      throw new ProtocolError({
        code: "TENSOR_BOOL_NOT_CANONICAL",
        message: "a bool is 0 or 1",
        context: { index, value: data[index] },
      });
    }
  }
}

function demandLength(expected: number, actual: number): void {
  if (expected !== actual) {
    throw new ProtocolError({
      code: "TENSOR_LENGTH_MISMATCH",
      message: "the payload has another length than its shape",
      context: { expected, actual },
    });
  }
}

function truncated(length: number): ProtocolError {
  return new ProtocolError({
    code: "TENSOR_TRUNCATED",
    message: "the bytes end inside the head of a tensor",
    context: { length },
  });
}

function stringError(code: "TENSOR_STRING_NOT_UTF8" | "TENSOR_STRING_HAS_NUL", index: number): ProtocolError {
  return new ProtocolError({ code, message: "a string element can not be carried", context: { index } });
}
