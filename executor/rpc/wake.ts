import WebSocket from "ws";

/**
 * Calls `onWake` when the node announces a block. Only a hint: a dead, slow or lying socket delays nothing but the hint,
 * because the follower polls as well. It reconnects for as long as the signal lives.
 */
export function wakeOnBlocks(args: { url: string; onWake: () => void; signal: AbortSignal; retryMs?: number }): void {
  const { signal } = args;
  const connect = (): void => {
    if (signal.aborted) return;
    const socket = new WebSocket(args.url, { handshakeTimeout: 5_000 });
    const end = (): void => socket.terminate();
    signal.addEventListener("abort", end, { once: true });
    socket.on("open", () => socket.send('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'));
    socket.on("message", () => args.onWake());
    // An error is always followed by "close", which is where the next attempt starts.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      signal.removeEventListener("abort", end);
      if (!signal.aborted) setTimeout(connect, args.retryMs ?? 1_000).unref();
    });
  };
  connect();
}
