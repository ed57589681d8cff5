import { isUtf8 } from "node:buffer";
import { CBOR_NULL, CborReader, cborBytes, cborHead, cborText, Major } from "./cbor";
import { ProtocolError } from "./protocolError";

/** The payload of an attestation document in AWS Nitro's layout. An optional part that is absent or null is empty here. */
export interface NitroPayload {
  readonly moduleId: string;
  /** Milliseconds since 1970 by the clock of whoever signs. */
  readonly timestampMs: bigint;
  /** 48-byte measurements by index 0..31; 0, 1 and 2 are always there. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** DER of the key that signs the document; empty in a development document, whose root signs itself. */
  readonly certificate: Uint8Array;
  /** DER of the certificates above it, root first; empty in a development document. */
  readonly cabundle: readonly Uint8Array[];
  readonly publicKey: Uint8Array;
  readonly userData: Uint8Array;
  readonly nonce: Uint8Array;
}

const PCR_BYTES = 48;
const MAX_PCRS = 32;
const MAX_FIELD_BYTES = 1024;
const MAX_MODULE_ID_BYTES = 256;
const MAX_CABUNDLE = 8;
const DIGEST = "SHA384";

/**
 * Reads a payload. Keys come in the order of every known document, each at most once; the map head is definite or, as
 * in documents since 2025, indefinite; everything inside is definite and shortest. `certificate`, `cabundle`,
 * `public_key`, `user_data` and `nonce` may be absent or null; whoever needs one demands that it is not empty.
 * The byte fields are views of `bytes`.
 * @throws ProtocolError `NITRO_…`, `CBOR_…`
 */
export function decodeNitroPayload(bytes: Uint8Array): NitroPayload {
  const reader = new CborReader(bytes);
  const map = new OrderedMap(reader);
  map.demand("module_id");
  const moduleId = readText(reader, MAX_MODULE_ID_BYTES);
  map.demand("digest");
  readDigest(reader);
  map.demand("timestamp");
  const timestampMs = reader.head(Major.unsigned);
  if (timestampMs === 0n) throw error("NITRO_TIMESTAMP", "the timestamp is zero");
  map.demand("pcrs");
  const pcrs = readPcrs(reader);
  const certificate = map.take("certificate") ? readOptional(reader, 1) : new Uint8Array();
  const cabundle = map.take("cabundle") ? readBundle(reader) : [];
  const publicKey = map.take("public_key") ? readOptional(reader, 0) : new Uint8Array();
  const userData = map.take("user_data") ? readOptional(reader, 0) : new Uint8Array();
  const nonce = map.take("nonce") ? readOptional(reader, 0) : new Uint8Array();
  map.end();
  reader.end();
  return { moduleId, timestampMs, pcrs, certificate, cabundle, publicKey, userData, nonce };
}

/** The keys of the payload: known, in order, each once, as many as the head says. */
class OrderedMap {
  readonly #reader: CborReader;
  /** Entries still to come; undefined if a break ends them. */
  #left: bigint | undefined;

  constructor(reader: CborReader) {
    this.#reader = reader;
    this.#left = reader.mapHead();
  }

