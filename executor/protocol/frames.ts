import { AssayError } from "../domain/errors";

/**
 * Frames between supervisor, signer and runner (docs/protocol.md, section 6): this file knows bytes only, what a section
 * means is in `executor/enclave/image/messages.ts`. It has no dependency, because runner and signer carry it inside the image.
 *
 * `u32 length | u8 version | u8 type | u16 flags | u32 sections`, then per section `u16 tag | u16 reserved | u32 length | bytes`.
 */
export const FRAME_VERSION = 1;
/** The most that `length` may say, and what it counts at least: version, type, flags and the number of sections. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const MIN_FRAME_BYTES = 8;
const LENGTH_BYTES = 4;
const SECTION_HEAD_BYTES = 8;
const MAX_SECTIONS = 16;

/** Every type of frame. Replies carry bit 7; 0x30 is kept for partial output. */
export const FrameType = {
  configure: 0x01,
  load: 0x02,
  run: 0x03,
  sign: 0x04,
  attest: 0x05,
  status: 0x06,
  hello: 0x80,
  configured: 0x81,
  loaded: 0x82,
  ran: 0x83,
  signed: 0x84,
  attested: 0x85,
  statusReply: 0x86,
  failed: 0x8f,
  runnerLoad: 0x20,
  runnerRun: 0x21,
  runnerReady: 0xa0,
  runnerLoaded: 0xa1,
  runnerRan: 0xa2,
  runnerFailed: 0xa3,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Every tag. 0x40-0x4f is kept for context, 0x50-0x5f for sealed input. */
export const SectionTag = {
  /** JSON of the message's fields. */
  body: 0x01,
  input: 0x10,
  model: 0x11,
  output: 0x12,
  proof: 0x13,
  signature: 0x14,
  publicKey: 0x15,
  userData: 0x16,
  keyConfig: 0x17,
} as const;
export type SectionTag = (typeof SectionTag)[keyof typeof SectionTag];

const TYPES: ReadonlySet<number> = new Set(Object.values(FrameType));
const TAGS: ReadonlySet<number> = new Set(Object.values(SectionTag));

export interface Frame {
  readonly type: FrameType;
  /** Views of the received bytes, by tag. */
  readonly sections: ReadonlyMap<SectionTag, Uint8Array>;
}

export type FrameErrorCode =
  | "FRAME_LENGTH"
  | "FRAME_VERSION_UNKNOWN"
  | "FRAME_TYPE_UNKNOWN"
  | "FRAME_FLAGS"
  | "FRAME_SECTION_COUNT"
  | "FRAME_SECTION_TAG"
  | "FRAME_SECTION_LENGTH"
  /** A section that the message needs is missing, one that it has no place for is there, or its fields are malformed. */
  | "FRAME_MESSAGE";

/** A breach of the protocol. The connection has no state to go on from: whoever sees one kills the sender. */
export class FrameError extends AssayError {
  declare readonly code: FrameErrorCode;

  constructor(code: FrameErrorCode, message: string, context: Readonly<Record<string, unknown>> = {}) {
    super({ code, message, context, retry: "never" });
    this.name = "FrameError";
  }
}

/**
 * The frame as pieces to be written one after the other. Sections are handed through as they are, so that a model or an
 * image is not copied on its way into the socket.
 * @throws FrameError `FRAME_LENGTH`, `FRAME_SECTION_COUNT` when the frame is larger than the protocol allows
 */
export function frameParts(frame: Frame): Uint8Array[] {
  const sections = [...frame.sections].sort(([a], [b]) => a - b);
  if (sections.length > MAX_SECTIONS)
    throw new FrameError("FRAME_SECTION_COUNT", "too many sections", { count: sections.length });
  const length = sections.reduce((sum, [, bytes]) => sum + SECTION_HEAD_BYTES + bytes.length, MIN_FRAME_BYTES);
  if (length > MAX_FRAME_BYTES) throw new FrameError("FRAME_LENGTH", "the frame is too large", { length });
  const head = Buffer.alloc(LENGTH_BYTES + MIN_FRAME_BYTES);
  head.writeUInt32BE(length, 0);
  head.writeUInt8(FRAME_VERSION, 4);
  head.writeUInt8(frame.type, 5);
  head.writeUInt32BE(sections.length, 8);
  const parts: Uint8Array[] = [head];
  for (const [tag, bytes] of sections) {
    const sectionHead = Buffer.alloc(SECTION_HEAD_BYTES);
    sectionHead.writeUInt16BE(tag, 0);
    sectionHead.writeUInt32BE(bytes.length, 4);
    parts.push(sectionHead, bytes);
  }
  return parts;
}

/** The frame in one array. */
export function encodeFrame(frame: Frame): Uint8Array {
  return Buffer.concat(frameParts(frame));
}

/**
 * Reads what follows a frame's length.
 * @throws FrameError any code but `FRAME_MESSAGE`
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < MIN_FRAME_BYTES)
    throw new FrameError("FRAME_LENGTH", "shorter than its head", { length: buffer.length });
  const version = buffer.readUInt8(0);
  const type = buffer.readUInt8(1);
  const flags = buffer.readUInt16BE(2);
  const count = buffer.readUInt32BE(4);
  if (version !== FRAME_VERSION) throw new FrameError("FRAME_VERSION_UNKNOWN", "no such version", { version });
  if (!TYPES.has(type)) throw new FrameError("FRAME_TYPE_UNKNOWN", "no such type", { type });
  if (flags !== 0) throw new FrameError("FRAME_FLAGS", "flags are zero", { flags });
  if (count > MAX_SECTIONS) throw new FrameError("FRAME_SECTION_COUNT", "too many sections", { count });
  const sections = new Map<SectionTag, Uint8Array>();
  let offset = MIN_FRAME_BYTES;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const start = offset + SECTION_HEAD_BYTES;
    if (start > buffer.length)
      throw new FrameError("FRAME_SECTION_LENGTH", "the head of a section is cut short", { offset });
    const tag = buffer.readUInt16BE(offset);
    // Ascending tags leave one spelling of a frame and no room for the same section twice.
    if (!TAGS.has(tag) || tag <= last || buffer.readUInt16BE(offset + 2) !== 0) {
      throw new FrameError(
        "FRAME_SECTION_TAG",
        "a tag is unknown or out of order, or its reserved bytes are not zero",
        { tag },
      );
    }
    const end = start + buffer.readUInt32BE(offset + 4);
    if (end > buffer.length) throw new FrameError("FRAME_SECTION_LENGTH", "a section runs past the frame", { tag });
    sections.set(tag as SectionTag, buffer.subarray(start, end));
    last = tag;
    offset = end;
  }
  if (offset !== buffer.length)
    throw new FrameError("FRAME_LENGTH", "bytes after the last section", { extra: buffer.length - offset });
  return { type: type as FrameType, sections };
}

/**
 * Checks the length that a frame announces before anything is allocated for it.
 * @throws FrameError `FRAME_LENGTH`
 */
export function checkFrameLength(length: number, maxBytes: number = MAX_FRAME_BYTES): number {
  if (length < MIN_FRAME_BYTES || length > Math.min(maxBytes, MAX_FRAME_BYTES)) {
    throw new FrameError("FRAME_LENGTH", "a frame announces a length out of bounds", { length, maxBytes });
  }
  return length;
}

/**
 * Cuts a stream into frames. A frame that lies whole in one chunk is handed out as views of the chunk; one that spans
 * chunks is copied once, into a buffer of its announced (and checked) length.
 */
export class FrameReader {
  readonly #maxBytes: number;
  #head: Buffer = Buffer.alloc(0);
  #body: Buffer | undefined;
  #filled = 0;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The frames that this chunk completes.
   * @throws FrameError on the first violation; the reader is of no use afterwards
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0 || this.#body?.length === this.#filled) {
      if (this.#body !== undefined) {
        const copied = rest.copy(this.#body, this.#filled);
        this.#filled += copied;
        rest = rest.subarray(copied);
        if (this.#filled < this.#body.length) break;
        frames.push(decodeFrame(this.#body));
        this.#body = undefined;
        continue;
      }
      if (this.#head.length > 0 || rest.length < LENGTH_BYTES) {
        const missing = LENGTH_BYTES - this.#head.length;
        this.#head = Buffer.concat([this.#head, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#head.length < LENGTH_BYTES) break;
      } else {
        this.#head = rest.subarray(0, LENGTH_BYTES);
        rest = rest.subarray(LENGTH_BYTES);
      }
      const length = checkFrameLength(this.#head.readUInt32BE(0), this.#maxBytes);
      this.#head = Buffer.alloc(0);
      if (rest.length >= length) {
        frames.push(decodeFrame(rest.subarray(0, length)));
        rest = rest.subarray(length);
      } else {
        // Not zeroed: every byte is written before it is read, and untouched pages of a false length cost nothing.
        this.#body = Buffer.allocUnsafeSlow(length);
        this.#filled = 0;
      }
    }
    return frames;
  }
}
