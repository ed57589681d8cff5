import type { IncomingHttpHeaders, IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import WebSocket, { WebSocketServer } from "ws";
import type { FrontRouter } from "./frontRouter";
import { jsonText, type RpcMessage } from "./jsonRpc";
import type { PipeCaller } from "./pipePorts";

export interface SocketArgs {
  readonly router: FrontRouter;
  readonly upstreamUrl: string;
  readonly maxMessageBytes: number;
  /** Who asks for a socket; undefined for whom there is none. */
  admit(asked: {
    readonly url: string;
    readonly headers: IncomingHttpHeaders;
    readonly remote: string;
  }): PipeCaller | undefined;
  readonly onError: (error: unknown) => void;
}

/** Answers of a node may be larger than questions; beyond this it is broken. */
const MAX_UPSTREAM_BYTES = 256 * 2 ** 20;
/** What may wait to be written before the other side is read no more. */
const HIGH_WATER_BYTES = 4 * 2 ** 20;
/** Messages of one client that wait for an answer of ours before it is read no more. */
const MAX_IN_WORK = 256;
const HANDSHAKE_MS = 10_000;
const GOODBYE_MS = 1_000;
const UPSTREAM_GONE = 1011;

/**
 * WebSockets on the server's own port. Each client has one socket to the node of its own, so that subscriptions and ids need no translation; what PIPE answers
 * is taken out of the stream. When the node's end closes, the client's is closed with 1011: whoever subscribed must know that events are missing.
 */
export function attachSockets(server: Server, args: SocketArgs): { close(): Promise<void> } {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: args.maxMessageBytes });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const remote = request.socket.remoteAddress ?? "";
    const caller = args.admit({ url: request.url ?? "/", headers: request.headers, remote });
    if (caller === undefined) {
      // A client that is gone already is no error of ours.
      stream.on("error", () => undefined);
      stream.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, stream, head, (client) => serve(client, caller, args));
  });
  return {
    close: async () => {
      sockets.close();
      await Promise.all([...sockets.clients].map(endOf));
    },
  };
}

/** Says goodbye, and does not wait long for an answer. */
function endOf(client: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => client.terminate(), GOODBYE_MS);
    client.once("close", () => {
      clearTimeout(force);
      resolve();
    });
    client.resume();
    client.close(1001, "the engine stops");
  });
}

function serve(client: WebSocket, caller: PipeCaller, args: SocketArgs): void {
  const upstream = new WebSocket(args.upstreamUrl, {
    maxPayload: MAX_UPSTREAM_BYTES,
    handshakeTimeout: HANDSHAKE_MS,
    perMessageDeflate: false,
  });
  let inWork = 0;
  // The client is read only while there is room for what it says: here, and on the way to the node.
  let isConnected = false;
  const settle = (): void => {
    const isFull = !isConnected || inWork >= MAX_IN_WORK || upstream.bufferedAmount > HIGH_WATER_BYTES;
    if (isFull) client.pause();
    else client.resume();
  };
  const toClient = (text: string | Buffer): void => {
    if (client.readyState !== WebSocket.OPEN) return;
    client.send(text, { binary: false }, () => {
      if (client.bufferedAmount <= HIGH_WATER_BYTES) upstream.resume();
    });
    if (client.bufferedAmount > HIGH_WATER_BYTES && upstream.readyState === WebSocket.OPEN) upstream.pause();
  };
  const toUpstream = (message: RpcMessage): void => {
    const calls = message.members.flatMap((member) => ("call" in member ? [{ jsonrpc: "2.0", ...member.call }] : []));
    upstream.send(jsonText(message.batch ? calls : calls[0]), settle);
    settle();
  };
  // Transactions that follow one another on one socket are accepted in that order.
  let turn: Promise<unknown> = Promise.resolve();
  const answer = async (message: RpcMessage): Promise<void> => {
    try {
      const text = await args.router.answer(message, caller);
      if (text !== undefined) toClient(text);
    } catch (error) {
      args.onError(error);
      client.close(UPSTREAM_GONE, "internal error");
    }
  };

  settle();
  upstream.on("open", () => {
    isConnected = true;
    settle();
  });
  client.on("message", (data: Buffer, isBinary) => {
    if (isBinary) return client.close(1003, "JSON-RPC is text");
    const message = args.router.parse(data.toString("utf8"));
    if (args.router.passesThrough(message, caller)) return toUpstream(message);
    inWork += 1;
    const work = args.router.isOrdered(message) ? turn.then(() => answer(message)) : answer(message);
    if (args.router.isOrdered(message)) turn = work;
    void work.finally(() => {
      inWork -= 1;
      settle();
    });
    return settle();
  });
  upstream.on("message", (data: Buffer, isBinary) => {
    if (!isBinary) toClient(data);
  });
  const gone = (): void => {
    if (client.readyState === WebSocket.OPEN) client.close(UPSTREAM_GONE, "the node's end of this socket is closed");
    // A client that is not read any more would never see the close.
    client.resume();
  };
  // An error is always followed by "close".
  upstream.on("error", () => undefined);
  upstream.on("close", gone);
  client.on("error", () => undefined);
  client.on("close", () => upstream.terminate());
}
