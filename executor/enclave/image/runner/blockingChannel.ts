import { readSync, writeSync } from "node:fs";
import { checkFrameLength, decodeFrame, type Frame, frameParts } from "../../../protocol/frames";

/** More is not kept for the next frame: a model comes once, and would lie there beside what onnxruntime made of it. */
const KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Frames over a blocking socket. A runner has nothing to do while it waits and onnxruntime blocks its thread anyway; without an
 * event loop in between a round trip takes a third less time, and a hostile model finds no loop to put work into.
 */
export class BlockingChannel {
  readonly #fd: number;
  readonly #length = Buffer.alloc(4);
  #body = Buffer.alloc(0);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * The next frame, or undefined when the peer has closed. Its sections are good until the next call: they lie in memory that is used again,
   * because fresh pages for an image cost as much as a small model's run.
   */
  read(): Frame | undefined {
    if (!this.#fill(this.#length)) return undefined;
    const length = checkFrameLength(this.#length.readUInt32BE(0));
    if (length > this.#body.length && length <= KEPT_BYTES) this.#body = Buffer.allocUnsafeSlow(length);
    const body = length <= this.#body.length ? this.#body.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    return this.#fill(body) ? decodeFrame(body) : undefined;
  }

  write(frame: Frame): void {
    // Small pieces go out together, so that an ordinary answer is one system call.
    let pending: Uint8Array[] = [];
    let size = 0;
    for (const part of frameParts(frame)) {
      pending.push(part);
      size += part.length;
      if (size < 64 * 1024) continue;
      this.#drain(Buffer.concat(pending));
      pending = [];
      size = 0;
    }
    if (size > 0) this.#drain(Buffer.concat(pending));
  }

  #fill(target: Buffer): boolean {
    let filled = 0;
    while (filled < target.length) {
      const count = readSync(this.#fd, target, filled, target.length - filled, null);
      if (count === 0) return false;
      filled += count;
    }
    return true;
  }

  #drain(bytes: Buffer): void {
    let offset = 0;
    while (offset < bytes.length) offset += writeSync(this.#fd, bytes, offset);
  }
}
