import type { Socket } from "node:net";
import { type Frame, frameParts } from "../../protocol/frames";

/** Pieces up to this size are joined: one copy of a few kilobytes is cheaper than another entry of a gathered write. */
const JOIN_BYTES = 16 * 1024;

/** Writes a frame with one system call where it is small, and without copying its large sections where it is not. */
export function writeFrame(socket: Socket, frame: Frame): void {
  const parts = frameParts(frame);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  if (total <= JOIN_BYTES) {
    socket.write(Buffer.concat(parts, total));
    return;
  }
  socket.cork();
  for (const part of parts) socket.write(part);
  socket.uncork();
}
