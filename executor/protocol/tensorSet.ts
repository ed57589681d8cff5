import { isUtf8 } from "node:buffer";
import { ProtocolError } from "./protocolError";
import { decodeTensor, type Tensor, tensorByteLength, writeTensor } from "./tensor";

/** A tensor under the name that the model declares for it. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

const VERSION = 1;
export const MAX_TENSORS = 255;
const MAX_NAME_BYTES = 255;

/**
 * The one encoding of the inputs or outputs of a run (docs/protocol.md, section 1), in the order given, which must be
 * the model's declared one. `inputHash` and `outputHash` are keccak256 of these bytes.
 * @throws ProtocolError `TENSOR_SET_TOO_MANY`, `TENSOR_NAME_…` and the codes of `encodeTensor`
 */
export function encodeTensorSet(set: readonly NamedTensor[]): Uint8Array {
  if (set.length > MAX_TENSORS) {
    throw new ProtocolError({
      code: "TENSOR_SET_TOO_MANY",
      message: "a set has at most 255 tensors",
      context: { count: set.length },
    });
  }
  const seen = new NameRegister();
  const parts = set.map(({ name, tensor }) => ({ name: seen.encode(name), tensor, length: tensorByteLength(tensor) }));
  const out = new Uint8Array(parts.reduce((sum, part) => sum + 5 + part.name.length + part.length, 2));
  const view = new DataView(out.buffer);
  out[0] = VERSION;
  out[1] = set.length;
  let offset = 2;
  for (const { name, tensor, length } of parts) {
    out[offset] = name.length;
    out.set(name, offset + 1);
    view.setUint32(offset + 1 + name.length, length);
    offset = writeTensor(tensor, { out, offset: offset + 5 + name.length });
  }
  return out;
}

/**
 * Reads a tensor set and refuses every byte string that `encodeTensorSet` would not have written.
 * The payloads are views of `bytes`, not copies.
 * @throws ProtocolError `TENSOR_SET_…`, `TENSOR_NAME_…` and the codes of `decodeTensor`
 */
export function decodeTensorSet(bytes: Uint8Array): NamedTensor[] {
  if (bytes.length < 2) throw truncated(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(0);
  if (version !== VERSION) {
    throw new ProtocolError({
      code: "TENSOR_SET_VERSION_UNKNOWN",
      message: "no such version of a tensor set",
      context: { version },
    });
  }
  const count = view.getUint8(1);
  const seen = new NameRegister();
  const set: NamedTensor[] = [];
  let offset = 2;
  for (let i = 0; i < count; i++) {
    if (offset >= bytes.length) throw truncated(bytes.length);
    const nameEnd = offset + 1 + view.getUint8(offset);
    if (nameEnd + 4 > bytes.length) throw truncated(bytes.length);
    const name = seen.decode(bytes.subarray(offset + 1, nameEnd));
    const end = nameEnd + 4 + view.getUint32(nameEnd);
    if (end > bytes.length) throw truncated(bytes.length);
    set.push({ name, tensor: decodeTensor(bytes.subarray(nameEnd + 4, end)) });
    offset = end;
  }
  if (offset !== bytes.length) {
    throw new ProtocolError({
      code: "TENSOR_SET_TRAILING_BYTES",
      message: "bytes after the last tensor",
      context: { extra: bytes.length - offset },
    });
  }
  return set;
}

/** The rules that names of tensors keep, in a set and in each half of a signature: 1..255 bytes of UTF-8, each name once. */
export class NameRegister {
  readonly #seen = new Set<string>();

  /** @throws ProtocolError `TENSOR_NAME_LENGTH`, `TENSOR_NAME_NOT_UTF8`, `TENSOR_NAME_REPEATED` */
  encode(name: string): Uint8Array {
    const bytes = Buffer.from(name, "utf8");
    this.#demandLength(bytes);
    if (/\p{Surrogate}/u.test(name)) throw nameError("TENSOR_NAME_NOT_UTF8", name);
    this.#record(name);
    return bytes;
  }

  /** @throws ProtocolError `TENSOR_NAME_LENGTH`, `TENSOR_NAME_NOT_UTF8`, `TENSOR_NAME_REPEATED` */
  decode(bytes: Uint8Array): string {
    this.#demandLength(bytes);
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    if (!isUtf8(bytes)) throw nameError("TENSOR_NAME_NOT_UTF8", name);
    this.#record(name);
    return name;
  }

  #demandLength(bytes: Uint8Array): void {
    if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES) {
      throw new ProtocolError({
        code: "TENSOR_NAME_LENGTH",
        message: "a name has 1 to 255 bytes",
        context: { length: bytes.length },
      });
    }
  }

  #record(name: string): void {
    if (this.#seen.has(name)) throw nameError("TENSOR_NAME_REPEATED", name);
    this.#seen.add(name);
  }
}

function nameError(code: "TENSOR_NAME_NOT_UTF8" | "TENSOR_NAME_REPEATED", name: string): ProtocolError {
  return new ProtocolError({ code, message: "a tensor's name can not be carried", context: { name } });
}

function truncated(length: number): ProtocolError {
  return new ProtocolError({
    code: "TENSOR_SET_TRUNCATED",
    message: "the bytes end inside a tensor set",
    context: { length },
  });
}
