import { ProtocolError } from "./protocolError";
import { MAX_TENSORS, type NamedTensor, NameRegister } from "./tensorSet";
import { type DType, isDType, MAX_RANK } from "./tensorType";

/** One declared input or output. A dimension of `null` is free. */
export interface SignatureEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | null)[];
}

/** What a model takes and gives, in its declared order. */
export interface TensorSignature {
  readonly inputs: readonly SignatureEntry[];
  readonly outputs: readonly SignatureEntry[];
}

const VERSION = 1;
const FREE = 0xffffffff;

/**
 * The one encoding of a model's signature (docs/protocol.md, section 1); `signatureHash` is its keccak256.
 * @throws ProtocolError `TENSOR_SIGNATURE_…`, `TENSOR_NAME_…`, `TENSOR_DIMENSION_INVALID`
 */
export function encodeTensorSignature(signature: TensorSignature): Uint8Array {
  return Buffer.concat([Uint8Array.of(VERSION), encodeHalf(signature.inputs), encodeHalf(signature.outputs)]);
}

function encodeHalf(entries: readonly SignatureEntry[]): Uint8Array {
  if (entries.length > MAX_TENSORS) {
    throw new ProtocolError({
      code: "TENSOR_SIGNATURE_TOO_MANY",
      message: "at most 255 inputs and 255 outputs",
      context: { count: entries.length },
    });
  }
  const seen = new NameRegister();
  return Buffer.concat([Uint8Array.of(entries.length), ...entries.map((entry) => encodeEntry(entry, seen))]);
}

function encodeEntry(entry: SignatureEntry, seen: NameRegister): Uint8Array {
  const name = seen.encode(entry.name);
  demandType(entry.dtype);
  demandRank(entry.dims.length);
  const out = Buffer.alloc(3 + name.length + 4 * entry.dims.length);
  out[0] = name.length;
  out.set(name, 1);
  out[1 + name.length] = entry.dtype;
  out[2 + name.length] = entry.dims.length;
  entry.dims.forEach((dim, i) => {
    // 2^32 - 1 as a number would read back as "free".
    if (dim !== null && (!Number.isInteger(dim) || dim < 0 || dim >= FREE)) {
      throw new ProtocolError({
        code: "TENSOR_DIMENSION_INVALID",
        message: "a fixed dimension is below 2^32 - 1",
        context: { dim },
      });
    }
    out.writeUInt32BE(dim ?? FREE, 3 + name.length + 4 * i);
  });
  return out;
}

/**
 * Reads a signature in its one encoding.
 * @throws ProtocolError `TENSOR_SIGNATURE_…`, `TENSOR_NAME_…`
 */
export function decodeTensorSignature(bytes: Uint8Array): TensorSignature {
  const reader = new Reader(bytes);
  const version = reader.byte();
  if (version !== VERSION) {
    throw new ProtocolError({
      code: "TENSOR_SIGNATURE_VERSION_UNKNOWN",
      message: "no such version of a signature",
      context: { version },
    });
  }
  const inputs = decodeHalf(reader);
  const outputs = decodeHalf(reader);
  if (reader.left > 0) {
    throw new ProtocolError({
      code: "TENSOR_SIGNATURE_TRAILING_BYTES",
      message: "bytes after the signature",
      context: { extra: reader.left },
    });
  }
  return { inputs, outputs };
}

function decodeHalf(reader: Reader): SignatureEntry[] {
  const seen = new NameRegister();
  return Array.from({ length: reader.byte() }, () => {
    const name = seen.decode(reader.take(reader.byte()));
    const dtype = demandType(reader.byte());
    const rank = demandRank(reader.byte());
    const dims = Array.from({ length: rank }, () => {
      const dim = reader.word();
      return dim === FREE ? null : dim;
    });
    return { name, dtype, dims };
  });
}

function demandType(dtype: number): DType {
  if (isDType(dtype)) return dtype;
  throw new ProtocolError({
    code: "TENSOR_SIGNATURE_TYPE_UNKNOWN",
    message: "no such element type",
    context: { dtype },
  });
}

function demandRank(rank: number): number {
  if (rank <= MAX_RANK) return rank;
  throw new ProtocolError({
    code: "TENSOR_SIGNATURE_RANK_TOO_HIGH",
    message: "too many dimensions",
    context: { rank },
  });
}

/** Takes bytes from the front and refuses to run past the end. */
class Reader {
  #offset = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  take(length: number): Buffer {
    if (length > this.left) {
      throw new ProtocolError({
        code: "TENSOR_SIGNATURE_TRUNCATED",
        message: "the bytes end inside a signature",
        context: { length: this.#bytes.length },
      });
    }
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  byte(): number {
    return this.take(1).readUInt8(0);
  }

  word(): number {
    return this.take(4).readUInt32BE(0);
  }
}

/** Why a set of tensors is not what an entry of a signature asks for. `index` counts in the declared order. */
export type SignatureMismatch =
  | { readonly kind: "COUNT"; readonly expected: number; readonly actual: number }
  | { readonly kind: "NAME"; readonly index: number; readonly expected: string; readonly actual: string }
  | {
      readonly kind: "TYPE";
      readonly index: number;
      readonly name: string;
      readonly expected: DType;
      readonly actual: DType;
    }
  | {
      readonly kind: "RANK";
      readonly index: number;
      readonly name: string;
      readonly expected: number;
      readonly actual: number;
    }
  | {
      readonly kind: "SHAPE";
      readonly index: number;
      readonly name: string;
      readonly expected: readonly (number | null)[];
      readonly actual: readonly number[];
    };

export type SignatureMatch = { readonly ok: true } | { readonly ok: false; readonly mismatch: SignatureMismatch };

/**
 * Compares tensors with the declared inputs (or outputs), in order, and names the first difference.
 * A free dimension takes any size; whether two free dimensions must agree only the model itself knows.
 */
export function matchSignature(entries: readonly SignatureEntry[], set: readonly NamedTensor[]): SignatureMatch {
  if (entries.length !== set.length) {
    return { ok: false, mismatch: { kind: "COUNT", expected: entries.length, actual: set.length } };
  }
  for (const [index, entry] of entries.entries()) {
    const mismatch = matchEntry({ index, entry, given: set[index] as NamedTensor }); // The lengths are equal.
    if (mismatch !== undefined) return { ok: false, mismatch };
  }
  return { ok: true };
}

function matchEntry(pair: { index: number; entry: SignatureEntry; given: NamedTensor }): SignatureMismatch | undefined {
  const { index, entry, given } = pair;
  const { name } = entry;
  const { dtype, dims } = given.tensor;
  if (name !== given.name) return { kind: "NAME", index, expected: name, actual: given.name };
  if (entry.dtype !== dtype) return { kind: "TYPE", index, name, expected: entry.dtype, actual: dtype };
  if (entry.dims.length !== dims.length) {
    return { kind: "RANK", index, name, expected: entry.dims.length, actual: dims.length };
  }
  if (entry.dims.some((dim, i) => dim !== null && dim !== dims[i])) {
    return { kind: "SHAPE", index, name, expected: entry.dims, actual: dims };
  }
  return undefined;
}
