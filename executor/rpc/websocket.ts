import { createHash, randomBytes } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { Socket } from "node:net";
import { rpcError } from "./errors";

/**
 * A WebSocket client as far as waking up needs one (RFC 6455): text messages, ping and pong, close. Node 20 has none of
 * its own. No extensions are offered, and a message longer than the limit ends the connection.
 */
export class WebSocketConnection {
  readonly #socket: Socket;
  #pending = Buffer.alloc(0);
  #message: Buffer[] = [];

  private constructor(socket: Socket, handlers: WebSocketHandlers) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk, handlers));
    socket.on("error", () => socket.destroy());
    socket.once("close", () => handlers.onClose());
  }

  /** @throws AssayError `RPC_UNREACHABLE`, `RPC_MALFORMED` if the other side does not speak WebSocket. */
  static open(address: string, handlers: WebSocketHandlers, signal: AbortSignal): Promise<WebSocketConnection> {
    const url = new URL(address);
    const secure = url.protocol === "wss:";
    url.protocol = secure ? "https:" : "http:";
    const key = randomBytes(16).toString("base64");
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key };
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(url, { headers, signal });
      request.once("upgrade", (response, socket, head) => {
        const expected = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
        if (response.headers["sec-websocket-accept"] !== expected) {
          socket.destroy();
          reject(rpcError("RPC_MALFORMED", "the other side does not speak WebSocket"));
          return;
        }
        const connection = new WebSocketConnection(socket as Socket, handlers);
        if (head.length > 0) connection.#take(head, handlers);
        resolve(connection);
      });
      request.once("response", (response) => {
        response.destroy();
        reject(rpcError("RPC_MALFORMED", "the other side does not speak WebSocket", { context: { status: response.statusCode } }));
      });
      request.once("error", (cause) => reject(rpcError("RPC_UNREACHABLE", "no WebSocket at the address", { cause })));
      request.end();
    });
  }

  send(text: string): void {
    this.#frame(0x1, Buffer.from(text, "utf8"));
  }

  /** A keep-alive; the answer arrives as `onAlive`. */
  ping(): void {
    this.#frame(0x9, Buffer.alloc(0));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** A client masks every frame with a fresh key (RFC 6455, section 5.3). */
  #frame(opcode: number, payload: Buffer): void {
    if (this.#socket.destroyed) return;
    const length = payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0xfe, payload.length >> 8, payload.length & 255]);
    const mask = randomBytes(4);
    const masked = Buffer.from(payload.map((byte, i) => byte ^ (mask[i & 3] as number)));
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode]), length, mask, masked]));
  }

  #take(chunk: Buffer, handlers: WebSocketHandlers): void {
    handlers.onAlive();
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const frame = readFrame(this.#pending);
      if (frame === undefined) return;
      if (frame === "invalid") {
        this.close();
        return;
      }
      this.#pending = this.#pending.subarray(frame.length);
      this.#handle(frame, handlers);
    }
  }

  #handle(frame: Frame, handlers: WebSocketHandlers): void {
    if (frame.opcode === 0x9) this.#frame(0xa, frame.payload.subarray(0, 125));
    if (frame.opcode === 0x8) this.close();
    if (frame.opcode > 0x2) return;
    this.#message.push(Buffer.from(frame.payload));
    if (!frame.final) return;
    const text = Buffer.concat(this.#message).toString("utf8");
    this.#message = [];
    handlers.onMessage(text);
  }
}

export interface WebSocketHandlers {
  readonly onMessage: (text: string) => void;
  readonly onAlive: () => void;
  readonly onClose: () => void;
}

interface Frame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
  /** Of header and payload, in bytes. */
  readonly length: number;
}

/** A header of a block is some kilobytes; what is longer is not for us. */
const MAX_FRAME_BYTES = 1024 * 1024;

/** The first frame of the bytes, undefined if it is not complete yet. A server never masks. */
function readFrame(bytes: Buffer): Frame | "invalid" | undefined {
  if (bytes.length < 2) return undefined;
  const first = bytes[0] as number;
  const second = bytes[1] as number;
  if ((second & 0x80) !== 0 || (first & 0x70) !== 0) return "invalid";
  const extra = (second & 0x7f) === 126 ? 2 : (second & 0x7f) === 127 ? 8 : 0;
  if (bytes.length < 2 + extra) return undefined;
  const size = extra === 0 ? second & 0x7f : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (size > MAX_FRAME_BYTES) return "invalid";
  const length = 2 + extra + size;
  if (bytes.length < length) return undefined;
  return { final: (first & 0x80) !== 0, opcode: first & 0x0f, payload: bytes.subarray(2 + extra, length), length };
}