  /** True, with the reader on its value, if this key comes next. */
  take(key: string): boolean {
    if (this.#left === 0n || !this.#reader.skipExactly(cborText(key))) return false;
    if (this.#left !== undefined) this.#left--;
    return true;
  }

  demand(key: string): void {
    if (!this.take(key)) throw error("NITRO_FIELD_UNEXPECTED", `expected the key ${key}`);
  }

  /** A key left over is unknown, repeated or out of order; none of it is skipped over. */
  end(): void {
    const ended = this.#left === undefined ? this.#reader.skipBreak() : this.#left === 0n;
    if (!ended) throw error("NITRO_FIELD_UNEXPECTED", "a key that is unknown, repeated or out of order");
  }
}

function readString(reader: CborReader, bounds: { major: 2 | 3; min: number; max: number }): Uint8Array {
  const length = reader.head(bounds.major);
  if (length < BigInt(bounds.min) || length > BigInt(bounds.max))
    throw error("NITRO_FIELD_LENGTH", `a field of ${length} bytes`);
  return reader.take(Number(length));
}

function readText(reader: CborReader, max: number): string {
  const text = readString(reader, { major: Major.text, min: 1, max });
  if (!isUtf8(text)) throw error("NITRO_MODULE_ID_NOT_UTF8", "the module id is not UTF-8");
  return Buffer.from(text).toString("utf8");
}

function readDigest(reader: CborReader): void {
  if (!reader.skipExactly(cborText(DIGEST))) throw error("NITRO_DIGEST", "the digest is not SHA384");
}

function readOptional(reader: CborReader, min: number): Uint8Array {
  if (reader.skipNull()) return new Uint8Array();
  return readString(reader, { major: Major.bytes, min, max: MAX_FIELD_BYTES });
}

function readBundle(reader: CborReader): Uint8Array[] {
  if (reader.skipNull()) return [];
  const count = reader.head(Major.array);
  if (count < 1n || count > BigInt(MAX_CABUNDLE))
    throw error("NITRO_FIELD_LENGTH", `a bundle of ${count} certificates`);
  return Array.from({ length: Number(count) }, () =>
    readString(reader, { major: Major.bytes, min: 1, max: MAX_FIELD_BYTES }),
  );
}

function readPcrs(reader: CborReader): Map<number, Uint8Array> {
  const count = reader.head(Major.map);
  if (count < 1n || count > BigInt(MAX_PCRS)) throw error("NITRO_PCR_COUNT", `${count} PCRs`);
  const pcrs = new Map<number, Uint8Array>();
  let next = 0;
  for (let i = 0n; i < count; i++) {
    const index = reader.head(Major.unsigned);
    // Ascending indexes leave no room for the same PCR twice, of which a later one could silently win.
    if (index < BigInt(next) || index >= BigInt(MAX_PCRS))
      throw error("NITRO_PCR_INDEX", `PCR ${index} out of order or bounds`);
    const length = reader.head(Major.bytes);
    if (length !== BigInt(PCR_BYTES)) throw error("NITRO_PCR_LENGTH", `a PCR of ${length} bytes`);
    pcrs.set(Number(index), reader.take(PCR_BYTES));
    next = Number(index) + 1;
  }
  if (![0, 1, 2].every((index) => pcrs.has(index))) throw error("NITRO_PCR_MISSING", "PCR 0, 1 or 2 is missing");
  return pcrs;
}

function error(code: ConstructorParameters<typeof ProtocolError>[0]["code"], message: string): ProtocolError {
  return new ProtocolError({ code, message });
}

/**
 * Writes a payload as the hypervisor does: definite head, empty optional parts as null, and neither `certificate` nor
 * `cabundle` where there is none (development documents).
 * The result reads back by `decodeNitroPayload`, which also checks it here, so that a bad part fails at its source.
 * @throws ProtocolError `NITRO_…`
 */
export function encodeNitroPayload(payload: NitroPayload): Uint8Array {
  const entries: (readonly [string, Uint8Array])[] = [
    ["module_id", cborText(payload.moduleId)],
    ["digest", cborText(DIGEST)],
    ["timestamp", cborHead(Major.unsigned, payload.timestampMs)],
    ["pcrs", pcrMap(payload.pcrs)],
  ];
  if (payload.certificate.length > 0) entries.push(["certificate", cborBytes(payload.certificate)]);
  if (payload.cabundle.length > 0) {
    entries.push([
      "cabundle",
      Buffer.concat([cborHead(Major.array, payload.cabundle.length), ...payload.cabundle.map(cborBytes)]),
    ]);
  }
  entries.push(
    ["public_key", orNull(payload.publicKey)],
    ["user_data", orNull(payload.userData)],
    ["nonce", orNull(payload.nonce)],
  );
  const body = entries.flatMap(([key, value]) => [cborText(key), value]);
  const bytes = Buffer.concat([cborHead(Major.map, entries.length), ...body]);
  decodeNitroPayload(bytes);
  return bytes;
}

function pcrMap(pcrs: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const sorted = [...pcrs].sort(([a], [b]) => a - b);
  const body = sorted.flatMap(([index, value]) => [cborHead(Major.unsigned, index), cborBytes(value)]);
  return Buffer.concat([cborHead(Major.map, sorted.length), ...body]);
}

function orNull(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? CBOR_NULL : cborBytes(bytes);
}
