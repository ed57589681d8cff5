import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketConnection } from "./websocket";

export interface HeadWatchOptions {
  /** `ws://` or `wss://`. */
  readonly url: string;
  /** Called at every new head and at every connection; it may be late, early, doubled or missing, so it decides nothing. */
  readonly onHead: () => void;
  /** Called when the connection comes and goes: a loop that is not woken must poll faster. */
  readonly onState?: (connected: boolean) => void;
  /** A connection silent for so long is given up, in milliseconds; half-way a ping is sent. Default 30,000. */
  readonly silenceMs?: number;
  /** Wait before a new connection, doubled up to 32 times, in milliseconds. Default 100. */
  readonly retryMs?: number;
}

/**
 * Follows `newHeads` until the signal, through every loss of the connection. A cut socket often gives no error at all
 * (measured), hence the pings.
 */
export async function watchHeads(options: HeadWatchOptions, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const connected = await watchOnce(options, signal).catch(() => false);
    options.onState?.(false);
    failures = connected ? 0 : failures + 1;
    const wait = (options.retryMs ?? 100) * 2 ** Math.min(failures, 5);
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}

/** One connection from its opening to its end; true if it was ever open. */
async function watchOnce(options: HeadWatchOptions, signal: AbortSignal): Promise<boolean> {
  const silenceMs = options.silenceMs ?? 30_000;
  let heardAt = performance.now();
  let ended: () => void = () => undefined;
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const opening = AbortSignal.any([signal, AbortSignal.timeout(silenceMs)]);
  const connection = await WebSocketConnection.open(
    options.url,
    {
      onMessage: (text) => {
        if (isNotification(text)) options.onHead();
      },
      onAlive: () => {
        heardAt = performance.now();
      },
      onClose: () => ended(),
    },
    opening,
  );
  const timer = setInterval(() => {
    if (performance.now() - heardAt > silenceMs) connection.close();
    else connection.ping();
  }, silenceMs / 2);
  const stop = () => connection.close();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  connection.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] }));
  options.onState?.(true);
  // Blocks mined while nobody listened were announced to nobody.
  options.onHead();
  await end;
  clearInterval(timer);
  signal.removeEventListener("abort", stop);
  return true;
}

function isNotification(text: string): boolean {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === "object" && message !== null && "method" in message && message.method === "eth_subscription";
  } catch {
    return false;
  }
}
